// Package emulator is AWS on one machine, as far as ssmbak needs it: Parameter
// Store, S3, the tagging API and the security token service behind one address,
// and the queue that Parameter Store's events run into.
//
// # The model
//
// An [AWS] holds all of it. Requests come in over a socket ([AWS.Listen]) or,
// without one, through [AWS.Client]. What goes wrong on the way is decided by
// [Faults]. Time is that of a [Clock], which a test may steer.
//
// It uses neither the AWS SDK nor any package that it helps to test, so that
// it shares no mistake with them.
package emulator

import (
	"net/http"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Options say which AWS is played. The zero value is account 123456789012 in
// us-east-1 on the machine's own clock.
type Options struct {
	Account, Region string
	// Clock is the time of everything; the machine's if nil.
	Clock *Clock
	// SSM steers Parameter Store. Its Account, Region and Now are set here. Events go
	// to the queue unless it has an Emit of its own.
	SSM   ssmapi.Options
	Queue QueueOptions
	Seed  int64
	// Latency is how long a request of a service takes, half of it before it
	// takes effect; none if nil.
	Latency func(service, op string) time.Duration
	// Limits are how many requests per second an operation serves, by names like
	// "ssm:PutParameter", and as many at once after a second without any. What
	// is more is throttled and changes nothing. Operations that share a limit
	// share one limit under their names with commas: "ssm:GetParameter,GetParameters". An
	// operation that is not named has no limit. See [StandardThroughput].
	Limits map[string]float64
}

// AWS is one account in one region. It may be used by many goroutines at once.
type AWS struct {
	S3     *s3api.Store
	SSM    *ssmapi.Store
	Queue  *Queue
	Faults *Faults
	Clock  *Clock

	account string
	latency func(service, op string) time.Duration
	limits  *limits

	mu     sync.Mutex
	counts map[string]int
}

// New returns an AWS that holds nothing.
func New(o Options) *AWS {
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Clock == nil {
		o.Clock = RealClock()
	}
	a := &AWS{
		S3:    s3api.New(s3api.Options{Account: o.Account, Region: o.Region, Now: o.Clock.Now, Seed: o.Seed}),
		Queue: newQueue(o.Queue, o.Clock), Faults: &Faults{}, Clock: o.Clock,
		account: o.Account, latency: o.Latency, counts: make(map[string]int),
		limits: newLimits(o.Clock, o.Limits),
	}
	o.SSM.Account, o.SSM.Region, o.SSM.Now = o.Account, o.Region, o.Clock.Now
	if o.SSM.Emit == nil {
		o.SSM.Emit = func(e ssmapi.Event) {
			if matches(e) {
				a.Queue.Send(e)
			}
		}
	}
	a.SSM = ssmapi.New(o.SSM)
	return a
}

// matches is the pattern of the rules that feed the queue.
func matches(e ssmapi.Event) bool {
	switch e.DetailType {
	case "Parameter Store Change", "Parameter Store Policy Action":
		return e.Source == "aws.ssm"
	case "Tag Change on Resource":
		return e.Source == "aws.tag" && e.Detail["service"] == "ssm" && e.Detail["resource-type"] == "parameter"
	}
	return false
}

// call is what a request asks for.
type call struct {
	service, op string
	key         string // the object's key, "" where it is about none
	handler     http.HandlerFunc
}

func (a *AWS) call(r *http.Request) call { return a.limits.limited(a.route(r)) }

func (a *AWS) route(r *http.Request) call {
	target := r.Header.Get("X-Amz-Target")
	switch {
	case hasPrefix(target, "AmazonSSM."):
		return call{"ssm", ssmapi.Operation(r), "", a.SSM.ServeHTTP}
	case hasPrefix(target, "ResourceGroupsTaggingAPI_20170126."):
		return call{"tagging", ssmapi.Operation(r), "", a.SSM.ServeTagging}
	case isSTS(r):
		return call{"sts", "GetCallerIdentity", "", a.serveSTS}
	}
	op, _, key := s3api.Operation(r)
	return call{"s3", op, key, a.S3.ServeHTTP}
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// ServeHTTP serves every API. It distinguishes them by what only one of them has:
// the JSON ones by their target, STS by its form, and S3 is the rest.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := a.call(r)
	a.mu.Lock()
	a.counts[c.service+":"+c.op]++
	a.mu.Unlock()
	fault := a.Faults.next(c, r)
	if err := a.serve(w, r, c, fault); err != nil {
		// The connection ends without an answer.
		panic(http.ErrAbortHandler)
	}
}

// Counts returns the number of requests of each operation, by names like
// "s3:GetObject".
func (a *AWS) Counts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := make(map[string]int, len(a.counts))
	for op, n := range a.counts {
		counts[op] = n
	}
	return counts
}

// ResetCounts resets all counts to zero.
func (a *AWS) ResetCounts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.counts)
}
