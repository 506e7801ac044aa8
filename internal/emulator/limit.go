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

// limits are the rates at which an account serves operations. Each is a bucket of
// tokens, as AWS documents it for EC2, that is filled at the rate and holds what
// comes in one second; of Parameter Store's burst nothing is documented.
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

// newLimits reads rates by operations: a service and, after a colon, its
// operations with commas between them. It panics where a rate is not positive, a
// name has not this form, or an operation has two rates.
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

// take reports whether a request of the operation is served. One that is not
// takes nothing, so that rejected requests do not delay others.
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

// StandardThroughput are the rates that Parameter Store is known to have by
// default: of PutParameter and DeleteParameter as its users found them
// (https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
// and .../5243), of DescribeParameters on
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-troubleshooting.html,
// and the one that the GetParameter family shares on
// https://docs.aws.amazon.com/general/latest/gr/ssm.html. No rate is published
// of GetParameterHistory, ListTagsForResource and the label operations; these
// have none here. The map is the caller's own.
func StandardThroughput() map[string]float64 {
	return map[string]float64{
		"ssm:PutParameter": 3, "ssm:DescribeParameters": 3, "ssm:DeleteParameter,DeleteParameters": 5,
		"ssm:GetParameter,GetParameters,GetParametersByPath": 40,
	}
}

// HigherThroughput are the rates of an account that pays for more, from the same
// sources. The rate of DeleteParameter stays.
func HigherThroughput() map[string]float64 {
	return map[string]float64{
		"ssm:PutParameter": 10, "ssm:DescribeParameters": 10, "ssm:DeleteParameter,DeleteParameters": 5,
		"ssm:GetParameter,GetParameters": 3000, "ssm:GetParametersByPath": 100,
	}
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
