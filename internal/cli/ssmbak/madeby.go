package ssmbakcli

import (
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// markedRestores is the number of newest restores of which log marks the changes.
const markedRestores = 100

// markRestores sets which restore made each change. Without the records, it prints why
// changes are not marked.
func (a *app) markRestores(ctx context.Context, s *session, entries []render.LogEntry) {
	if len(entries) == 0 {
		return
	}
	records, more, err := s.archive.RestoreRecords(ctx, markedRestores)
	if err != nil {
		a.Note("changes by restores are not marked: %s", reason(err))
		return
	}
	oldest := ssmbak.MaxTime
	for i := range entries {
		e := &entries[i]
		oldest = min(oldest, e.Until)
		if j := slices.IndexFunc(records, func(r *archive.RestoreRecord) bool { return made(r, e.Change) }); j >= 0 {
			e.Restore = records[j]
		}
	}
	if last := len(records) - 1; more > 0 && oldest < ssmbak.TimeOf(records[last].Began) {
		a.Note("only changes by the newest %d restores are marked", len(records))
	}
}

// made reports whether a restore made a change: it was to change that of the parameter while
// the restore ran, and a version has the number that the restore recorded.
func made(r *archive.RestoreRecord, c ssmbak.Change) bool {
	from, until := ssmbak.TimeOf(r.Began).Add(-timeline.Skew), ssmbak.MaxTime
	if !r.Ended.IsZero() {
		until = ssmbak.TimeOf(r.Ended).Add(timeline.Skew)
	}
	if !c.Within(from, until) {
		return false
	}
	i := slices.IndexFunc(r.Items, func(x archive.RestoreItem) bool { return x.Name == c.Name })
	if i < 0 {
		return false
	}
	x := &r.Items[i]
	changes := func(kind ssmbak.Attribute, name string) bool {
		return x.Status != string(plan.StatusRefused) && slices.Contains(x.Attributes, kind+ssmbak.Attribute(name))
	}
	switch c.Operation {
	case ssmbak.OpCreate, ssmbak.OpUpdate:
		return c.Version.Number != 0 && c.Version.Number == x.Written
	case ssmbak.OpDelete:
		return x.After == nil && (x.Status == string(plan.StatusDeleted) || x.Status == string(plan.StatusRestored)) || x.Replaces && x.Written == 1
	case ssmbak.OpTag:
		for key := range c.Tags {
			if changes(ssmbak.AttributeTag, key) {
				return true
			}
		}
	case ssmbak.OpLabel:
		for label := range c.Labels {
			if changes(ssmbak.AttributeLabel, label) {
				return true
			}
		}
	case ssmbak.OpGap:
	}
	return false
}
