package restore

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// scope is what a plan in place is about: the recorded and live parameters of a target.
type scope struct {
	target   ssmbak.Target
	complete archive.Reconciled
	recorded archive.Timelines
	settled  []archive.Settled // not in recorded
	subjects []*subject        // by name
	one      bool              // the target is one parameter
}

// scope reads the parameters of a target, with the states at the moments. It includes live
// parameters that were never recorded if the options say so, or if they may have existed at
// the last moment. The error is a [*plan.UnmatchedError] if a pattern matches nothing.
func (r *Restorer) scope(ctx context.Context, target ssmbak.Target, moments ...ssmbak.Time) (*scope, error) {
	// The results of the listings are read before the indexes, so that the indexes are
	// not older.
	ctx = r.observed(ctx)
	complete, err := r.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	out := &scope{target: target, complete: complete}
	f := &finder{live: r.live, listed: r.described, target: target, all: r.o.Exact || r.o.FindNew || !unknownAreNew(complete, slices.Max(moments))}
	if r.o.Names != nil {
		return out, r.named(ctx, out, f, moments)
	}
	var below map[ssmbak.Name]paramstore.Description
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if r.o.Brief && r.o.Version == nil {
			out.recorded, out.settled, err = r.archive.Unsettled(gctx, target, r.o.ManyReads, moments...)
			return err
		}
		out.recorded, err = r.archive.Timelines(gctx, target, moments...)
		return err
	})
	_, possible := target.Name()
	path := !possible || target.Recursive()
	if path && f.all {
		g.Go(func() (err error) {
			below, err = f.below(gctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	f.addNames(out.recorded, out.settled, complete.Unrecorded())
	if path && !f.all {
		if below, err = f.below(ctx); err != nil {
			return nil, err
		}
	}
	if out.subjects, out.one, err = r.subjects(ctx, f, out.recorded, out.settled, below); err != nil {
		return nil, err
	}
	unmatched := r.o.CheckNames(origins(out.subjects))
	if unmatched != nil && path && !f.all {
		// A pattern may match a live parameter that was never recorded.
		f.all = true
		if below, err = f.below(ctx); err != nil {
			return nil, err
		}
		if out.subjects, out.one, err = r.subjects(ctx, f, out.recorded, out.settled, below); err != nil {
			return nil, err
		}
		unmatched = r.o.CheckNames(origins(out.subjects))
	}
	for _, s := range out.subjects {
		s.moments = moments
	}
	return out, unmatched
}

// named reads the parameters of [Options.Names] into a scope, each one by its name.
func (r *Restorer) named(ctx context.Context, out *scope, f *finder, moments []ssmbak.Time) error {
	read := make([]archive.Timelines, len(r.o.Names))
	var live map[ssmbak.Name]paramstore.Description
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reads)
	g.Go(func() (err error) {
		live, err = describeAll(gctx, r.live, r.o.Names, r.described)
		return err
	})
	for i, name := range r.o.Names {
		g.Go(func() (err error) {
			read[i], err = r.archive.Timelines(gctx, ssmbak.NameTarget(name), moments...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, name := range r.o.Names {
		part := read[i]
		if _, exists := live[name]; !exists && len(part.All)+len(part.Problems) == 0 {
			return &plan.UnmatchedError{Pattern: string(name), Names: len(r.o.Names)}
		}
		part.One, part.All = false, append(out.recorded.All, part.All...)
		part.Names, part.Problems = append(out.recorded.Names, part.Names...), append(out.recorded.Problems, part.Problems...)
		out.recorded = part
	}
	var err error
	if out.subjects, out.one, err = r.subjects(ctx, f, out.recorded, nil, live); err != nil {
		return err
	}
	for _, s := range out.subjects {
		s.moments = moments
	}
	return r.o.CheckNames(origins(out.subjects))
}

// plan returns a plan without items.
func (s *scope) plan(at ssmbak.Time) *Plan {
	return &Plan{
		Plan:      plan.Plan{At: at, Target: s.target, Complete: s.recorded.Complete, Since: s.recorded.Since},
		Unchecked: s.recorded.Unchecked,
	}
}
