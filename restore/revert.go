package restore

import (
	"context"
	"errors"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// Revert returns a plan that takes back what changed in the target after one time, up to
// and including a later one, as [plan.Revert] decides. Both times have a precision of one
// millisecond. [Restorer.Apply] applies the plan as it applies a restore, records it as
// one, and reads the tags and labels that matter again before it writes. Revert uses the
// options KeyID, Replace, Own, Only, Exclude and Principals.
//
// In addition to the requests of [Restorer.Plan], it reads up to three values of each
// parameter that changed in between, and for a parameter with conflicts, or with
// Principals, its index again with all parts and the values of versions to find out who
// changed what.
//
// The errors are those of [Restorer.Plan].
func (r *Restorer) Revert(ctx context.Context, target ssmbak.Target, from, to ssmbak.Time) (*Plan, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	found, err := r.scope(ctx, target, from, to)
	if err != nil {
		return nil, err
	}
	out := found.plan(from)
	out.Until = to
	complete := found.complete
	all := r.exclude(&out.Plan, found.subjects, found.one, complete.Excluded)
	if err := r.settle(ctx, all, complete); err != nil {
		return nil, err
	}
	subjects := slices.DeleteFunc(slices.Clone(all), (*subject).isSettled)
	now, err := r.record(ctx, subjects, complete)
	if err != nil {
		return nil, err
	}
	for _, s := range subjects {
		s.past = s.line
		s.fillReversal(from, to, now, complete)
	}
	if err := each(ctx, reads, subjects, r.step(StepValues, r.revertedValues)); err != nil {
		return nil, err
	}
	if err := each(ctx, r.o.Parallel, subjects, r.step(StepTags, func(ctx context.Context, s *subject) error { return r.reverse(ctx, s, complete) })); err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.isSettled() {
			out.Items = append(out.Items, plan.Unreverted(s.name, s.live.Version))
			continue
		}
		c := &s.reversal
		r.add(out, s, s.item, now, found.one || !c.From.State.Deleted || !c.To.State.Deleted)
	}
	out.Unproved = r.unproved(found.recorded, target, from, to, all)
	return out, nil
}

// fillReversal sets the states at the two times and the live parameter.
func (s *subject) fillReversal(from, to, now ssmbak.Time, complete archive.Reconciled) {
	c := &s.reversal
	*c = plan.Reversal{Name: s.name, Now: now, From: plan.Side{At: from}, To: plan.Side{At: to}, Before: s.c.Before, Gone: s.c.Gone, Unsaved: s.c.Unsaved}
	for _, side := range []*plan.Side{&c.From, &c.To} {
		switch {
		case s.problem != nil:
			side.State = ssmbak.State{Name: s.name, Reason: "its record cannot be read: " + s.problem.Error()}
		case s.line != nil:
			side.State, side.Objects = s.line.At(side.At)
		default:
			side.State = ssmbak.State{Name: s.name, Reason: "nothing was recorded"}
		}
	}
	if s.line != nil {
		c.SameLife = s.line.SameLife(from, to)
		c.Existed, c.Covered = s.line.Facts().KnownBy(from)
	}
	c.Covered = c.Covered || complete.Covers(s.name, from)
}

// revertedValues reads the values that [plan.Reversal.NeedsValues] reports.
func (r *Restorer) revertedValues(ctx context.Context, s *subject) error {
	c := &s.reversal
	from, to, before := c.NeedsValues()
	for _, side := range []struct {
		*plan.Side
		needed bool
	}{{&c.From, from}, {&c.To, to}} {
		if !side.needed || len(side.Objects) == 0 {
			continue
		}
		v, err := r.value(ctx, s, r.archive, s.name, side.State.Version, side.Objects)
		if err != nil {
			return err
		}
		side.State.Value = v
	}
	if !before {
		return nil
	}
	err := r.readBefore(ctx, s)
	c.Unsaved = s.c.Unsaved
	return err
}

// reverse decides about a parameter. If something changed in between, it reads the live
// tags and labels that matter, and records those that the archive does not have.
func (r *Restorer) reverse(ctx context.Context, s *subject, complete archive.Reconciled) error {
	c := &s.reversal
	if !c.Changed() {
		s.item = plan.Revert(*c, r.o.Options)
		return nil
	}
	recorded := true
	if c.Before != nil {
		item := plan.Revert(*c, r.o.Options)
		tags, labels := c.NeedsAttributes(&item)
		var err error
		recorded, err = r.readAttributes(ctx, s, tags, labels)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) { // if it was deleted since, Apply detects that
			return err
		}
		c.Before = s.c.Before
	}
	if len(r.o.Principals) > 0 {
		h, err := r.readHistory(ctx, s, complete)
		if err != nil {
			return err
		}
		if s.problem != nil { // since the first reading: who changed what is not known any more
			s.fillReversal(c.From.At, c.To.At, c.Now, complete)
			s.item = plan.Revert(*c, r.o.Options)
			return nil
		}
		if c.Others, err = r.others(ctx, h, c.From.At, c.To.At); err != nil {
			return err
		}
	}
	s.item = plan.Revert(*c, r.o.Options)
	if !recorded && (s.item.Action.Writes() || len(s.item.Conflicts) > 0) {
		if err := r.saveAttributes(ctx, s); err != nil {
			return err
		}
		c.TagsUnsaved = s.c.TagsUnsaved
		s.item = plan.Revert(*c, r.o.Options)
	}
	if len(s.item.Conflicts) == 0 || len(c.Others) > 0 {
		return nil
	}
	h, err := r.readHistory(ctx, s, complete)
	if err != nil {
		return err
	}
	return r.attribute(ctx, h, &s.item, c.To)
}
