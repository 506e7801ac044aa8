// Package paramstore reads, lists, writes and deletes the live parameters in
// Parameter Store.
//
// # Consistency
//
// Parameter Store is eventually consistent: a read may return an earlier state. Each
// [History] therefore has the [Window] in which it was read.
//
// # Requests
//
// A [Store] reads histories with GetParameterHistory and lists parameters with
// DescribeParameters. It calls GetParameter only in [Store.Secret], because
// applications depend on that operation's quota.
//
// Parameter Store's rate limits differ by operation and account: 3 PutParameter and
// 3 DescribeParameters per second, 10 of each with higher throughput, and 5
// DeleteParameter. For other operations AWS publishes no limit. A [Store] finds the
// rate of each operation and keeps to it, and retries throttled calls until they
// succeed or their context ends. It retries a write that fails with TooManyUpdates
// for [BusyPatience], and other errors as the client passed to [New] does.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
//
// # Concurrency
//
// A [Store] is safe for concurrent use.
package paramstore

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsclock"
)

// Options configure a [Store]. The zero value is valid.
type Options struct {
	// Tagging is the client for [Store.Tagged], which fails without it.
	Tagging *resourcegroupstaggingapi.Client
	// MaxReadRate limits the read requests per second, of all operations together and
	// including retries, to leave quota for other clients. 0 means unlimited.
	MaxReadRate float64
	// MaxRate limits the write requests per second, of all operations together and
	// including retries, to leave quota for other clients. 0 means unlimited.
	MaxRate float64
	// Waiting, if not nil, is called when the writes of a parameter have failed with
	// TooManyUpdates for two seconds, with AWS's message, which may be "". They are
	// retried for [BusyPatience] in total. It is called once per waiting write, and
	// calls never overlap.
	Waiting func(parameter, message string)
	// Logger receives warnings. If nil, nothing is logged. Log records never contain
	// values.
	Logger *slog.Logger
}

// Store is the Parameter Store of one account in one region.
type Store struct {
	client  *ssm.Client
	writer  *ssm.Client
	tagging *resourcegroupstaggingapi.Client
	log     *slog.Logger
	clock   *awsclock.Clock // compares this machine's clock with Parameter Store's
}

// New returns a Store with the region, credentials and endpoint of client, which is
// not modified.
func New(client *ssm.Client, o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	clock := new(awsclock.Clock)
	return &Store{
		client: paced(client, o.MaxReadRate, nil, clock), writer: paced(client, o.MaxRate, o.Waiting, clock),
		tagging: o.Tagging, log: o.Logger, clock: clock,
	}
}

// Window is the time in which a read was made, by the clock of this machine: just before
// the first request was sent, and just after the last response arrived. If that clock clearly
// differs from Parameter Store's, the window is extended such that it contains the read by
// Parameter Store's clock, too.
type Window struct{ Began, Ended ssmbak.Time }

// Window begins a read. The returned function ends it.
func (s *Store) Window() (end func() Window) {
	began := time.Now()
	return func() Window {
		ahead := s.clock.Ahead()
		return Window{ssmbak.TimeOf(began.Add(-max(ahead, 0))), ssmbak.TimeOf(time.Now().Add(-min(ahead, 0)))}
	}
}
