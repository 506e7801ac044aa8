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
	"github.com/ssmbak/ssmbak/internal/drill"
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
	// Began is the time just before the listing of live parameters began. An earlier
	// reconcile may have made it.
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
	// Restored lists parameters whose index was hidden, that is, had a delete marker, and
	// was restored with all facts.
	Restored []ssmbak.Name
	// Forged lists parameters whose index another program had written, and whose newest
	// signed version was restored.
	Forged []ssmbak.Name
	// LostFacts lists parameters whose index lacked facts that it once had, since another
	// program wrote it, and that were restored.
	LostFacts []ssmbak.Name
	// Reregistered lists parameters whose entry in the register of names was hidden and was
	// restored. Registered is the number of entries that were missing and were written, and
	// Unregistered lists those that could not be written.
	Reregistered []ssmbak.Name
	Registered   int
	Unregistered []Failed
	// Failed lists parameters that could not be recorded.
	Failed []Failed
	// Left is the number of parameters that were not checked because time ran out.
	// The next reconcile continues with them.
	Left int
	// Resumed reports whether a listing was continued that an earlier reconcile began.
	Resumed bool
	// Excluded is the number of live or recorded parameters that were skipped
	// because they match [Options.Exclude].
	Excluded int
	// TagsUnchecked is the reason why the tags of otherwise unchanged parameters
	// were not compared, or nil.
	TagsUnchecked error
	// DrillRemoved is the number of parameters of a killed drill that were removed, and
	// DrillKept lists those at names of the drill that it did not create, or that were
	// changed since.
	DrillRemoved int
	DrillKept    []ssmbak.Name
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
	// round is the maximum number of parameters synced between two updates of the cache.
	round = 2000
	// saveEvery bounds the time between them, and so the work that a killed reconcile has
	// to repeat.
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
// Reconcile stops shortly before ctx's deadline. It saves the remaining names of a listing
// of everything at least every 30 seconds, and the next reconcile of everything continues it,
// even if this one is killed. The archive is then complete up to the beginning of that
// listing. If there is time, a new listing follows. Any number of reconciles and recorders
// may run concurrently.
//
// Parameters whose values were unavailable before are read again when everything else is
// done, those first that were not read for the longest time.
//
// An error means that the reconcile as such failed, for instance because a listing
// did. Failures of single parameters are in the report. Reconcile never writes to
// Parameter Store.
func (r *Recorder) Reconcile(ctx context.Context, target ssmbak.Target, o ReconcileOptions) (Report, error) {
	var report Report
	started := time.Now()
	for {
		run := &reconcile{r: r, o: o, all: target.Root() && target.Recursive(), fromStart: report.Resumed, began: time.Now(), saved: time.Now()}
		deadline, limited := ctx.Deadline()
		if limited {
			run.stop = deadline.Add(-min(reserve, time.Until(deadline)/4))
		}
		err := run.do(ctx, target)
		resumed := run.report.Resumed
		run.report.add(report)
		run.report.sort()
		if err != nil {
			return run.report, fmt.Errorf("reconcile %s: %w", target, err)
		}
		if report = run.report; !resumed || report.Left > 0 || limited && time.Until(deadline) < time.Since(started) {
			return report, nil
		}
	}
}

// reconcile is one run.
type reconcile struct {
	r         *Recorder
	o         ReconcileOptions
	all       bool      // the target is everything
	fromStart bool      // no earlier listing is continued
	began     time.Time // of the listing
	last      time.Time // when the last complete listing began
	stop      time.Time // zero if ctx has no deadline
	saved     time.Time // when the cache was last saved

	comparison

	mu      sync.Mutex
	report  Report
	fresh   []synced         // synced, current object not yet checked
	listing archive.Progress // of everything
	unsaved bool             // the progress belongs to another listing
}

// synced is the outcome of syncing one parameter.
type synced struct {
	name ssmbak.Name
	at   time.Time
	outcome
}

func (run *reconcile) do(ctx context.Context, target ssmbak.Target) error {
	if run.all && !run.o.DryRun {
		restored, err := run.r.archive.RestoreIdentity(ctx)
		if err != nil {
			return err
		}
		if restored {
			run.r.log.WarnContext(ctx, "another program replaced the identity of the archive: it was restored")
		}
	}
	resumed, err := run.resume(ctx)
	if err == nil && !resumed {
		if err = run.compare(ctx, target); err == nil {
			run.begin(ctx)
		}
	}
	if err != nil {
		return err
	}
	run.report.Began, run.report.Resumed = ssmbak.TimeOf(run.began), resumed
	unrestored := len(run.report.Failed) // excluded ones, which are not among those to do
	run.report.Checked, run.report.Same, run.report.TagsUnchecked = run.same+unrestored, run.same, run.tagsErr
	run.progress()
	if err := run.syncAll(ctx, run.todo); err != nil {
		return err
	}
	run.report.Left = run.same + unrestored + len(run.todo) - run.report.Checked
	if err := ctx.Err(); err != nil || run.o.DryRun {
		return err
	}
	if run.all && run.report.Left == 0 {
		// A listing of which everything failed says nothing about the archive.
		failed := len(run.listing.Names(func(a archive.Attempt) bool { return a.Failed != "" }))
		complete := failed == 0 || failed < run.listing.Total
		if err := run.adoptLegacy(ctx); err != nil {
			return err
		}
		if err := run.markReconciled(ctx, complete); err != nil {
			return err
		}
		run.save(ctx)
		run.cleanDrill(ctx)
		run.checkpoint(ctx)
		run.readAgain(ctx)
	}
	if run.keeps() {
		run.report.Unreadable = run.listing.Names(func(a archive.Attempt) bool { return a.Unreadable != "" })
	}
	return nil
}

// markReconciled records in the archive that the listing is complete, unless complete is
// false, and which live parameters could not be recorded.
func (run *reconcile) markReconciled(ctx context.Context, complete bool) error {
	l := archive.Listing{
		Began: run.began, Tags: run.listing.Tags, Labels: run.listing.Labels, Excluded: run.listing.Excluded,
		Failed:     run.listing.Names(func(a archive.Attempt) bool { return a.Failed != "" }),
		Missed:     run.listing.Names(func(a archive.Attempt) bool { return a.Missed }),
		Registered: run.registered, Signed: run.signed, Compared: run.proofs.Labels,
	}
	var err error
	if complete && l.Labels {
		run.proofs.Labels = l.Began.UTC().Truncate(time.Millisecond)
		run.saveCache(ctx) // before the archive says it
	}
	switch {
	case complete:
		err = run.r.archive.MarkReconciled(ctx, l)
	case len(l.Missed) > 0:
		err = run.r.archive.NoteMissed(ctx, l.Began, l.Missed)
	}
	if many, ok := errors.AsType[*archive.TooManyMissedError](err); ok {
		run.r.log.ErrorContext(ctx, "reconcile is not complete", "error", many.Error())
		complete, err = false, nil
	}
	run.report.Complete, run.listing.Ended = complete && err == nil, err == nil
	return err
}

// cleanDrill removes what a killed drill left. A failure is not one of the reconcile: the next
// one tries again.
func (run *reconcile) cleanDrill(ctx context.Context) {
	removed, kept, err := drill.Clean(ctx, run.r.archive.Archive, run.r.live, time.Now())
	run.report.DrillRemoved, run.report.DrillKept = removed, kept
	if removed > 0 {
		run.r.log.WarnContext(ctx, "removed what a killed drill left", "parameters", removed)
	}
	for _, name := range kept {
		run.r.log.WarnContext(ctx, "kept a parameter that a drill did not create", "name", string(name))
	}
	if err != nil {
		run.r.log.WarnContext(ctx, "cannot remove what a killed drill left", "error", err.Error())
	}
}

// adoptLegacy converts what the legacy ssmbak recorded in this bucket. If time runs
// out, the next reconcile continues.
func (run *reconcile) adoptLegacy(ctx context.Context) error {
	limited, cancel := run.limited(ctx)
	defer cancel()
	n, problems, err := run.r.archive.Adopt(limited)
	for _, p := range problems {
		if !slices.ContainsFunc(run.report.Failed, func(f Failed) bool { return f.Name == p.Name }) {
			run.report.Failed = append(run.report.Failed, Failed(p))
			run.listing.Found[p.Name] = archive.Attempt{Tried: time.Now().UTC(), Failed: brief(p.Err), Missed: true}
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

// limited returns a context that ends at run.stop.
func (run *reconcile) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if run.stop.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, run.stop)
}

// syncAll syncs names until run.stop, in rounds after which the work is saved.
func (run *reconcile) syncAll(ctx context.Context, names []ssmbak.Name) error {
	for len(names) > 0 && ctx.Err() == nil && (run.stop.IsZero() || time.Now().Before(run.stop)) {
		before := run.fresh
		run.fresh = nil
		names = names[run.syncRound(ctx, names[:min(round, len(names))]):]
		if err := run.updateCache(ctx, before, false); err != nil {
			return err
		}
		run.save(ctx)
	}
	before := run.fresh
	run.fresh = nil
	return run.updateCache(ctx, before, true)
}

// syncRound syncs names concurrently and returns the number of those that it began, for
// about saveEvery. run.stop cancels syncs in progress, to leave time for saving.
func (run *reconcile) syncRound(ctx context.Context, names []ssmbak.Name) (n int) {
	ctx, cancel := run.limited(ctx)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(run.r.o.Parallel)
	for began := time.Now(); n < len(names) && time.Since(began) < saveEvery && ctx.Err() == nil; n++ {
		name := names[n]
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			o, err := run.syncOne(ctx, name)
			missed := false
			if err != nil && !run.o.DryRun && ctx.Err() == nil {
				missed = run.recordFailed(ctx, name, err)
			}
			if err != nil && ctx.Err() != nil {
				return nil
			}
			run.mu.Lock()
			defer run.mu.Unlock()
			run.attempted(name, o, err, missed)
			run.report.count(name, o, err)
			if err == nil && run.all && !run.o.DryRun {
				run.fresh = append(run.fresh, synced{name, time.Now(), o})
			}
			run.progress()
			return nil
		})
	}
	_ = g.Wait() // failures are in the report
	return n
}

// recordFailed records what listings prove of a parameter that could not be synced, and
// reports whether it was live without the archive having its version.
func (run *reconcile) recordFailed(ctx context.Context, name ssmbak.Name, cause error) (missed bool) {
	if d, live := run.listed[name]; live {
		return !run.r.recordFailed(ctx, name, &d, run.began, cause)
	}
	run.r.recordFailed(ctx, name, nil, run.began, cause)
	return false
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
			s.listed, s.began = &d, run.began
		}
		if err := run.unrestored[name]; err != nil {
			return outcome{}, err
		}
		o, err := run.r.sync(ctx, name, s)
		if isHidden(err) { // it was hidden after the listing, or is the target itself
			if err = run.restore(ctx, name); err == nil {
				o, err = run.r.sync(ctx, name, s)
			}
		}
		if err == nil {
			err = run.restoreFacts(ctx, name, o.index)
		}
		return o, err
	}
	index, err := run.r.archive.Index(ctx, name)
	if isHidden(err) {
		return outcome{}, nil // only its index can be restored, not compared
	}
	if err != nil {
		return outcome{}, err
	}
	rd, err := run.r.read(ctx, name, readOptions{})
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

// count adds the result of syncing one parameter.
func (r *Report) count(name ssmbak.Name, o outcome, err error) {
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
	if o.forged {
		r.Forged = append(r.Forged, name)
	}
}

// add adds what the listing before this one recorded.
func (r *Report) add(before Report) {
	r.Resumed = r.Resumed || before.Resumed
	r.Forged = append(r.Forged, before.Forged...)
	r.Recorded, r.Deleted, r.Gaps = append(r.Recorded, before.Recorded...), append(r.Deleted, before.Deleted...), append(r.Gaps, before.Gaps...)
}

func (r *Report) sort() {
	for _, names := range [][]ssmbak.Name{r.Recorded, r.Deleted, r.Gaps, r.Unreadable, r.Restored, r.Forged, r.LostFacts, r.Reregistered} {
		slices.Sort(names)
	}
	for _, failed := range [][]Failed{r.Failed, r.Unregistered} {
		slices.SortFunc(failed, func(a, b Failed) int { return cmp.Compare(a.Name, b.Name) })
	}
}
