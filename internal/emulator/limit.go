package emulator

import (
	"net/http"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// limits are the rates at which an account serves operations. Each is a bucket of
// tokens, as AWS documents it for EC2, that is filled at the rate and holds what
// comes in one second; of Parameter Store's burst nothing is documented.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html
type limits struct {
	clock *Clock
	rates map[string]float64

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time // when it held so many
}

// take reports whether a request of the operation is served. One that is not
// takes nothing, so that who asks in vain delays nobody.
func (l *limits) take(op string) bool {
	rate, limited := l.rates[op]
	if !limited {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now, burst := l.clock.Now(), max(rate, 1)
	b := l.buckets[op]
	if b == nil {
		b = &bucket{tokens: burst, at: now}
		l.buckets[op] = b
	}
	b.tokens = min(burst, b.tokens+rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// limited is the call with the limit of its operation before it. The limit is
// met when the request arrives, after half of its latency.
func (l *limits) limited(c call) call {
	serve := c.handler
	c.handler = func(w http.ResponseWriter, r *http.Request) {
		if l.take(c.service + ":" + c.op) {
			serve(w, r)
			return
		}
		// Parameter Store's words: https://repost.aws/knowledge-center/ssm-parameter-store-rate-exceeded
		const message = "Rate exceeded"
		switch c.service {
		case "s3":
			s3api.WriteError(w, r, SlowDown.Status, SlowDown.Code, message)
		case "sts":
			writeSTSError(w, http.StatusBadRequest, "Throttling", message)
		default:
			ssmapi.WriteError(w, Throttled.Status, Throttled.Code, message)
		}
	}
	return c
}
