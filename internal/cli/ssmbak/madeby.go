package ssmbakcli

import (
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/history"
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
		a.NoteFacts(shell.Facts{"Error": reason(err)}, "changes by restores are not marked: %s", reason(err))
		return
	}
	oldest := ssmbak.MaxTime
	for i := range entries {
		e := &entries[i]
		oldest = min(oldest, e.Until)
		if j := slices.IndexFunc(records, func(r *archive.RestoreRecord) bool { return history.Made(r, *e.Change) }); j >= 0 {
			e.Restore = records[j]
		}
	}
	if last := len(records) - 1; more > 0 && oldest < ssmbak.TimeOf(records[last].Began) {
		a.NoteFacts(shell.Counted("records", len(records)), "only changes by the newest %d restores are marked", len(records))
	}
}
