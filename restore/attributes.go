package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// manyReads is the maximum number of parameters of which a plan reads the live tags and
// labels whatever the archive knows, if [Options.ManyReads] is zero. Those of more
// parameters would require more requests than an account is allowed in a minute.
const manyReads = 100

// scrutiny says of which parameters a plan reads the live tags and labels even if those in
// the archive are proved.
type scrutiny struct {
	unchanged bool // of those that do not differ otherwise
	written   bool // of those that are written
}

// scrutinize returns the scrutiny of a plan for so many parameters, of which subjects may
// differ. For an undo, the recorded tags and labels may be
// outdated, because the events of the restore may still be in the queue.
func (r *Restorer) scrutinize(subjects []*subject, total int, undo bool) scrutiny {
	if undo || total <= r.o.ManyReads {
		return scrutiny{unchanged: true, written: true}
	}
	written := 0
	for _, s := range subjects {
		if plan.Decide(s.c, r.o.Options).Action.Writes() {
			written++
		}
	}
	return scrutiny{written: written <= r.o.ManyReads}
}

// attributes reads the live tags and labels of a parameter, as far as the plan depends on
// them, and records those that the archive does not have before they can be lost.
//
// With few parameters, or few that are written, the plan reads those that are written even
// if the archive has proved them, because their events may be on their way. Otherwise it
// believes the archive, and Apply reads the tags again before it changes them.
func (r *Restorer) attributes(ctx context.Context, s *subject, how scrutiny) error {
	c := &s.c
	if c.Before == nil {
		return nil
	}
	item := plan.Decide(*c, r.o.Options)
	if !item.Action.Writes() && item.Action != plan.ActionNone {
		return nil
	}
	tags, labels := s.reads(&item, how)
	recorded, err := r.readAttributes(ctx, s, tags, labels)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil // it was deleted since, which Apply detects
	}
	if err != nil {
		return err
	}
	item = plan.Decide(*c, r.o.Options)
	if item.Action.Writes() && how.written && c.Undone == nil && !(tags && labels) {
		// An undo needs all of them.
		bothRecorded, err := r.readAttributes(ctx, s, !tags, !labels)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return err
		}
		recorded, tags, labels = recorded && bothRecorded, true, true
	}
	s.untested = !tags && changes(&item, ssmbak.Attribute.Tag)
	w := &c.After
	s.unread = c.Undone == nil && (w.Tags.IsKnown() && !tags && !s.untested || w.Labels.IsKnown() && !labels)
	if !item.Action.Writes() || recorded {
		return nil
	}
	return r.saveAttributes(ctx, s)
}

// reads returns whether live tags and labels are read, given what the plan does to the
// parameter by what the archive knows of them.
func (s *subject) reads(item *plan.Item, how scrutiny) (tags, labels bool) {
	w, before := &s.c.After, s.c.Before
	switch {
	case item.Removes():
		return true, true
	case s.c.Undone != nil:
		// Tags and labels that the undone restore did not change are not changed.
		tags = slices.ContainsFunc(s.c.Undone, func(a ssmbak.Attribute) bool { _, is := a.Tag(); return is })
		labels = slices.ContainsFunc(s.c.Undone, func(a ssmbak.Attribute) bool { _, is := a.Label(); return is })
		return tags && w.Tags.IsKnown(), w.Labels.IsKnown() && (labels || item.OldestIsLost())
	case item.Action.Writes() && how.written:
		return true, true
	case how.unchanged:
		return w.Tags.IsKnown(), w.Labels.IsKnown()
	}
	// Without a new version, there is nothing else to write. It may be the second restore,
	// whose archive has not heard of the tags that the first one set.
	onlyTags := !item.NewVersion() && changes(item, ssmbak.Attribute.Tag)
	return w.Tags.IsKnown() && (!before.Tags.IsKnown() || onlyTags),
		w.Labels.IsKnown() && (!before.Labels.IsKnown() || len(w.Labels.V)+len(before.Labels.V) > 0)
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
