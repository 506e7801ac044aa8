package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// replace deletes a parameter, in first's context, and creates it again. If it
// cannot be created, what was there is put back. Nothing happens if the restore is
// interrupted before the deletion is sent. After that nothing ends it, so that no
// interrupt leaves the parameter deleted.
func (r *Restorer) replace(ctx context.Context, first *first, out *plan.Outcome, item *plan.Item) error {
	if item.Refused != "" {
		return &refusal{reason: item.Refused}
	}
	ctx = context.WithoutCancel(ctx)
	r.o.away(Absence{Name: item.Name})
	there := func() { r.o.away(Absence{Name: item.Name, Over: true}) }
	if err := r.live.Delete(first.ctx, item.Name); err != nil && (first.unsent(err) != nil || r.exists(ctx, item.Name)) {
		there()
		return err
	}
	out.Replaced = true
	until := ssmbak.TimeOf(time.Now().Add(r.o.Recreation))
	r.o.away(Absence{Name: item.Name, Until: until})
	time.Sleep(time.Until(until.Std()))
	number, err := r.put(ctx, ctx, item)
	var refused *refusal
	if number == 0 && err != nil && !errors.As(err, &refused) {
		// Perhaps it was created, and only the answer was lost.
		if n, seen := r.existing(ctx, item.Write); seen == nil || errors.As(seen, &refused) {
			number, err = n, seen
		}
	}
	if err != nil && (number == 0 || !r.exists(ctx, item.Name)) {
		if err = r.putBack(ctx, out, item, err); r.exists(ctx, item.Name) {
			there()
		}
		return err
	}
	there()
	if out.Version = number; err != nil {
		return err
	}
	if err := r.relabel(func() context.Context { return ctx }, item, number, func(plan.LabelMove) bool { return true }); err != nil {
		return fmt.Errorf("version %d was written, its labels were not: %w", number, err)
	}
	return nil
}

// putBack creates the parameter as it was before it was deleted, except that its
// versions begin anew. why is why it could not be created as it was wanted.
func (r *Restorer) putBack(ctx context.Context, out *plan.Outcome, item *plan.Item, why error) error {
	var taken *refusal
	if errors.As(why, &taken) && out.Version == 0 && r.exists(ctx, item.Name) {
		return fmt.Errorf("it was deleted and not created anew: %w", why)
	}
	back := *item
	back.Write, back.Labels = plan.Recreate(item.Name, *item.Before, ssmbak.TimeOf(time.Now()))
	number, err := r.put(ctx, ctx, &back)
	if err == nil {
		out.Version = number
		err = r.relabel(func() context.Context { return ctx }, &back, number, func(plan.LabelMove) bool { return true })
	}
	if err != nil {
		return fmt.Errorf("it is deleted: it could not be created anew (%w), and what was there could not be put back: %w", why, err)
	}
	return fmt.Errorf("it could not be created anew, and what was there was put back as version %d: %w", number, why)
}

// exists reports whether the parameter is there, or may be.
func (r *Restorer) exists(ctx context.Context, name ssmbak.Name) bool {
	_, err := r.live.DescribeOne(ctx, name)
	return !errors.Is(err, paramstore.ErrNotFound)
}
