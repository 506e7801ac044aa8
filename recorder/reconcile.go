package recorder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// ReconcileOptions tune one reconcile.
type ReconcileOptions struct {
	// DryRun finds out what would be recorded, and writes nothing.
	DryRun bool
	// Deep looks at every parameter, also at those that the listings show
	// unchanged: a label that moved without a new version is found only so.
	Deep bool
	// Progress is told how many of how many parameters are done; it is never
	// called by two goroutines at once.
	Progress func(done, total int)
}

// Report is what a reconcile found.
type Report struct {
	// Began is when the listing of live parameters began.
	Began ssmbak.Time
	// Checked counts the parameters that were compared, live and recorded ones.
	Checked int
	// Same counts those of them that the listings showed unchanged, so that
	// nobody looked at them.
	Same int
	// Recorded had versions, tags or labels that the archive lacked; Deleted
	// were gone without the archive knowing; Gaps have versions that were
	// missed, which was found out now; Unreadable have a version whose value
	// cannot be had. By name.
	Recorded, Deleted, Gaps, Unreadable []ssmbak.Name
	// Failed could not be recorded. By name.
	Failed []Failed
	// Left counts the parameters for which there was no time. The next reconcile
	// goes on with them.
	Left int
	// Excluded counts the live and recorded names that were passed by, since they
	// match [Options.Exclude].
	Excluded int
	// TagsUnchecked is why the tags of parameters without another change were
	// not compared; nil if they were.
	TagsUnchecked error
	// Complete says that every live parameter was listed and compared and that
	// the archive notes it: nothing before Began is missing but what Failed
	// names, and what was excluded. It is not set where every parameter failed,
	// nor where more live parameters could not be recorded than the archive keeps
	// the names of.
	Complete bool
}

// Failed is a parameter that could not be recorded, and why.
type Failed struct {
	Name ssmbak.Name
	Err  error
}

const (
	// round is how many parameters are looked at before what was proved of them
	// is written down.
	round = 2000
	// saveEvery bounds how much work a killed reconcile loses.
	saveEvery = 30 * time.Second
	// quiet is how long after a value was written its place is looked at: what
	// another writer lays on it later has another LastModified, which S3 keeps in
	// whole seconds.
	quiet = 3 * time.Second
	// reserve is the time that is kept before the context's deadline to write
	// down what was proved.
	reserve = 20 * time.Second
)

// Reconcile compares live parameters with the archive and syncs those that
// differ: those that the target names, itself included, and everything below
// it. What the archive holds and a listing lacks is looked at by its name, and
// recorded as deleted only if it is not there.
//
// What was found the same before and has not changed since costs no request of
// its own: a reconcile of everything compares listings with what the last ones
// proved. One of a path looks at every parameter.
//
// It stops in time before the context's deadline, and the next one goes on where
// it stopped. Any number of reconciles and recorders may run at once.
//
// An error means that the listing failed; what concerns single parameters
// stands in the report. It never writes to Parameter Store.
func (r *Recorder) Reconcile(ctx context.Context, target ssmbak.Target, o ReconcileOptions) (Report, error) {
	run := &reconcile{r: r, o: o, all: target.Root() && target.Recursive(), saved: time.Now()}
	began := time.Now()
	run.report.Began = ssmbak.TimeOf(began)
	if deadline, ok := ctx.Deadline(); ok {
		run.stop = deadline.Add(-min(reserve, time.Until(deadline)/4))
	}
	if err := run.do(ctx, target, began); err != nil {
		run.report.sort()
		return run.report, fmt.Errorf("reconcile %s: %w", target, err)
	}
	run.report.sort()
	return run.report, nil
}

// reconcile is one run.
type reconcile struct {
	r     *Recorder
	o     ReconcileOptions
	all   bool      // everything is compared
	stop  time.Time // zero if there is no hurry
	saved time.Time // when proofs were last saved

	comparison

	mu     sync.Mutex
	report Report
	fresh  []synced      // proved but for what lies on top of their keys
	missed []ssmbak.Name // live, and no fact of them could be recorded
}

// synced is a parameter that was looked at.
type synced struct {
	name ssmbak.Name
	at   time.Time
	outcome
}

func (run *reconcile) do(ctx context.Context, target ssmbak.Target, began time.Time) error {
	if err := run.compare(ctx, target); err != nil {
		return err
	}
	run.report.Checked, run.report.Same, run.report.TagsUnchecked = run.same, run.same, run.tagsErr
	run.progress()
	for names := range slices.Chunk(run.todo, round) {
		before := run.fresh
		run.fresh = nil
		run.look(ctx, names)
		if err := run.prove(ctx, before, false); err != nil {
			return err
		}
	}
	run.report.Left = run.same + len(run.todo) - run.report.Checked
	if err := run.prove(ctx, run.fresh, true); err != nil || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	if run.o.DryRun {
		return nil
	}
	complete := run.all && run.report.Left == 0
	if failed := len(run.report.Failed); failed > 0 && failed >= run.report.Checked {
		complete = false // it proves nothing
	}
	if run.all && run.report.Left == 0 {
		if err := run.adopt(ctx); err != nil {
			return err
		}
	}
	return run.note(ctx, began, complete)
}

// note writes down what the listing proves, and of which live parameters nothing
// could be recorded.
func (run *reconcile) note(ctx context.Context, began time.Time, complete bool) error {
	failed := make([]ssmbak.Name, len(run.report.Failed))
	for i, f := range run.report.Failed {
		failed[i] = f.Name
	}
	var err error
	switch {
	case complete:
		scope := archive.Listing{
			Began: began, Failed: failed, Missed: run.missed,
			Tags: run.tagsErr == nil || run.o.Deep, Labels: run.o.Deep, Excluded: run.exclude,
		}
		err = run.r.archive.MarkReconciled(ctx, scope)
	case len(run.missed) > 0:
		err = run.r.archive.NoteMissed(ctx, began, run.missed)
	}
	var many *archive.TooManyMissedError
	if errors.As(err, &many) {
		run.r.log.ErrorContext(ctx, "the listing is not complete", "error", many.Error())
		return nil
	}
	run.report.Complete = complete && err == nil
	return err
}

// adopt finishes what the original ssmbak recorded in this bucket. What there
// is no time for is left to the next reconcile.
func (run *reconcile) adopt(ctx context.Context) error {
	limited := ctx
	if !run.stop.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, run.stop)
		defer cancel()
	}
	n, problems, err := run.r.archive.Adopt(limited)
	for _, p := range problems {
		if !slices.ContainsFunc(run.report.Failed, func(f Failed) bool { return f.Name == p.Name }) {
			run.report.Failed = append(run.report.Failed, Failed(p))
			run.missed = append(run.missed, p.Name)
		}
	}
	if n > 0 {
		run.r.log.InfoContext(ctx, "adopted what the original recorded", "names", n)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		run.r.log.InfoContext(ctx, "the next reconcile goes on to adopt what the original recorded")
		return nil
	}
	return err
}

// look syncs names side by side until there is no more time. What is under way
// then is given up, so that there is time to write down what was proved.
func (run *reconcile) look(ctx context.Context, names []ssmbak.Name) {
	if !run.stop.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, run.stop)
		defer cancel()
	}
	var g errgroup.Group
	g.SetLimit(run.r.o.Parallel)
	for _, name := range names {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			o, err := run.one(ctx, name)
			missed := false
			if d, live := run.listed[name]; err != nil && live && !run.o.DryRun && ctx.Err() == nil {
				missed = !run.r.recordListed(ctx, name, d, err)
			}
			if err != nil && ctx.Err() != nil {
				return nil
			}
			run.mu.Lock()
			defer run.mu.Unlock()
			if missed {
				run.missed = append(run.missed, name)
			}
			run.report.add(name, o, err)
			if err == nil && run.all && !run.o.DryRun {
				run.fresh = append(run.fresh, synced{name, time.Now(), o})
			}
			run.progress()
			return nil
		})
	}
	_ = g.Wait() // failures stand in the report
}

func (run *reconcile) progress() {
	if run.o.Progress != nil {
		run.o.Progress(run.report.Checked, run.same+len(run.todo))
	}
}

// one syncs one parameter, or in a dry run only finds out what a sync would
// record.
func (run *reconcile) one(ctx context.Context, name ssmbak.Name) (outcome, error) {
	if !run.o.DryRun {
		// What lies on top of the key is looked at later where there are many.
		s := sight{retry: true, check: !run.all, asked: true}
		if d, live := run.listed[name]; live {
			s.listed = &d
		}
		return run.r.sync(ctx, name, s)
	}
	index, err := run.r.archive.Index(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	l, err := run.r.look(ctx, name)
	if err != nil {
		return outcome{}, fmt.Errorf("look at %s: %w", name, err)
	}
	t := run.r.timeline(name, index.Facts)
	var o outcome
	if l.gone {
		_, _, absent := t.Newest()
		o.deleted = !absent
		return o, nil
	}
	for _, v := range l.versions {
		known, ok := index.Facts.Version(refOf(v))
		switch {
		case !ok:
			o.recorded++
		case len(known.Objects) == 0:
			o.unreadable++
		}
	}
	if l, err = run.r.readLabels(ctx, t, name, l); err != nil {
		return outcome{}, err
	}
	news, _ := l.attributes(t)
	o.wrote = o.recorded > 0 || !news.Empty()
	return o, nil
}

func (r *Report) add(name ssmbak.Name, o outcome, err error) {
	r.Checked++
	switch {
	case err != nil:
		r.Failed = append(r.Failed, Failed{name, err})
	case o.deleted:
		r.Deleted = append(r.Deleted, name)
	case o.wrote:
		r.Recorded = append(r.Recorded, name)
	}
	if err == nil && o.gaps > 0 {
		r.Gaps = append(r.Gaps, name)
	}
	if err == nil && o.unreadable > 0 {
		r.Unreadable = append(r.Unreadable, name)
	}
}

func (r *Report) sort() {
	for _, names := range [][]ssmbak.Name{r.Recorded, r.Deleted, r.Gaps, r.Unreadable} {
		slices.Sort(names)
	}
	slices.SortFunc(r.Failed, func(a, b Failed) int { return cmp.Compare(a.Name, b.Name) })
}
