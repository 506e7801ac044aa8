package ssmbakcli

import (
	"context"
	"iter"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/history"
	"github.com/ssmbak/ssmbak/plan"
)

// markedRestores is the number of newest restores of which log marks the changes.
const markedRestores = 100

// madeBy returns a function that returns the restore that made a change, nil if none did.
// Without the records, it prints why changes are not marked.
func (a *app) madeBy(ctx context.Context, s *session, changes archive.Changes) func(ssmbak.Change) *plan.Document {
	var records []*plan.Document
	if changes.Len() > 0 {
		var more int
		var err error
		records, more, err = s.archive.RestoreRecords(ctx, markedRestores)
		if err != nil {
			a.NoteFacts(shell.Facts{"Error": reason(err)}, "changes by restores are not marked: %s", reason(err))
		}
		oldest := min(changes.At(0).Until, changes.At(changes.Len()-1).Until)
		if last := len(records) - 1; more > 0 && oldest < ssmbak.TimeOf(records[last].Began) {
			a.NoteFacts(shell.Counted("records", len(records)), "only changes by the newest %d restores are marked", len(records))
		}
	}
	return func(c ssmbak.Change) *plan.Document {
		if i := slices.IndexFunc(records, func(r *plan.Document) bool { return history.Made(r, c) }); i >= 0 {
			return records[i]
		}
		return nil
	}
}

// markRestores returns the entries of changes, with the restore that made each.
func (a *app) markRestores(ctx context.Context, s *session, changes archive.Changes) iter.Seq[render.LogEntry] {
	made := a.madeBy(ctx, s, changes)
	return func(yield func(render.LogEntry) bool) {
		for c := range changes.All() {
			if !yield(render.LogEntry{Change: &c, Restore: made(c)}) {
				return
			}
		}
	}
}
