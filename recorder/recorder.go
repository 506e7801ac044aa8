// Package recorder turns events of Parameter Store into facts in the archive.
//
// # The model
//
// An event carries neither value nor version, comes late, twice or never, and
// in any order. It only says: look at this name. Looking at a name and
// recording what the archive lacks is a sync, and everything here is built
// from it: [Recorder.Handle] syncs the names that events speak of,
// [Recorder.Reconcile] those in which live parameters and archive differ.
//
// A sync is safe to repeat, to interrupt anywhere, and to run beside others of
// the same name. What it saw becomes facts, which stay true whatever anyone
// else records; the timeline that follows from all facts is decided in the
// timeline package.
//
// # When an event is done
//
// A look may be older than the change that an event tells of. An event is
// settled once a version of its own second is known that no other event has
// claimed, or it is proved that there was none. Until then the message is
// handed back, after everything that was seen has been recorded. After five
// minutes it is recorded as a trace: something was there that nobody ever saw.
// What tells only that something changed, as events of labels and expirations
// do, is settled by a look that surely came after it.
//
// Values never reach a log line or an error.
package recorder

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
)

// giveUp is how long after its second an event may wait for its version.
const giveUp = 5 * time.Minute

// Options tune a [Recorder].
type Options struct {
	// Account and Region are where the parameters live; events of others are
	// refused, and so is the archive of another.
	Account, Region string
	// Exclude are patterns of names that are not recorded, see package pattern: their
	// events are dropped, and a reconcile passes them by. It must not be nil where
	// it is meant to say that all are recorded: nil means that a reconcile passes
	// by what the last one of everything did.
	Exclude []string
	// Parallel bounds how many parameters are synced at once, 32 if zero.
	Parallel int
	// Logger takes one line per parameter synced: its name, versions, sizes, lag
	// and outcome; nothing if nil.
	Logger *slog.Logger
}

// parameters is what a recorder reads of live Parameter Store.
type parameters interface {
	History(ctx context.Context, name ssmbak.Name) (paramstore.History, error)
	Secret(ctx context.Context, name ssmbak.Name, number int64) (paramstore.Secret, error)
	Secrets(ctx context.Context, name ssmbak.Name) ([]paramstore.Secret, error)
	Tags(ctx context.Context, name ssmbak.Name) (map[string]string, error)
	Describe(ctx context.Context, target ssmbak.Target) iter.Seq2[paramstore.Description, error]
	DescribeOne(ctx context.Context, name ssmbak.Name) (paramstore.Description, error)
	Tagged(ctx context.Context) iter.Seq2[paramstore.Tagged, error]
}

// Recorder records the changes of one account's parameters in one region. It
// may be used by many goroutines at once.
type Recorder struct {
	archive *archive.Writer
	live    parameters
	o       Options
	log     *slog.Logger
}

// New returns a recorder that writes to an archive, which must have been made
// ready by [archive.Archive.Establish].
func New(a *archive.Archive, live *paramstore.Store, o Options) *Recorder {
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Recorder{archive: archive.NewWriter(a), live: live, o: o, log: o.Logger}
}

// Message is one message of the queue.
type Message struct {
	ID   string
	Body []byte // one EventBridge event
	// Sent is when the queue first got the message; for the lag in the log.
	Sent time.Time
	// Receives counts how often the message was handed out, this time included.
	Receives int
}

// Failure says that a message must be handed out again.
type Failure struct {
	ID  string
	Err error
}

// NotSettledError says that Parameter Store does not yet show what an event
// told of. What it does show has been recorded.
type NotSettledError struct {
	Name      ssmbak.Name
	Operation ssmbak.Operation
	Time      ssmbak.Time
}

func (e *NotSettledError) Error() string {
	return fmt.Sprintf("parameter store does not yet show the %s of %s at %v", e.Operation, e.Name, e.Time)
}

// Handle records a batch. It returns the messages that must come again, and
// why; all others are done and may be deleted. Messages of one name are
// handled by one sync, names side by side, and none holds back another.
func (r *Recorder) Handle(ctx context.Context, batch []Message) []Failure {
	var failures []Failure
	groups := make(map[ssmbak.Name][]notice)
	var names []ssmbak.Name
	for _, m := range batch {
		n, err := r.understand(m)
		switch {
		case err != nil:
			r.log.ErrorContext(ctx, "message not understood", "message", m.ID, "error", err.Error())
			failures = append(failures, Failure{m.ID, err})
			continue
		case n.nothing:
			r.log.InfoContext(ctx, "nothing changed", "message", m.ID, "event", n.event, "name", string(n.name))
			continue
		case pattern.Any(r.o.Exclude, n.name):
			r.log.InfoContext(ctx, "left out", "message", m.ID, "event", n.event, "name", string(n.name))
			continue
		case groups[n.name] == nil:
			names = append(names, n.name)
		}
		groups[n.name] = append(groups[n.name], n)
	}
	failed := make([][]Failure, len(names))
	var g errgroup.Group
	g.SetLimit(r.o.Parallel)
	for i, name := range names {
		g.Go(func() error {
			failed[i] = r.handle(ctx, name, groups[name])
			return nil
		})
	}
	_ = g.Wait() // failures are kept by message
	return append(failures, slices.Concat(failed...)...)
}

// handle syncs one name for all notices of it.
func (r *Recorder) handle(ctx context.Context, name ssmbak.Name, notices []notice) []Failure {
	o, err := r.sync(ctx, name, sight{notices: notices})
	var failures []Failure
	for _, n := range notices {
		cause := err
		if cause == nil && o.open[n.event] {
			cause = &NotSettledError{Name: name, Operation: n.operation, Time: ssmbak.Seconds(n.second)}
		}
		if cause != nil {
			failures = append(failures, Failure{n.message, cause})
			r.log.WarnContext(ctx, "message handed back", "message", n.message, "event", n.event, "name", string(name),
				"operation", string(n.operation), "receives", n.receives, "error", cause.Error())
		}
	}
	return failures
}

// Sync looks at one parameter and records what the archive lacks.
func (r *Recorder) Sync(ctx context.Context, name ssmbak.Name) error {
	_, err := r.sync(ctx, name, sight{})
	return err
}
