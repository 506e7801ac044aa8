package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// ReconcileOptions tune one reconcile.
type ReconcileOptions struct {
	// DryRun finds out what would be recorded, and writes nothing.
	DryRun bool
	// Progress is told how many of how many parameters are done; it is never
	// called by two goroutines at once.
	Progress func(done, total int)
}

// Report is what a reconcile found.
type Report struct {
	// Began is when the listing of live parameters began.
	Began ssmbak.Time
	// Checked counts the parameters that were looked at, live and recorded ones.
	Checked int
	// Recorded had versions, tags or labels that the archive lacked; Deleted
	// were gone without the archive knowing; Unreadable have a version whose
	// value cannot be had. By name.
	Recorded, Deleted, Unreadable []ssmbak.Name
	// Failed could not be recorded. By name.
	Failed []Failed
	// Complete says that every live parameter was listed and looked at and that
	// the archive notes it: nothing before Began is missing but what Failed
	// names.
	Complete bool
}

// Failed is a parameter that could not be recorded, and why.
type Failed struct {
	Name ssmbak.Name
	Err  error
}

// Reconcile compares live parameters with the archive and syncs them: those
// that the target names, itself included, and everything below it. What the
// archive holds and a listing lacks is looked at by its name, and recorded as
// deleted only if it is not there.
//
// An error means that the listing failed; what concerns single parameters
// stands in the report. It never writes to Parameter Store.
func (r *Recorder) Reconcile(ctx context.Context, target ssmbak.Target, o ReconcileOptions) (Report, error) {
	began := time.Now()
	report := Report{Began: ssmbak.TimeOf(began)}
	names, err := r.names(ctx, target)
	if err != nil {
		return report, err
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.o.Parallel)
	for _, name := range names {
		g.Go(func() error {
			out, err := r.reconcileOne(gctx, name, o.DryRun)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			report.add(name, out, err)
			if o.Progress != nil {
				o.Progress(report.Checked, len(names))
			}
			return nil
		})
	}
	err = g.Wait()
	report.sort()
	if err != nil {
		return report, fmt.Errorf("reconcile %s: %w", target, err)
	}
	if o.DryRun || !target.Root() || !target.Recursive() {
		return report, nil
	}
	failed := make([]ssmbak.Name, len(report.Failed))
	for i, f := range report.Failed {
		failed[i] = f.Name
	}
	if err := r.archive.MarkReconciled(ctx, began, failed); err != nil {
		return report, err
	}
	report.Complete = true
	return report, nil
}

// names returns the live and the recorded parameters that the target means, in
// order.
func (r *Recorder) names(ctx context.Context, target ssmbak.Target) ([]ssmbak.Name, error) {
	var names []ssmbak.Name
	for d, err := range r.live.Describe(ctx, target) {
		if err != nil {
			return nil, err
		}
		names = append(names, d.Name)
	}
	for name, err := range r.archive.Names(ctx, target) {
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if exact, possible := target.Name(); possible {
		_, err := r.live.DescribeOne(ctx, exact)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return nil, err
		}
		known := err == nil
		if !known {
			index, err := r.archive.Index(ctx, exact)
			if err != nil {
				return nil, err
			}
			known = index.Exists
		}
		if known {
			names = append(names, exact)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// reconcileOne syncs one parameter, or with dry only finds out what a sync
// would record.
func (r *Recorder) reconcileOne(ctx context.Context, name ssmbak.Name, dry bool) (outcome, error) {
	if !dry {
		return r.sync(ctx, name, sight{thorough: true})
	}
	index, err := r.archive.Index(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	l, err := r.look(ctx, name)
	if err != nil {
		return outcome{}, fmt.Errorf("look at %s: %w", name, err)
	}
	var o outcome
	if l.gone {
		_, _, absent := r.timeline(name, index.Facts).Newest()
		o.deleted = !absent
		return o, nil
	}
	for _, v := range l.versions {
		known, ok := index.Facts.Version(timeline.Ref{Number: v.Number, Time: v.Time})
		switch {
		case !ok:
			o.recorded++
		case len(known.Objects) == 0:
			o.unreadable++
		}
	}
	t := r.timeline(name, index.Facts)
	if l, err = r.readLabels(ctx, t, name, l); err != nil {
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
	if err == nil && o.unreadable > 0 {
		r.Unreadable = append(r.Unreadable, name)
	}
}

func (r *Report) sort() {
	slices.Sort(r.Recorded)
	slices.Sort(r.Deleted)
	slices.Sort(r.Unreadable)
	slices.SortFunc(r.Failed, func(a, b Failed) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
}
