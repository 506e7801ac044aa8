package ssmbakcli

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// mostMarks is the number of marks above which log does not read them: each is a request.
const mostMarks = 1000

// withMarks returns the entries of changes, with the marks of their time in their places: at
// the time of a mark, the changes before it have happened. Programs get no marks, since they
// are no changes. Without the marks, it prints why they are not shown.
func (a *app) withMarks(ctx context.Context, s *session, o logOptions, changes archive.Changes, entries iter.Seq[render.LogEntry]) iter.Seq[render.LogEntry] {
	if changes.Len() == 0 || len(o.by)+len(o.operations) > 0 || a.Flags.Output == shell.JSON || a.Flags.Output == shell.Text {
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
	oldest := changes.Len() - 1
	if o.reverse {
		oldest = 0
	}
	return placed(entries, changes.At(oldest).Until, marks, o)
}

// placed returns the entries with the marks since the first change, which has happened by
// least, or in the period of --since and --until, in their places.
func placed(entries iter.Seq[render.LogEntry], least ssmbak.Time, marks []archive.Mark, o logOptions) iter.Seq[render.LogEntry] {
	if o.from != 0 && o.most == 0 {
		least = o.from
	}
	marks = slices.DeleteFunc(marks, func(m archive.Mark) bool { return m.At < least || o.to != 0 && m.At > o.to })
	slices.SortStableFunc(marks, func(x, y archive.Mark) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Name, y.Name)) })
	precedes := func(m archive.Mark, e render.LogEntry) bool { return m.At < e.Until }
	if !o.reverse {
		slices.Reverse(marks)
		precedes = func(m archive.Mark, e render.LogEntry) bool { return m.At >= e.Until }
	}
	return func(yield func(render.LogEntry) bool) {
		rest := marks
		next := func() bool {
			e := render.LogEntry{Change: new(ssmbak.Change), Mark: &rest[0]}
			rest = rest[1:]
			return yield(e)
		}
		for e := range entries {
			for len(rest) > 0 && precedes(rest[0], e) {
				if !next() {
					return
				}
			}
			if !yield(e) {
				return
			}
		}
		for len(rest) > 0 {
			if !next() {
				return
			}
		}
	}
}
