package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// fewParameters is the maximum number of parameters in a plan that reads the live tags
// and labels of every one. Those of more parameters would require more requests than an
// account is allowed in a minute.
const fewParameters = 100

// attributes reads the live tags and labels of a parameter that will be written, and, with
// all or if the recorded ones are not proved, of one that is otherwise unchanged. It
// records those that the archive does not have before they can be lost.
func (r *Restorer) attributes(ctx context.Context, s *subject, all bool) error {
	c := &s.c
	if c.Before == nil {
		return nil
	}
	action := plan.Decide(*c, r.o.Options).Action
	if !action.Writes() && action != plan.ActionNone {
		return nil
	}
	w := &c.After
	tags := action.Writes() || w.Tags.IsKnown() && (all || !c.Before.Tags.IsKnown())
	labels := action.Writes() || w.Labels.IsKnown() && (all || !c.Before.Labels.IsKnown() || len(w.Labels.V)+len(c.Before.Labels.V) > 0)
	s.unread = w.Tags.IsKnown() && !tags || w.Labels.IsKnown() && !labels
	recorded, err := r.readAttributes(ctx, s, tags, labels)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil // it was deleted since, which Apply detects
	}
	if err != nil {
		return err
	}
	if writes := plan.Decide(*c, r.o.Options).Action.Writes(); writes && !(tags && labels) {
		// An undo needs all of them.
		bothRecorded, err := r.readAttributes(ctx, s, !tags, !labels)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return err
		}
		recorded = recorded && bothRecorded
	} else if !writes {
		return nil
	}
	if recorded {
		return nil
	}
	return r.saveAttributes(ctx, s)
}

// saveAttributes records the live tags and labels.
func (r *Restorer) saveAttributes(ctx context.Context, s *subject) error {
	c := &s.c
	if r.archive == nil {
		return nil
	}
	c.TagsUnsaved = "its tags and labels are not in the archive"
	if r.sync == nil {
		return nil
	}
	if err := r.sync.Sync(ctx, s.name); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
		c.TagsUnsaved += ": " + err.Error()
		return nil
	}
	c.TagsUnsaved = ""
	return nil
}

// readAttributes reads tags and labels from Parameter Store, and reports whether they are
// the last recorded ones.
func (r *Restorer) readAttributes(ctx context.Context, s *subject, tags, labels bool) (recorded bool, err error) {
	live := *s.c.Before
	recorded = true
	if tags {
		now, err := r.live.Tags(ctx, s.name)
		if err != nil {
			return false, err
		}
		recorded = live.Tags.IsKnown() && maps.Equal(now, live.Tags.V)
		live.Tags = ssmbak.Know(now, ssmbak.Proved)
	}
	if labels {
		h, err := r.live.History(ctx, s.name)
		if err != nil {
			return false, err
		}
		now := h.Labels()
		recorded = recorded && live.Labels.IsKnown() && maps.Equal(now, live.Labels.V)
		live.Labels, live.History = ssmbak.Know(now, ssmbak.Proved), nil
		for _, v := range h.Versions {
			live.History = append(live.History, timeline.Ref{Number: v.Number, Time: v.Time})
		}
	}
	s.c.Before = &live
	return recorded, nil
}
