package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
	// version. Unless the target is everything, it also reads the recorded values of all
	// versions that Parameter Store has, and records those again of which every copy is
	// damaged.
	Deep bool
	// Progress, if not nil, is called with the number of parameters done and the
	// total. Calls never overlap.
	Progress func(done, total int)
}

const (
	// round is the maximum number of parameters synced between two updates of the cache.
	round = 2000
	// saveEvery is the least time between two writes of the cache and the progress, and
	// saveShare the part of their entries that must be new. Each write rewrites both
	// completely: so all writes of a listing together are at most about ten times as large as
	// the last, however many parameters it has.
	saveEvery = 30 * time.Second
	saveShare = 10
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
// Reconcile stops shortly before ctx's deadline, and saves the remaining names of a listing of
// everything. It also saves them whenever a tenth of the listing was done, at most every 30
// seconds. The next reconcile of everything continues the listing, even if this one is killed.
// The archive is then complete up to the beginning of that listing. If there is time, a new listing follows. Any number of reconciles and recorders
// may run concurrently.
//
// Parameters whose values were unavailable before are read again when everything else is
// done, those first that were not read for the longest time.
//
// An error means that the reconcile as such failed, for instance because a listing
// did, or because the credentials ended ([paramstore.ErrCredentials]). Failures of single parameters are in the report. Reconcile never writes to
// Parameter Store.
func (r *Recorder) Reconcile(ctx context.Context, target ssmbak.Target, o ReconcileOptions) (Report, error) {
	var report Report
	started := time.Now()
	for {
		run := &reconcile{r: r, o: o, all: target.Root() && target.Recursive(), fromStart: report.Resumed, began: r.archive.Now(), saved: time.Now()}
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
	saved     time.Time // when cache and progress were last saved
	tried     int       // number of parameters since then

	comparison

	mu      sync.Mutex
	report  Report
	fresh   []synced         // synced, current object not yet checked
	ended   error            // the credentials ended
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
