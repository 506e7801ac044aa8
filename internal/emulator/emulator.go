// Package emulator emulates the parts of AWS that ssmbak uses: Parameter Store, S3, the
// tagging API, the security token service, a little of IAM, KMS and SQS, and as much of
// CloudFormation, Lambda and CloudWatch Logs as a stack of ssmbak needs, at one address, and
// the queue that receives Parameter Store's events.
//
// An [AWS] is one emulated account. It serves requests over a socket ([AWS.Listen]) or in
// memory ([AWS.Client]). [Faults] determine what goes wrong, and a [Clock] determines the
// time.
//
// The package uses neither the AWS SDK nor any package that it is used to test, so that
// it does not share their mistakes.
package emulator

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/cfnapi"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Options configure an [AWS]. The zero value means account 123456789012 in us-east-1
// with the machine's clock.
type Options struct {
	Account, Region string
	// Clock is the clock of all services; nil means the machine's clock.
	Clock *Clock
	// SSM configures Parameter Store. Its Account, Region and Now are overwritten. Events
	// are sent to the queue unless Emit is set.
	// S3Clock is the clock of S3, Clock if nil. Clock may be behind it: then parameters
	// have changed in the past, and are recorded now.
	S3Clock *Clock
	SSM     ssmapi.Options
	Queue   QueueOptions
	// TrailDelay is how much later than other events those of CloudTrail are sent: "on
	// average within about 5 minutes" of the request.
	// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
	TrailDelay time.Duration
	Seed       int64
	// Latency returns the duration of a request to a service, half of which is before the
	// request takes effect; nil means 0.
	Latency func(service, op string) time.Duration
	// Limits are the maximum rates of operations, in requests per second, by names such
	// as "ssm:PutParameter". The burst is the number of requests in one second. Requests
	// above the limit are throttled and have no effect. Operations with a common limit
	// are separated by commas: "ssm:GetParameter,GetParameters". Other operations have no
	// limit. See [StandardThroughput].
	Limits map[string]float64
	Stack  StackOptions
}

// AWS is an emulated account in one region. It is safe for concurrent use.
type AWS struct {
	S3     *s3api.Store
	SSM    *ssmapi.Store
	Queue  *Queue
	Faults *Faults
	Clock  *Clock
	// Functions are the Lambda functions, none at first.
	Functions *Functions
	Logs      *Logs

	stacks  *cfnapi.Store // nil if there is no CloudFormation
	invoke  func(function string, payload []byte)
	account string
	region  string
	latency func(service, op string) time.Duration
	limits  *limits
	signing signingKeys

	mu     sync.Mutex
	counts map[string]int
}

// New returns an empty account.
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
	if o.S3Clock == nil {
		o.S3Clock = o.Clock
	}
	a := &AWS{
		S3:    s3api.New(s3api.Options{Account: o.Account, Region: o.Region, Now: o.S3Clock.Now, Seed: o.Seed}),
		Queue: newQueue(o.Queue, o.Clock), Faults: &Faults{}, Clock: o.Clock, Functions: &Functions{},
		account: o.Account, region: o.Region, latency: o.Latency, counts: make(map[string]int),
		limits: newLimits(o.Clock, o.Limits),
	}
	a.Logs, a.invoke = &Logs{clock: o.Clock}, o.Stack.Invoke
	if o.Stack.Bucket != "" {
		a.stacks = a.newStacks(o.Stack)
	}
	o.SSM.Account, o.SSM.Region, o.SSM.Now = o.Account, o.Region, o.Clock.Now
	if o.SSM.Emit == nil {
		o.SSM.Emit = func(e ssmapi.Event) {
			switch {
			case !matches(e):
			case e.DetailType == "AWS API Call via CloudTrail":
				a.Queue.sendLater(e, o.TrailDelay)
			default:
				a.Queue.Send(e)
			}
		}
	}
	a.SSM = ssmapi.New(o.SSM)
	return a
}

// matches reports whether an event matches the rules whose target is the queue.
func matches(e ssmapi.Event) bool {
	switch e.DetailType {
	case "Parameter Store Change", "Parameter Store Policy Action", "AWS API Call via CloudTrail":
		return e.Source == "aws.ssm"
	case "Tag Change on Resource":
		return e.Source == "aws.tag" && e.Detail["service"] == "ssm" && e.Detail["resource-type"] == "parameter"
	}
	return false
}

// call is the operation that a request calls.
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
	case hasPrefix(target, sqsTarget):
		return call{"sqs", ssmapi.Operation(r), "", a.serveSQS}
	case hasPrefix(target, kmsTarget):
		return call{"kms", ssmapi.Operation(r), "", a.serveKMS}
	case isSTS(r):
		f := form(r)
		if c, ok := a.stackCall(r, f); ok {
			return c
		}
		if f.Get("Version") == iamVersion {
			return call{"iam", f.Get("Action"), "", a.serveIAM}
		}
		return call{"sts", "GetCallerIdentity", "", a.serveSTS}
	}
	if op := lambdaOperation(r); op != "" {
		return call{"lambda", op, "", a.serveLambda}
	}
	if c, ok := a.stackCall(r, nil); ok {
		return c
	}
	op, _, key := s3api.Operation(r)
	return call{"s3", op, key, a.S3.ServeHTTP}
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// ServeHTTP serves all APIs: requests with a target header are for the JSON APIs, forms
// are for STS, and all others are for S3.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := a.call(r)
	a.mu.Lock()
	a.counts[c.service+":"+c.op]++
	a.mu.Unlock()
	fault := a.Faults.next(c, r)
	if err := a.serve(w, r, c, fault); err != nil {
		// Close the connection without a response.
		panic(http.ErrAbortHandler)
	}
}

// Counts returns the number of requests of each operation, by names such as
// "s3:GetObject".
func (a *AWS) Counts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := make(map[string]int, len(a.counts))
	maps.Copy(counts, a.counts)
	return counts
}

// ResetCounts resets all counts to zero.
func (a *AWS) ResetCounts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.counts)
}
