// Package recorder turns Parameter Store events into facts in the archive.
//
// # The model
//
// An event contains neither the value nor the version. It may arrive late, more
// than once, out of order, or never. It is only a signal to read the named
// parameter. Reading a parameter and recording everything that the archive does
// not have is a sync, and all recording consists of syncs: [Recorder.Handle]
// syncs the parameters named by events, [Recorder.Reconcile] those whose live
// state differs from the archive.
//
// A sync may be repeated, interrupted at any point, and run concurrently with
// other syncs of the same parameter. It records what it observed as facts, which
// remain true regardless of what else is recorded. Package timeline derives a
// parameter's states from its facts.
//
// # When an event is settled
//
// An observation may be older than the change that an event announces. An event
// is settled once a version from the same second is known that no other event
// has claimed, or once it is proved that there was no such version. Until then
// Handle returns the message to the queue, after recording everything that it
// observed. Five minutes after the event's time the event is recorded as a missed
// change. An event that only says that something changed, such as a label event
// or an expiration, is settled by any observation that surely reflects it.
//
// Log records and errors never contain values.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/drill"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// giveUp is how long after its own second an event may wait for its version
// before it is recorded as a missed change.
const giveUp = 5 * time.Minute

// Options configure a [Recorder].
type Options struct {
	// Account and Region identify the Parameter Store that is recorded. Events
	// from any other account or region are refused.
	Account, Region string
	// Exclude lists patterns, as in package pattern, of parameters that are not
	// recorded: their events are dropped and Reconcile skips them. An empty,
	// non-nil slice excludes nothing. Nil makes Reconcile use the patterns of the
	// last complete reconcile.
	Exclude []string
	// CheckEvery is the time in which reconciles of everything read each parameter at
	// least once, whatever the reconcile cache says: a program that may write to the
	// bucket can forge the cache together with an index. If zero, they believe it.
	CheckEvery time.Duration
	// Checkpoints makes complete reconciles write checkpoints of an archive that is signed,
	// see [archive.Writer.Checkpoint].
	Checkpoints bool
	// Parallel is the maximum number of concurrent syncs, and of concurrent writes of
	// values, 32 if zero.
	Parallel int
	// Logger receives one record per synced parameter with its name, version,
	// size, lag and outcome. If nil, nothing is logged.
	Logger *slog.Logger
}

// parameters is the part of [paramstore.Store] that a recorder uses.
type parameters interface {
	History(ctx context.Context, name ssmbak.Name) (paramstore.History, error)
	DecryptedHistory(ctx context.Context, name ssmbak.Name) (paramstore.History, error)
	Secret(ctx context.Context, name ssmbak.Name, number int64) (paramstore.Secret, error)
	Secrets(ctx context.Context, name ssmbak.Name) ([]paramstore.Secret, error)
	Tags(ctx context.Context, name ssmbak.Name) (map[string]string, error)
	Window() (end func() paramstore.Window)
	Describe(ctx context.Context, target ssmbak.Target) iter.Seq2[paramstore.Description, error]
	DescribeOne(ctx context.Context, name ssmbak.Name) (paramstore.Description, error)
	drill.Parameters // only to remove what a killed drill left
	Tagged(ctx context.Context) iter.Seq2[paramstore.Tagged, error]
}

// Recorder records the parameter changes of one account in one region. It is safe
// for concurrent use.
type Recorder struct {
	archive *archive.Writer
	live    parameters
	o       Options
	log     *slog.Logger
	writes  *semaphore.Weighted // bounds the concurrent writes of values
}

// New returns a recorder that reads from live and writes to a. The caller must
// have called [archive.Archive.Establish] before.
func New(a *archive.Archive, live *paramstore.Store, o Options) *Recorder {
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Recorder{archive: archive.NewWriter(a), live: live, o: o, log: o.Logger, writes: semaphore.NewWeighted(int64(o.Parallel))}
}

// Message is one SQS message.
type Message struct {
	ID   string
	Body []byte // one EventBridge event
	// Sent is when the message was first sent to the queue.
	Sent time.Time
	// Receives is SQS's ApproximateReceiveCount, 1 for the first delivery.
	Receives int
}

// Failure names a message that must be delivered again, and the reason.
type Failure struct {
	ID  string
	Err error
}

// NotSettledError reports that Parameter Store does not yet show the change that
// an event announced. Everything that it does show has been recorded.
type NotSettledError struct {
	Name      ssmbak.Name
	Operation ssmbak.Operation
	// Call is what a CloudTrail event reports, nil for any other event: the archive has
	// nothing yet about the parameter.
	Call *timeline.Call
	Time ssmbak.Time
}

func (e *NotSettledError) Error() string {
	if e.Call != nil {
		return fmt.Sprintf("%s of %s at %v is reported, and nothing about it is recorded yet", e.Call.API, e.Name, e.Time)
	}
	return fmt.Sprintf("parameter store does not yet show the %s of %s at %v", e.Operation, e.Name, e.Time)
}

// Batch is the result of [Recorder.Process].
type Batch struct {
	// Failures are the messages that must be delivered again. All others are done and
	// may be deleted from the queue.
	Failures []Failure
	// Lag is the age of the oldest change when the batch ended. Events have the second of
	// their change.
	Lag time.Duration
	// Unreadable lists parameters with a version whose value is unavailable, Gaps those found
	// to have gaps, and Forged those whose index another program had written, and whose newest
	// signed version was restored. All are sorted.
	Unreadable, Gaps, Forged []ssmbak.Name
}

// Handle is [Recorder.Process] for callers that need only the failures.
func (r *Recorder) Handle(ctx context.Context, batch []Message) []Failure {
	return r.Process(ctx, batch).Failures
}

// Process records a batch of messages. One sync serves all messages for a parameter.
// Parameters are synced concurrently, and a failure of one does not affect the others.
func (r *Recorder) Process(ctx context.Context, batch []Message) Batch {
	var out Batch
	groups := make(map[ssmbak.Name][]signal)
	var names []ssmbak.Name
	oldest := ssmbak.MaxTime
	for _, m := range batch {
		signals, err := r.parse(ctx, m)
		if err != nil {
			r.log.ErrorContext(ctx, "invalid message", "message", m.ID, "error", err.Error())
			out.Failures = append(out.Failures, Failure{m.ID, err})
			continue
		}
		for _, n := range signals {
			switch {
			case n.unchanged:
				r.log.InfoContext(ctx, "nothing changed", "message", m.ID, "event", n.event, "name", string(n.name))
				continue
			case r.excludes(n.name):
				r.log.InfoContext(ctx, "excluded", "message", m.ID, "event", n.event, "name", string(n.name))
				continue
			case groups[n.name] == nil:
				names = append(names, n.name)
			}
			groups[n.name] = append(groups[n.name], n)
			if n.call == nil { // CloudTrail's events are minutes late
				oldest = min(oldest, ssmbak.Seconds(n.second))
			}
		}
	}
	handled := make([]handled, len(names))
	var g errgroup.Group
	g.SetLimit(r.o.Parallel)
	for i, name := range names {
		g.Go(func() error {
			handled[i] = r.handle(ctx, name, groups[name])
			return nil
		})
	}
	_ = g.Wait() // failures are in handled
	for i, h := range handled {
		for _, f := range h.failures { // an event may name several parameters
			if !slices.ContainsFunc(out.Failures, func(other Failure) bool { return other.ID == f.ID }) {
				out.Failures = append(out.Failures, f)
			}
		}
		if h.unreadable > 0 {
			out.Unreadable = append(out.Unreadable, names[i])
		}
		if h.gaps > 0 {
			out.Gaps = append(out.Gaps, names[i])
		}
		if h.forged {
			out.Forged = append(out.Forged, names[i])
		}
	}
	slices.Sort(out.Unreadable)
	slices.Sort(out.Gaps)
	slices.Sort(out.Forged)
	if oldest != ssmbak.MaxTime {
		out.Lag = max(0, now().Std().Sub(oldest.Std()))
	}
	return out
}

// handled is the result of handling the messages for one parameter.
type handled struct {
	outcome
	failures []Failure
}

// handle syncs one parameter for all of its signals.
func (r *Recorder) handle(ctx context.Context, name ssmbak.Name, signals []signal) (h handled) {
	o, err := r.sync(ctx, name, syncRequest{signals: signals})
	h.outcome = o
	for _, n := range signals {
		cause := err
		if cause == nil && o.open[n.event] {
			cause = &NotSettledError{Name: name, Operation: n.operation, Call: n.call, Time: ssmbak.Seconds(n.second)}
		}
		if cause != nil {
			h.failures = append(h.failures, Failure{n.message, cause})
			r.log.WarnContext(ctx, "message returned to the queue", "message", n.message, "event", n.event, "name", string(name),
				"operation", string(n.operation), "receives", n.receives, "error", cause.Error())
		}
	}
	return h
}

// SyncEvent syncs the parameter that an event names, and believes nothing else of the
// event: every principal that may invoke the function can send one. Only
// [Recorder.Process] records facts of events. They come from the queue, whose policy lets
// only the rules send.
func (r *Recorder) SyncEvent(ctx context.Context, event []byte) error {
	signals, err := r.parse(ctx, Message{ID: "event", Body: event})
	for _, n := range signals {
		if !r.excludes(n.name) {
			err = errors.Join(err, r.Sync(ctx, n.name))
		}
	}
	return err
}

// excludes reports whether a parameter is not recorded.
func (r *Recorder) excludes(name ssmbak.Name) bool {
	return name.Drill() || pattern.Any(r.o.Exclude, name)
}

// Sync reads one parameter and records what the archive does not have.
func (r *Recorder) Sync(ctx context.Context, name ssmbak.Name) error {
	_, err := r.sync(ctx, name, syncRequest{})
	return err
}
