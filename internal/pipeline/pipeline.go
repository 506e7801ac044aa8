// Package pipeline tests the pipeline of a live account: that Parameter Store's events
// arrive, that the recorder records them, and that a restore brings back what was
// recorded.
//
// A test changes parameters with fixed names, so that a hundred tests leave three indexes
// in the archive. It refuses to touch a parameter with such a name that no test created,
// and removes its own however it ends.
package pipeline

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/restore"
)

// The limits of a test, which together with its last requests takes less than three
// minutes.
const (
	// Patience is how long a test waits for each change to be recorded.
	Patience = time.Minute
	// stepsTime is the time for all changes, and finishTime that for the restore and the
	// comparison after them.
	stepsTime  = 130 * time.Second
	finishTime = 30 * time.Second
	// removalTime is the time for removing the parameters. A test that did not end within
	// killedAfter was killed.
	removalTime = 45 * time.Second
	killedAfter = 5 * time.Minute
)

// Names are the parameters of a test: a String, a SecureString and a StringList.
var Names = [3]ssmbak.Name{archive.TestPath + "1", archive.TestPath + "2", archive.TestPath + "3"}

// Options are the options of a test. Account, Region and By, the ARN of the caller, are
// required.
type Options struct {
	Account, Region, By string
	// Poll is the interval at which the archive is read, and the precision of the lags; 0
	// means 500 milliseconds.
	Poll time.Duration
	// Progress is called after each step with the number of steps that are done. Removing
	// is called before the test removes its parameters. Both may be nil.
	Progress func(done, total int)
	Removing func()
	Logger   *slog.Logger // nil discards
}

// Result is the result of a test.
type Result struct {
	archive.TestRecord
	// Unrecorded is the error because of which the archive's record of the test lacks the
	// result, nil if it has it.
	Unrecorded error
}

// run is one test.
type run struct {
	archive *archive.Archive
	live    *paramstore.Store
	sync    restore.Syncer
	o       Options
	record  *archive.TestRecord
	steps   []*step
	until   time.Time // end of the time for the steps

	ahead   time.Duration        // of Parameter Store's clock before this one
	created map[ssmbak.Name]bool // false if the response of the creation was lost
	seen    time.Duration        // the longest time after which a read showed a write
	left    []ssmbak.Name        // what could not be removed
}

// Run tests the pipeline that records into an archive. Syncer is that of a restore, see
// [restore.New].
//
// The error means that there is no result, and that nothing was left behind unless it is a
// [*LeftError]. It is a [*ForeignError], a [*RunningError] or an [*ExcludedError] if the
// test cannot run, a [*TimeError] if its restore took too long, and ctx's if that ended. Problems that the test found are in the
// result's Problems.
func Run(ctx context.Context, a *archive.Archive, live *paramstore.Store, sync restore.Syncer, o Options) (Result, error) {
	o.Poll = cmp.Or(o.Poll, 500*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &run{archive: a, live: live, sync: sync, o: o, created: make(map[ssmbak.Name]bool)}
	leftovers, err := r.check(ctx)
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	r.until = began.Add(stepsTime)
	r.record = &archive.TestRecord{ID: archive.NewRestoreID(began, suffix()), Began: began.UTC(), By: o.By, Account: make(map[string]string)}
	if err := a.BeginTest(ctx, r.record); err != nil {
		return Result{}, err
	}
	err = r.test(ctx, leftovers)
	if r.o.Removing != nil {
		r.o.Removing()
	}
	err = errors.Join(r.clear(context.WithoutCancel(ctx)), err)
	for _, s := range r.steps {
		if !s.Sent.IsZero() {
			r.record.Steps = append(r.record.Steps, s.TestStep)
		}
	}
	if err != nil {
		r.record.Problems = append(r.record.Problems, "the test did not end: "+cause(ctx, err).Error())
	}
	if len(r.left) == 0 {
		r.record.Ended = time.Now().UTC() // otherwise the next test waits, and removes them
	}
	unrecorded := within(context.WithoutCancel(ctx), "the writing of its record", finishTime, func(ctx context.Context) error {
		return a.EndTest(ctx, r.record)
	})
	return Result{*r.record, unrecorded}, err
}

// cause returns ctx's error if it caused err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

func suffix() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// test makes the changes and restores them.
func (r *run) test(ctx context.Context, leftovers []ssmbak.Name) error {
	if err := r.removeLeftovers(ctx, leftovers); err != nil {
		return err
	}
	first, second, third := r.stages()
	r.steps = append(append(append(r.steps, first...), second...), third...)
	if err := r.play(ctx, first); err != nil {
		return err
	}
	missing := 0
	for _, s := range first {
		if !s.Recorded {
			missing++
		}
	}
	if missing == len(first) {
		r.judge()
		r.problem("nothing was recorded: the other changes and the restore were not tried")
		return nil
	}
	if err := r.play(ctx, second); err != nil {
		return err
	}
	at, err := r.moment(ctx)
	if err != nil {
		return err
	}
	if err := r.play(ctx, third); err != nil {
		return err
	}
	r.judge()
	if missing > 0 {
		r.problem("the restore was not tried, since not every parameter was recorded")
		return nil
	}
	return within(ctx, "the restore and its comparison", finishTime, func(ctx context.Context) error { return r.restore(ctx, at) })
}

// apart separates changes, so that no events of one second are of two of them.
const apart = 2 * time.Second

// moment returns a time after all changes so far and before all later ones, whose second
// no event shares.
func (r *run) moment(ctx context.Context) (ssmbak.Time, error) {
	if err := wait(ctx, apart); err != nil {
		return 0, err
	}
	at := ssmbak.TimeOf(time.Now().Add(r.ahead))
	return at, wait(ctx, apart)
}

func (r *run) problem(format string, args ...any) {
	r.record.Problems = append(r.record.Problems, fmt.Sprintf(format, args...))
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
