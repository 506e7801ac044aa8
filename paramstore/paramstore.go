// Package paramstore is live Parameter Store: it reads histories, lists
// parameters, and writes and deletes them, in the domain's words.
//
// # What a read proves
//
// Parameter Store is eventually consistent, so a read may answer from a moment
// before it. Each reading therefore carries the [Window] in which it was made
// and says no more than what was answered in it.
//
// # Requests
//
// Histories are read by GetParameterHistory, lists by DescribeParameters, and
// GetParameter is used for single secret values only, because applications
// live on its quota.
//
// Parameter Store allows few requests per second, and how many differs by
// operation and by account: 3 PutParameter and 3 DescribeParameters, 10 of each
// with higher throughput, 5 DeleteParameter; of other operations no number is
// published. A [Store] finds the rate of each operation and keeps to it, so that
// no call fails for throttling: it goes on until it is served or its context ends.
// A write that is refused with TooManyUpdates is tried for [BusyPatience].
// Other errors are tried again as the client that was given to [New] does.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
//
// # Concurrency
//
// A [Store] may be used by many goroutines at once.
package paramstore

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
)

// Options tune a [Store]. The zero value works.
type Options struct {
	// Tagging lists the tags of many parameters at once; without it
	// [Store.Tagged] fails.
	Tagging *resourcegroupstaggingapi.Client
	// MaxRate bounds the requests per second that write, of all operations
	// together and with those that are tried again, so that others can use the
	// rest of the account's rate. 0 is no bound.
	MaxRate float64
	// Waiting is called when the writes of a parameter have been refused with
	// TooManyUpdates for two seconds, with what AWS says, "" for nothing: they are
	// tried for [BusyPatience] in all. It is called once for each write that waits,
	// one call at a time; nothing is said if it is nil.
	Waiting func(parameter, message string)
	// Logger takes what happens below the answers; nothing if nil. No value
	// ever reaches it.
	Logger *slog.Logger
}

// Store is the Parameter Store of one account in one region.
type Store struct {
	client  *ssm.Client
	writer  *ssm.Client
	tagging *resourcegroupstaggingapi.Client
	log     *slog.Logger
}

// New returns the Parameter Store that the client talks to. The client is not
// changed; the store's own clients have its region, credentials and endpoint.
func New(client *ssm.Client, o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{client: paced(client, 0, nil), writer: paced(client, o.MaxRate, o.Waiting), tagging: o.Tagging, log: o.Logger}
}

// Window is when a reading was made, by the caller's clock: the first request
// was sent at Began, the last answer was there at Ended.
type Window struct{ Began, Ended ssmbak.Time }

func begin() Window { return Window{Began: ssmbak.TimeOf(time.Now())} }

func (w *Window) end() { w.Ended = ssmbak.TimeOf(time.Now()) }
