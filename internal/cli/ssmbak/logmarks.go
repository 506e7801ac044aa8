package ssmbakcli

import (
	"cmp"
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// mostMarks is the number of marks above which log does not read them: each is a request.
const mostMarks = 1000

// withMarks returns the entries with the marks of their time in their places: at the time of
// a mark, the changes before it have happened. Programs get no marks, since they are no
// changes. Without the marks, it prints why they are not shown.
func (a *app) withMarks(ctx context.Context, s *session, o logOptions, entries []render.LogEntry) []render.LogEntry {
	if len(entries) == 0 || len(o.by)+len(o.operations) > 0 || a.Flags.Output == shell.JSON || a.Flags.Output == shell.Text {
		return entries
	}
	names, err := s.archive.MarkNames(ctx)
	if err != nil {
		a.NoteFacts(shell.Facts{"Error": reason(err)}, "marks are not shown: %s", reason(err))
		return entries
	}
	if len(names) > mostMarks {
		a.NoteFacts(shell.Counted("most", mostMarks), "marks are not shown, since there are more than %d: `ssmbak mark` lists them", mostMarks)
		return entries
	}
	if len(names) == 0 {
		return entries
	}
	marks, unreadable, err := s.archive.ReadMarks(ctx, names)
	if err != nil {
		a.NoteFacts(shell.Facts{"Error": reason(err)}, "marks are not shown: %s", reason(err))
		return entries
	}
	for _, err := range unreadable {
		a.NoteFacts(shell.Facts{"Error": reason(err)}, "a mark is not shown: %s", reason(err))
	}
	return placed(entries, marks, o)
}

// placed returns the entries with the marks since the first change, or in the period of
// --since and --until, in their places.
func placed(entries []render.LogEntry, marks []archive.Mark, o logOptions) []render.LogEntry {
	all := slices.Clone(entries)
	if o.reverse {
		slices.Reverse(all)
	}
	least := all[len(all)-1].Until
	if o.from != 0 && o.most == 0 {
		least = o.from
	}
	slices.SortStableFunc(marks, func(x, y archive.Mark) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Name, y.Name)) })
	for i := range marks {
		m := &marks[i]
		if m.At < least || o.to != 0 && m.At > o.to {
			continue
		}
		at := slices.IndexFunc(all, func(e render.LogEntry) bool { return timeOf(e) <= m.At })
		if at < 0 {
			at = len(all)
		}
		all = slices.Insert(all, at, render.LogEntry{Change: new(ssmbak.Change), Mark: m})
	}
	if o.reverse {
		slices.Reverse(all)
	}
	return all
}

// timeOf returns the time by which an entry has happened.
func timeOf(e render.LogEntry) ssmbak.Time {
	if e.Mark != nil {
		return e.Mark.At
	}
	return e.Until
}
