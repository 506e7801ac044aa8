package ssmbakcli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// lastWord is the argument of undo that means the caller's newest restore.
const lastWord = "last"

// restoreID returns the ID that an argument of undo means: "last", an ID, or a prefix that
// only one ID has.
func (a *app) restoreID(ctx context.Context, s *session, text string) (string, error) {
	if text == lastWord {
		return a.lastRestore(ctx, s)
	}
	ids, err := s.archive.RestoreIDs(ctx, text)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", shell.KindNotFound.Fail("`ssmbak undo` lists the restores", "bucket %s has no record of restore %s", s.archive.Bucket(), text)
	case len(ids) > 1 && ids[0] != text:
		return "", shell.Usage("type more of it; `ssmbak undo` lists the restores", "%d restores begin with %s, for example %s and %s", len(ids), text, ids[0], ids[1])
	}
	return ids[0], nil
}

// lastRestore returns the ID of the newest restore of the caller in place that is not an
// undo and not that of a test, and prints which it is. It is an error if that is undone
// already, in part too, or if several began within one millisecond.
func (a *app) lastRestore(ctx context.Context, s *session) (string, error) {
	caller := pattern.Principal(s.caller.ARN)
	var last, later []*plan.Document
	for r, err := range s.archive.NewestRestores(ctx) {
		if err != nil {
			return "", err
		}
		if len(last) > 0 && !r.Began.Equal(last[0].Began) {
			break
		}
		switch {
		case pattern.Principal(r.By) == caller && r.Undoes == "" && !restore.Copies(r) && !strings.HasPrefix(r.Target, archive.TestPath):
			last = append(last, r)
		case len(last) == 0:
			later = append(later, r)
		}
	}
	switch len(last) {
	case 0:
		return "", shell.KindNotFound.Fail("`ssmbak undo` lists the restores of everyone; a restore of another principal, or one with --to, needs its ID", "there is no restore by %s", caller)
	case 1:
		return a.notUndone(last[0], later)
	}
	var ids []string
	for _, r := range last {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return "", shell.Usage("name one of them", "%d of your restores began last, all at %s: %s", len(ids), a.both(ssmbak.TimeOf(last[0].Began)), strings.Join(ids, ", "))
}

// notUndone prints which restore is the last one and returns its ID. It is an error if that
// is undone already, in part too. later are the records since, newest first.
func (a *app) notUndone(r *plan.Document, later []*plan.Document) (string, error) {
	a.noteLast(r)
	const hint = "an older restore needs its ID: `ssmbak undo` lists them"
	switch undone, changed := restore.Undone(r, later); {
	case undone > 0 && undone < changed:
		return "", shell.KindAlreadyUndone.Fail("`ssmbak undo "+r.ID+"` undoes the rest; "+hint, "your last restore, %s, was partly undone: %d of %s", r.ID, undone, shell.Count(changed, "parameter", "parameters"))
	case undone > 0:
		return "", shell.KindAlreadyUndone.Fail(hint, "your last restore, %s, was undone already", r.ID)
	}
	if again := redone(r.ID, later); again != "" {
		return "", shell.KindAlreadyUndone.Fail("`ssmbak undo "+again+"` undoes that; "+hint, "your last restore, %s, was undone, and %s restored it again", r.ID, again)
	}
	return r.ID, nil
}

// redone returns the ID of the newest undo of an undo of a restore, or "". The live
// parameters are then those that it wrote. later are the records since, newest first.
func redone(id string, later []*plan.Document) string {
	undos := make(map[string]bool)
	for _, r := range later {
		undos[r.ID] = r.Undoes == id
	}
	for _, r := range later {
		if undos[r.Undoes] {
			return r.ID
		}
	}
	return ""
}

// noteLast prints which restore is the last one.
func (a *app) noteLast(r *plan.Document) {
	began := ssmbak.TimeOf(r.Began)
	age := a.Now().Sub(r.Began).Truncate(time.Second)
	text := ""
	if r.Message != "" {
		text = ": " + r.Message
	}
	a.NoteFacts(shell.Facts{"RestoreId": r.ID, "Time": began, "Target": r.Target, "Message": r.Message, "Seconds": int(age.Seconds())}, "last restore %s, %s ago (%s), of %s%s", r.ID, age, a.both(began), r.Target, text)
}
