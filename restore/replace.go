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

// replace deletes a parameter, with the context of first, and recreates it. If it cannot
// be created, the deleted parameter is created again. An interrupt before the deletion is
// sent prevents all of it; after that, an interrupt has no effect, so that the parameter
// does not stay deleted.
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
		// It may have been created although the response was lost.
		if n, seen := r.existing(ctx, item.Write); seen == nil || errors.As(seen, &refused) {
			number, err = n, seen
		}
	}
	if err != nil && (number == 0 || !r.exists(ctx, item.Name)) {
		if err = r.restoreDeleted(ctx, out, item, err); r.exists(ctx, item.Name) {
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

// restoreDeleted creates the parameter that was deleted again, with version 1. why is the
// error because of which its replacement was not created.
func (r *Restorer) restoreDeleted(ctx context.Context, out *plan.Outcome, item *plan.Item, why error) error {
	var taken *refusal
	if errors.As(why, &taken) && out.Version == 0 && r.exists(ctx, item.Name) {
		return fmt.Errorf("it was deleted and not recreated: %w", why)
	}
	old := *item
	old.Write, old.Labels = plan.Recreate(item.Name, *item.Before, ssmbak.TimeOf(time.Now()))
	number, err := r.put(ctx, ctx, &old)
	if err == nil {
		out.Version = number
		err = r.relabel(func() context.Context { return ctx }, &old, number, func(plan.LabelMove) bool { return true })
	}
	if err != nil {
		return fmt.Errorf("it is deleted: it could not be recreated (%w), and its previous state could not be restored: %w", why, err)
	}
	return fmt.Errorf("it could not be recreated, and its previous state was restored as version %d: %w", number, why)
}

// exists reports whether the parameter exists, or may exist.
func (r *Restorer) exists(ctx context.Context, name ssmbak.Name) bool {
	_, err := r.live.DescribeOne(ctx, name)
	return !errors.Is(err, paramstore.ErrNotFound)
}
