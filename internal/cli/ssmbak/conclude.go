package ssmbakcli

import (
	"context"
	"errors"
	"slices"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// tally counts the outcomes of a restore, and the units in conflict.
type tally struct {
	restored, deleted, unchanged, refused, failed, idle, conflicts int
	// cause is why parameters were not started, and hint helps with the first failure.
	cause error
	hint  string
}

// tally counts the outcomes of a plan, and prints a note for each that needs attention.
func (a *app) tally(p *restore.Plan, outcomes []plan.Outcome) (t tally) {
	for _, o := range outcomes {
		for _, c := range o.Item.Conflicts {
			t.conflicts++
			a.NoteFacts(shell.Facts{"Name": o.Item.Name, "Unit": c.Unit}, "conflict: %s: %s", o.Item.Name, render.Conflict(c, a.view(a.Stderr)))
		}
		if notBegun, ok := errors.AsType[*restore.NotStartedError](o.Err); ok {
			t.cause = notBegun.Cause
			t.idle++
			continue
		}
		switch o.Status {
		case plan.StatusRestored, plan.StatusDeleted:
			if o.Status == plan.StatusDeleted {
				t.deleted++
			} else {
				t.restored++
			}
			for _, notice := range o.Item.Notices {
				a.NoteFacts(shell.Facts{"Name": o.Item.Name, "Notice": notice}, "note: %s: %s", o.Item.Name, notice)
			}
		case plan.StatusUnchanged:
			if o.Item.Action != plan.ActionKeep {
				t.unchanged++
			}
		case plan.StatusRefused:
			if inConflict(o.Item) {
				continue
			}
			t.refused++
			a.NoteFacts(shell.Facts{"Name": o.Item.Name, "Status": o.Status, "Error": reason(o.Err), "Code": outcomeCode(p, o)}, "refused: %s: %s", o.Item.Name, reason(o.Err))
		case plan.StatusFailed:
			t.failed++
			a.NoteFacts(shell.Facts{"Name": o.Item.Name, "Status": o.Status, "Error": reason(o.Err), "Code": outcomeCode(p, o)}, "failed: %s: %s", o.Item.Name, reason(o.Err))
			if _, hint, ok := shell.ExplainAWS(o.Err); ok && t.hint == "" {
				t.hint = hint + "; "
			}
		}
	}
	return t
}

// outcomeCode returns the code of the error with which a parameter was refused or failed.
func outcomeCode(p *restore.Plan, o plan.Outcome) shell.Kind {
	switch {
	case errors.Is(o.Err, context.Canceled):
		return shell.KindInterrupted
	case inConflict(o.Item):
		return shell.KindConflicts
	}
	for _, problem := range p.Problems {
		if problem.Name == o.Item.Name {
			return explain(problem.Err).CodeName()
		}
	}
	code := explain(o.Err).CodeName()
	switch {
	case o.Item.Action == plan.ActionSkip:
		return shell.KindUnknown
	case o.Status == plan.StatusRefused && code == shell.KindFailed:
		return shell.KindRefused
	}
	return code
}

// inConflict reports whether a parameter is skipped because of conflicts.
func inConflict(item plan.Item) bool {
	return item.Action == plan.ActionSkip && len(item.Conflicts) > 0
}

// noteTally prints the counts.
func (a *app) noteTally(p *restore.Plan, t tally) {
	if t.idle > 0 {
		a.NoteFacts(shell.Facts{"Counts": shell.Facts{"not started": t.idle}, "Reason": ended(t.cause)}, "not started: %s (%s)", shell.Count(t.idle, "parameter", "parameters"), ended(t.cause))
	}
	counts := shell.Facts{"restored": t.restored, "deleted": t.deleted, "unchanged": t.unchanged, "refused": t.refused, "failed": t.failed + t.idle}
	if p.Until != 0 {
		counts["conflicts"] = t.conflicts
		a.NoteFacts(shell.Facts{"Counts": counts}, "restored %d, deleted %d, unchanged %d, refused %d, failed %d, conflicts %d",
			t.restored, t.deleted, t.unchanged, t.refused, t.failed+t.idle, t.conflicts)
		return
	}
	kept := p.Count(plan.ActionKeep)
	counts["kept"] = kept
	a.NoteFacts(shell.Facts{"Counts": counts}, "restored %d, deleted %d, unchanged %d, kept %d, refused %d, failed %d",
		t.restored, t.deleted, t.unchanged, kept, t.refused, t.failed+t.idle)
}

// conclude prints what was done, and returns an error if something is left to do. again
// is the command that finishes it, and replan the one that replaces an outdated plan
// file.
func (a *app) conclude(s *session, p *restore.Plan, res restore.Result, again, replan string) error {
	t := a.tally(p, res.Outcomes)
	a.noteTally(p, t)
	switch {
	case !slices.ContainsFunc(res.Outcomes, func(o plan.Outcome) bool { return o.Changed }):
	case s.own == nil:
		a.Note("no archive recorded this restore: there is no undo")
	default:
		a.NoteFacts(shell.Facts{"RestoreId": res.ID}, "`%s` undoes this", a.undoing(s, res.ID))
	}
	if res.Unrecorded != nil {
		a.NoteFacts(shell.Facts{"Error": reason(res.Unrecorded)}, "cannot save the results in the restore record: %s", reason(res.Unrecorded))
	}
	bad := t.refused + t.failed + t.idle
	if bad == 0 {
		if err := a.concluded(p.Problems, nil, p.Unproved); err != nil {
			return err
		}
		return conflicted(p)
	}
	_ = a.unproved(p.Unproved) // for its notes
	isHidden := a.noteProblems(p.Problems)
	hint := t.hint + render.Remedies(p, res, again)
	unknown := slices.DeleteFunc(slices.Clone(p.Items), func(i plan.Item) bool { return i.Action != plan.ActionSkip || inConflict(i) })
	switch {
	case bad == len(unknown):
		if !slices.ContainsFunc(unknown, func(i plan.Item) bool { return !unavailable(i) }) {
			hint = "`ssmbak verify` checks the values of all versions; `ssmbak log NAME` shows other versions, which `ssmbak restore NAME:VERSION` restores"
			break
		}
		hint = beforeUnknown(p) + afterUnknown(p, unknown) + "unknown parameters are skipped: `ssmbak preview` shows what is known about them"
		if p.Until == 0 && slices.ContainsFunc(unknown, lastKnown) {
			hint += "; use --assume-last-known to act on the last known state"
		}
	case t.failed+t.idle == 0 && replan != "":
		hint = "`" + replan + "` creates a new plan for what was refused"
	}
	if isHidden {
		hint = hiddenHint + ", and the same command restores the parameters then"
	}
	if t.restored+t.deleted+t.unchanged+p.Count(plan.ActionKeep)+t.conflicts == 0 && !isHidden {
		return shell.KindNothingDone.Fail(hint, "%s not be restored", shell.Count(bad, "parameter could", "parameters could"))
	}
	return shell.KindPartial.Part(hint, "%s not be restored", shell.Count(bad, "parameter could", "parameters could"))
}

// conflicted returns the error for the conflicts of a revert, nil if there are none.
func conflicted(p *restore.Plan) error {
	n := p.Conflicts()
	if n == 0 {
		return nil
	}
	return shell.KindConflicts.Part("`ssmbak log NAME --patch` shows who changed what; `ssmbak restore NAME "+p.At.String()+"` restores a parameter nevertheless",
		"%s in conflict and not taken back", shell.Count(n, "unit is", "units are"))
}

// lastKnown reports whether a state that is unknown has a last known one.
func lastKnown(item plan.Item) bool {
	return item.Action == plan.ActionSkip && !unavailable(item) && (item.After.Deleted || item.After.Version.Time != 0)
}

// unavailable reports whether a state is known but for its value.
func unavailable(item plan.Item) bool { return item.After.Value.Reason != "" }

// noteBusy prints that a write is waiting.
func (a *app) noteBusy(parameter, message string) {
	if message == "" {
		message = "other writes of it are in progress"
	}
	a.NoteFacts(shell.Facts{"Name": parameter, "Reason": message, "Seconds": paramstore.BusyPatience.Seconds()}, "waiting for %s: Parameter Store returned TooManyUpdates (%s); retrying for up to %g minutes", parameter, message, paramstore.BusyPatience.Minutes())
}

// ended returns the reason why a restore started no further changes.
func ended(cause error) string {
	if errors.Is(cause, context.Canceled) {
		return "interrupted"
	}
	return reason(cause)
}
