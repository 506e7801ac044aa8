package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
)

// Plan is what a restore would do.
type Plan struct {
	plan.Plan
	// Problems are the parameters whose index or a required value is damaged or could not
	// be read, by name. Their items are skipped or refused.
	Problems []archive.Problem
	// Unproved are the parameters of the target whose state is not certain, and that may
	// be missing from the plan.
	Unproved archive.Unproved
	// Unchecked says that hidden indexes were not looked for, see [archive.Snapshot].
	Unchecked bool
}

// Plan returns what a restore of the target to a time would do. The time has a precision
// of one millisecond and includes the changes of that millisecond. Plan writes nothing to
// Parameter Store. Live states that the archive does not have are recorded by the
// [Syncer] first.
//
// In addition to reading the archive, it sends one DescribeParameters request for each 50
// recorded parameters, or for each 50 parameters of the account if unrecorded ones may
// matter (see [Options.FindNew]). For each parameter to write it reads the tags and the
// history, and for each one whose versions differ the values of both versions, from the
// archive. Parameter Store decrypts nothing.
//
// An error means that there is no plan; problems of single parameters are in their items.
// It is a [*pattern.Error], a [*plan.UnmatchedError] or a [*plan.DestinationError] if the
// options are invalid.
func (r *Restorer) Plan(ctx context.Context, target ssmbak.Target, at ssmbak.Time) (*Plan, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	if r.o.To != "" {
		return r.planRelocated(ctx, target, at)
	}
	// The results of the listings are read before the indexes, so that the indexes are
	// not older.
	complete, err := r.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	f := &finder{live: r.live, target: target, all: r.o.Exact || r.o.FindNew || !unknownAreNew(complete, at)}
	var recorded archive.Timelines
	var below map[ssmbak.Name]paramstore.Description
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		recorded, err = r.archive.Timelines(gctx, target, at)
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
	f.addNames(recorded, complete.Unrecorded())
	if path && !f.all {
		if below, err = f.below(ctx); err != nil {
			return nil, err
		}
	}
	out := &Plan{Plan: plan.Plan{At: at, Target: target, Version: r.version(), Complete: recorded.Complete, Since: recorded.Since}, Unchecked: recorded.Unchecked}
	subjects, one, err := r.subjects(ctx, f, recorded, below)
	if err != nil {
		return nil, err
	}
	unmatched := r.o.CheckNames(origins(subjects))
	if unmatched != nil && path && !f.all {
		// A pattern may match a live parameter that was never recorded.
		f.all = true
		if below, err = f.below(ctx); err != nil {
			return nil, err
		}
		if subjects, one, err = r.subjects(ctx, f, recorded, below); err != nil {
			return nil, err
		}
		unmatched = r.o.CheckNames(origins(subjects))
	}
	if unmatched != nil {
		return nil, unmatched
	}
	subjects = r.exclude(&out.Plan, subjects, one, complete.Excluded)
	for _, s := range subjects {
		s.at = at
	}
	err = r.finish(ctx, out, subjects, complete, one, func(_ context.Context, s *subject) error {
		s.past = s.line
		r.fillAfter(s, at, complete)
		return nil
	})
	out.Unproved = r.unproved(recorded, target, at, subjects)
	return out, err
}

// exclude removes the subjects that the options or the recorder's patterns exclude, and
// counts them in out.
func (r *Restorer) exclude(out *plan.Plan, subjects []*subject, one bool, unrecorded []string) []*subject {
	return slices.DeleteFunc(subjects, func(s *subject) bool {
		switch {
		case !one && !r.o.Own && (own(s.name) || own(s.origin)):
			out.SkippedOwn = append(out.SkippedOwn, s.name)
			return true
		case !r.o.Includes(s.origin):
			out.Excluded++
			return true
		case !one && (pattern.Any(unrecorded, s.name) || pattern.Any(unrecorded, s.origin)):
			out.Unrecorded = append(out.Unrecorded, s.name)
			return true
		}
		return false
	})
}

// finish adds the items to a plan. It calls fillAfter, which sets the state to restore,
// after the live state was recorded. With one, the plan is for one parameter, which is
// included even if it exists at neither time.
func (r *Restorer) finish(ctx context.Context, out *Plan, subjects []*subject, complete archive.Reconciled, one bool, fillAfter func(context.Context, *subject) error) error {
	if err := each(ctx, r.o.Parallel, subjects, func(ctx context.Context, s *subject) error { return r.ensureRecorded(ctx, s, complete) }); err != nil {
		return err
	}
	now := ssmbak.TimeOf(time.Now())
	for _, s := range subjects {
		s.c = plan.Case{Name: s.name, Now: now}
		s.fillBefore()
	}
	if err := each(ctx, reads, subjects, fillAfter); err != nil {
		return err
	}
	if err := each(ctx, reads, subjects, r.values); err != nil {
		return err
	}
	// For an undo, the recorded tags and labels may be outdated, because the events of
	// the restore may still be in the queue.
	all := len(subjects) <= fewParameters || out.Undoes != ""
	if err := each(ctx, r.o.Parallel, subjects, func(ctx context.Context, s *subject) error { return r.attributes(ctx, s, all) }); err != nil {
		return err
	}
	for _, s := range subjects {
		item := plan.Decide(s.c, r.o.Options)
		if s.live == nil && s.unsaved != nil && item.Action == plan.ActionCreate {
			item.Notices = append(item.Notices, "its deletion could not be recorded: "+s.unsaved.Error())
		}
		if item.Action == plan.ActionCreate {
			if free := s.free(r.o.Recreation); free > now {
				item.NotBefore = free
				if r.o.Recreation >= time.Second { // shorter waits are not noticeable
					item.Warnings = append(item.Warnings, fmt.Sprintf("it was deleted recently: it is created at %s at the earliest, as AWS recommends", free))
				}
			}
		}
		if s.problem != nil {
			out.Problems = append(out.Problems, archive.Problem{Name: s.name, Err: s.problem})
		}
		if s.unread && item.Action == plan.ActionNone {
			out.UnreadAttributes++
		}
		if item.Unlisted() {
			out.Unlisted++
		}
		// A path does not include parameters that exist at neither time.
		if one || item.Action != plan.ActionNone || item.Before != nil || s.c.Existed {
			out.Items = append(out.Items, item)
		}
	}
	return nil
}
