package ssmbakcli

import (
	"context"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/pattern"
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
// undo and not that of a test, and prints which it is. It is an error if that is undone already, in part too.
func (a *app) lastRestore(ctx context.Context, s *session) (string, error) {
	ids, err := s.archive.RestoreIDs(ctx, "")
	if err != nil {
		return "", err
	}
	caller := pattern.Principal(s.caller.ARN)
	var later []*archive.RestoreRecord
	for _, id := range ids {
		r, err := s.archive.RestoreRecord(ctx, id)
		if err != nil {
			return "", err
		}
		if pattern.Principal(r.By) != caller || r.Undoes != "" || restore.Copies(r) || strings.HasPrefix(r.Target, archive.TestPath) {
			later = append(later, r)
			continue
		}
		a.noteLast(r)
		const hint = "an older restore needs its ID: `ssmbak undo` lists them"
		switch undone, changed := restore.Undone(r, later); {
		case undone > 0 && undone < changed:
			return "", shell.KindAlreadyUndone.Fail("`ssmbak undo "+id+"` undoes the rest; "+hint, "your last restore, %s, was partly undone: %d of %s", id, undone, shell.Count(changed, "parameter", "parameters"))
		case undone > 0:
			return "", shell.KindAlreadyUndone.Fail(hint, "your last restore, %s, was undone already", id)
		}
		if again := redone(id, later); again != "" {
			return "", shell.KindAlreadyUndone.Fail("`ssmbak undo "+again+"` undoes that; "+hint, "your last restore, %s, was undone, and %s restored it again", id, again)
		}
		return id, nil
	}
	return "", shell.KindNotFound.Fail("`ssmbak undo` lists the restores of everyone; a restore of another principal, or one with --to, needs its ID", "there is no restore by %s", caller)
}

// redone returns the ID of the newest undo of an undo of a restore, or "". The live
// parameters are then those that it wrote. later are the records since, newest first.
func redone(id string, later []*archive.RestoreRecord) string {
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
func (a *app) noteLast(r *archive.RestoreRecord) {
	began := ssmbak.TimeOf(r.Began)
	age := a.Now().Sub(r.Began).Truncate(time.Second)
	text := ""
	if r.Message != "" {
		text = ": " + r.Message
	}
	a.NoteFacts(shell.Facts{"RestoreId": r.ID, "Time": began, "Target": r.Target, "Message": r.Message, "Seconds": int(age.Seconds())}, "last restore %s, %s ago (%s), of %s%s", r.ID, age, a.both(began), r.Target, text)
}
