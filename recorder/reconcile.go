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

// ReconcileOptions configure one reconcile.
type ReconcileOptions struct {
	// DryRun reports what would be recorded, and writes nothing.
	DryRun bool
	// Deep reads every parameter, including those that the listings show
	// unchanged. Only a deep reconcile finds labels that moved without a new
	// version.
	Deep bool
	// Progress, if not nil, is called with the number of parameters done and the
	// total. Calls never overlap.
	Progress func(done, total int)
}

// Report is the result of a reconcile. Its lists are sorted by name.
type Report struct {
	// Began is the time just before the listing of live parameters began.
	Began ssmbak.Time
	// Checked is the number of parameters, live or recorded, that were compared.
	Checked int
	// Same is the number of checked parameters that the listings showed unchanged
	// and that were therefore not read.
	Same int
	// Recorded lists parameters with versions, tags or labels that the archive did
	// not have.
	Recorded []ssmbak.Name
	// Deleted lists parameters whose deletion the archive did not know about.
	Deleted []ssmbak.Name
	// Gaps lists parameters found to have versions that were never read.
	Gaps []ssmbak.Name
	// Unreadable lists parameters with a version whose value is unavailable.
	Unreadable []ssmbak.Name
	// Failed lists parameters that could not be recorded.
	Failed []Failed
	// Left is the number of parameters that were not checked because time ran out.
	// The next reconcile continues with them.
	Left int
	// Excluded is the number of live or recorded parameters that were skipped
	// because they match [Options.Exclude].
	Excluded int
	// TagsUnchecked is the reason why the tags of otherwise unchanged parameters
	// were not compared, or nil.
	TagsUnchecked error
	// Complete reports whether every live parameter was listed and compared and the
	// archive has been marked accordingly: nothing from before Began is missing
	// except Failed and excluded parameters. It is false if every parameter failed,
	// or if more live parameters could not be recorded than the archive can keep
	// the names of.
	Complete bool
}

// Failed is a parameter that could not be recorded, and the reason.
type Failed struct {
	Name ssmbak.Name
	Err  error
}

const (
	// round is the number of parameters synced between two updates of the cache.
	round = 2000
	// saveEvery bounds the work that a killed reconcile has to repeat.
	saveEvery = 30 * time.Second
	// quiet is the time between a write of a value object and the check whether it
	// is current. S3 keeps LastModified in seconds: only a write in a later second
	// changes it.
	quiet = 3 * time.Second
	// reserve is the time reserved before the context's deadline for saving the
	// cache.
	reserve = 20 * time.Second
)

// Reconcile compares the live parameters selected by target with the archive and
// syncs those that differ. A parameter that is in the archive but in no listing is
// read by name, and recorded as deleted only if Parameter Store does not have it.
//
// A reconcile of everything compares the listings with the reconcile cache, so that
// unchanged parameters cost no requests of their own. A reconcile of a path reads
// every parameter.
//
// Reconcile stops shortly before ctx's deadline, and the next reconcile continues
// from there. Any number of reconciles and recorders may run concurrently.
//
// An error means that the reconcile as such failed, for instance because a listing
// did. Failures of single parameters are in the report. Reconcile never writes to
// Parameter Store.
func (r *Recorder) Reconcile(ctx context.Context, target ssmbak.Target, o ReconcileOptions) (Report, error) {
	began := time.Now()
	run := &reconcile{r: r, o: o, all: target.Root() && target.Recursive(), began: began, saved: began}
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
	all   bool // the target is everything
	began time.Time
	last  time.Time // when the last complete listing began
	stop  time.Time // zero if ctx has no deadline
	saved time.Time // when the cache was last saved

	comparison

	mu     sync.Mutex
	report Report
	fresh  []synced      // synced, current object not yet checked
	missed []ssmbak.Name // live parameters of which nothing could be recorded
}

// synced is the outcome of syncing one parameter.
type synced struct {
	name ssmbak.Name
	at   time.Time
	outcome
}

func (run *reconcile) do(ctx context.Context, target ssmbak.Target, began time.Time) error {
	if run.all && !run.o.DryRun {
		restored, err := run.r.archive.RestoreIdentity(ctx)
		if err != nil {
			return err
		}
		if restored {
			run.r.log.WarnContext(ctx, "another program replaced the identity of the archive: it was restored")
		}
	}
	if err := run.compare(ctx, target); err != nil {
		return err
	}
	run.report.Checked, run.report.Same, run.report.TagsUnchecked = run.same, run.same, run.tagsErr
	run.progress()
	for names := range slices.Chunk(run.todo, round) {
		before := run.fresh
		run.fresh = nil
		run.syncAll(ctx, names)
		if err := run.updateCache(ctx, before, false); err != nil {
			return err
		}
	}
	run.report.Left = run.same + len(run.todo) - run.report.Checked
	if err := run.updateCache(ctx, run.fresh, true); err != nil || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	if run.o.DryRun {
		return nil
	}
	complete := run.all && run.report.Left == 0
	if failed := len(run.report.Failed); failed > 0 && failed >= run.report.Checked {
		complete = false // a run in which everything fails says nothing about the archive
	}
	if run.all && run.report.Left == 0 {
		if err := run.adoptLegacy(ctx); err != nil {
			return err
		}
	}
	return run.markReconciled(ctx, began, complete)
}

// markReconciled records in the archive that the listing was complete, and which
// live parameters could not be recorded.
func (run *reconcile) markReconciled(ctx context.Context, began time.Time, complete bool) error {
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
		run.r.log.ErrorContext(ctx, "reconcile is not complete", "error", many.Error())
		return nil
	}
	run.report.Complete = complete && err == nil
	return err
}

// adoptLegacy converts what the legacy ssmbak recorded in this bucket. If time runs
// out, the next reconcile continues.
func (run *reconcile) adoptLegacy(ctx context.Context) error {
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
		run.r.log.InfoContext(ctx, "converted legacy records", "names", n)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		run.r.log.InfoContext(ctx, "out of time: the next reconcile continues converting legacy records")
		return nil
	}
	return err
}

// syncAll syncs names concurrently until run.stop, which cancels syncs in progress
// to leave time for saving the cache.
func (run *reconcile) syncAll(ctx context.Context, names []ssmbak.Name) {
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
			o, err := run.syncOne(ctx, name)
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
	_ = g.Wait() // failures are in the report
}

func (run *reconcile) progress() {
	if run.o.Progress != nil {
		run.o.Progress(run.report.Checked, run.same+len(run.todo))
	}
}

// syncOne syncs one parameter. In a dry run it only determines what a sync would
// record.
func (run *reconcile) syncOne(ctx context.Context, name ssmbak.Name) (outcome, error) {
	if !run.o.DryRun {
		// A reconcile of everything checks current objects later, in updateCache.
		s := syncRequest{retry: true, check: !run.all, recordAbsent: true}
		if d, live := run.listed[name]; live {
			s.listed = &d
		}
		o, err := run.r.sync(ctx, name, s)
		if err == nil {
			err = run.restoreFacts(ctx, name, o.index)
		}
		return o, err
	}
	index, err := run.r.archive.Index(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	rd, err := run.r.read(ctx, name)
	if err != nil {
		return outcome{}, fmt.Errorf("read %s: %w", name, err)
	}
	t := run.r.timeline(name, index.Facts)
	var o outcome
	if rd.gone {
		_, _, absent := t.Newest()
		o.deleted = !absent
		return o, nil
	}
	for _, v := range rd.versions {
		known, ok := index.Facts.Version(refOf(v))
		switch {
		case !ok:
			o.recorded++
		case len(known.Objects) == 0:
			o.unreadable++
		}
	}
	if rd, err = run.r.confirmLabels(ctx, t, name, rd); err != nil {
		return outcome{}, err
	}
	news, _ := rd.attributes(t)
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
