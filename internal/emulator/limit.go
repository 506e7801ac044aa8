package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// limits are the rate limits of an account. Each is a token bucket, as AWS documents for
// EC2, with the tokens of one second as its size. The burst of Parameter Store is not
// documented.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html
type limits struct {
	clock *Clock

	mu      sync.Mutex
	buckets map[string]*bucket // by operation
}

type bucket struct {
	rate, tokens float64
	at           time.Time // when it held so many
}

// newLimits returns limits with the given rates. The keys are a service, a colon, and
// comma-separated operations. It panics if a rate is not positive, a key is malformed, or
// an operation has two rates.
func newLimits(clock *Clock, rates map[string]float64) *limits {
	l := &limits{clock: clock, buckets: map[string]*bucket{}}
	for names, rate := range rates {
		service, ops, ok := strings.Cut(names, ":")
		if !ok || rate <= 0 {
			panic(fmt.Sprintf("emulator: the limit %q of %g is none", names, rate))
		}
		shared := &bucket{rate: rate, tokens: max(rate, 1), at: clock.Now()}
		for op := range strings.SplitSeq(ops, ",") {
			name := service + ":" + op
			if op == "" || l.buckets[name] != nil {
				panic(fmt.Sprintf("emulator: %q has no name, or two limits", name))
			}
			l.buckets[name] = shared
		}
	}
	return l
}

// take reports whether a request of the operation is within its limit. Rejected requests
// use no token, so that they do not delay others.
func (l *limits) take(op string) bool {
	b := l.buckets[op]
	if b == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	b.tokens = min(max(b.rate, 1), b.tokens+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// StandardThroughput returns the default rates of Parameter Store, as far as known: of
// PutParameter and DeleteParameter as observed by users
// (https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
// and .../5243), of DescribeParameters on
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-troubleshooting.html,
// and the one that the GetParameter family shares on
// https://docs.aws.amazon.com/general/latest/gr/ssm.html. The rates of
// GetParameterHistory, ListTagsForResource and the label operations are not published;
// they are unlimited here. The caller may modify the map.
func StandardThroughput() map[string]float64 {
	return map[string]float64{
		"ssm:PutParameter": 3, "ssm:DescribeParameters": 3, "ssm:DeleteParameter,DeleteParameters": 5,
		"ssm:GetParameter,GetParameters,GetParametersByPath": 40,
	}
}

// limited returns a call with the limit of its operation. The limit is checked when the
// request arrives, after half of its latency.
func (l *limits) limited(c call) call {
	serve := c.handler
	c.handler = func(w http.ResponseWriter, r *http.Request) {
		if l.take(c.service + ":" + c.op) {
			serve(w, r)
			return
		}
		// Parameter Store's message: https://repost.aws/knowledge-center/ssm-parameter-store-rate-exceeded
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
