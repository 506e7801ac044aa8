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
// live on its quota. Retries and their pace are the client's.
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
	// Writer is the client of the requests that write, which are throttled far
	// earlier than those that read; the one of all others if nil.
	Writer *ssm.Client
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

// New returns the Parameter Store that the client talks to.
func New(client *ssm.Client, o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Writer == nil {
		o.Writer = client
	}
	return &Store{client: client, writer: o.Writer, tagging: o.Tagging, log: o.Logger}
}

// Window is when a reading was made, by the caller's clock: the first request
// was sent at Began, the last answer was there at Ended.
type Window struct{ Began, Ended ssmbak.Time }

func begin() Window { return Window{Began: ssmbak.TimeOf(time.Now())} }

func (w *Window) end() { w.Ended = ssmbak.TimeOf(time.Now()) }
