package restore

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// guard returns the reason why an item of a revert is not applied, because live tags or
// labels that it removes or changes are not as they were when the plan was made. A
// deletion removes all of them. The version is compared later, right before the write.
//
// It also returns the reason why an item of [Plan.untested] is not applied.
func (r *Restorer) guard(ctx context.Context, item *plan.Item) error {
	if r.untested[item.Name] {
		return r.test(ctx, item)
	}
	if !r.guarded || item.Before == nil {
		return nil
	}
	var err error
	same := true
	if changes(item, ssmbak.Attribute.Tag) {
		var tags map[string]string
		if tags, err = r.live.Tags(ctx, item.Name); err == nil {
			same = unchanged(item, ssmbak.Attribute.Tag, item.Before.Tags.V, tags)
		}
	}
	if err == nil && same && changes(item, ssmbak.Attribute.Label) {
		var h paramstore.History
		if h, err = r.live.History(ctx, item.Name); err == nil {
			same = unchanged(item, ssmbak.Attribute.Label, item.Before.Labels.V, h.Labels())
		}
	}
	switch {
	case err != nil:
		return unreadAgain(ctx, err)
	case !same:
		return &refusal{reason: "its tags or labels changed since the plan was made", remedy: plan.RemedyRerun}
	}
	return nil
}

// unreadAgain returns the reason why an item is not applied whose live tags or labels could
// not be read.
func unreadAgain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, paramstore.ErrNotFound):
		return nil // which is found out right before the write
	case ctx.Err() != nil:
		return &NotStartedError{context.Cause(ctx)}
	}
	return &refusal{"its tags and labels could not be read again: " + err.Error(), err, plan.RemedyRerun}
}

// test compares the live tags of an item with those in the archive, with which the plan was
// made. If they differ, it records the live ones, so that the next plan has them.
func (r *Restorer) test(ctx context.Context, item *plan.Item) error {
	tags, err := r.live.Tags(ctx, item.Name)
	if err != nil {
		return unreadAgain(ctx, err)
	}
	if maps.Equal(plan.UserTags(item.Before.Tags.V), plan.UserTags(tags)) {
		return nil
	}
	refused := &refusal{reason: "its tags are not as they were recorded", remedy: plan.RemedyRerun}
	if r.archive == nil || r.sync == nil {
		return refused
	}
	if err := r.sync.Sync(ctx, item.Name); err != nil {
		refused.reason += ", and could not be recorded: " + err.Error()
	}
	return refused
}

// changes reports whether an item removes or changes tags or labels: those of whose names
// key returns the key.
func changes(item *plan.Item, key func(ssmbak.Attribute) (string, bool)) bool {
	return item.Removes() || slices.ContainsFunc(item.Differences, func(d plan.Difference) bool {
		_, ok := key(d.Attribute)
		return ok
	})
}

// unchanged reports whether the tags or labels that an item removes or changes are the same
// as before.
func unchanged[V comparable](item *plan.Item, key func(ssmbak.Attribute) (string, bool), before, now map[string]V) bool {
	if item.Removes() {
		return maps.Equal(before, now)
	}
	for _, d := range item.Differences {
		if k, ok := key(d.Attribute); ok {
			old, had := before[k]
			is, has := now[k]
			if old != is || had != has {
				return false
			}
		}
	}
	return true
}
