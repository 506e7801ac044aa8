package ssmbakcli

import (
	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

func addRequireComplete(cmd *cobra.Command, require *bool) {
	cmd.Flags().BoolVar(require, "require-complete", false, "exit with 3 unless complete listings prove the answer")
}

// completeness returns up to when the archive is complete, for an answer up to a time.
// unchecked says that hidden parameters were not looked for.
func (a *app) completeness(complete, at ssmbak.Time, unchecked bool) string {
	switch {
	case a.opened != nil && a.opened.Replica():
		return "this is a copy of the archive: changes that are not replicated yet are missing"
	case complete == 0 && unchecked:
		return "no complete listing yet, so changes whose events were lost may be missing, and hidden parameters were not looked for: run `ssmbak reconcile`"
	case complete == 0:
		return "no complete listing yet, so changes whose events were lost may be missing: run `ssmbak reconcile`"
	case at <= complete:
		return "complete up to " + complete.String()
	}
	return "complete up to " + complete.String() + "; later changes as far as their events arrived"
}

// noteCompleteness prints up to when the archive is complete, and whether hidden parameters
// were not looked for.
func (a *app) noteCompleteness(complete, at ssmbak.Time, unchecked bool) {
	if complete != 0 {
		a.noteUnchecked(unchecked)
	}
	a.NoteFacts(shell.Facts{"CompleteUpTo": complete}, "%s", a.completeness(complete, at, unchecked))
}

// tooEarly reports whether recording had not begun at a time. The zero time is the beginning.
func (a *app) tooEarly(from ssmbak.Time) bool { return from != 0 && from < a.began() }

// began is when recording began, zero if it has not.
func (a *app) began() ssmbak.Time {
	if a.opened == nil {
		return 0
	}
	id, exists := a.opened.Identity()
	if !exists {
		return 0
	}
	return ssmbak.TimeOf(id.Created)
}

// noteNothingChanged prints that nothing changed between two times, and how certain that is.
// from is zero for the beginning.
func (a *app) noteNothingChanged(target ssmbak.Target, one bool, from, to, complete ssmbak.Time, unchecked bool) {
	what := "nothing under " + target.Prefix()
	if one {
		what = "nothing of " + target.String()
	}
	period := "up to " + to.String()
	if from != 0 {
		period = "between " + from.String() + " and " + to.String()
	}
	certainty := a.completeness(complete, to, unchecked)
	if a.tooEarly(from) {
		certainty = "recording began at " + a.began().String()
	}
	if complete == 0 || to > complete || unchecked || a.tooEarly(from) {
		what = "as far as is known, " + what
	}
	if complete != 0 {
		a.noteUnchecked(unchecked)
	}
	a.NoteFacts(shell.Facts{"From": from, "Until": to, "Changes": 0, "CompleteUpTo": complete}, "%s changed %s; %s", what, period, certainty)
}

// incomplete returns the error of --require-complete, or nil if the answer from a time, zero for
// the beginning, up to another is proved. uncertain says that the answer itself has gaps, and unchecked that hidden
// parameters were not looked for.
func (a *app) incomplete(complete, from, at ssmbak.Time, uncertain, unchecked bool) error {
	switch {
	case a.opened != nil && a.opened.Replica():
		return shell.KindNotProved.Part("only the archive itself can prove an answer; omit --require-complete to accept this one", "the answer is not proved: this is a copy of the archive")
	case uncertain:
		return shell.KindNotProved.Part("`ssmbak log` shows the gaps; omit --require-complete to accept them", "the answer has gaps")
	case complete == 0:
		return shell.KindNotProved.Part("`ssmbak reconcile` makes a complete listing", "the answer is not proved: there is no complete listing yet")
	case a.tooEarly(from):
		return shell.KindNotProved.Part("use a later time to begin with; changes before recording began are not known",
			"the answer is not proved: it begins at %s, and recording began at %s", from, a.began())
	case unchecked:
		return shell.KindNotProved.Part("`ssmbak reconcile` completes the register of names", "the answer is not proved: hidden parameters were not looked for")
	case at > complete:
		return shell.KindNotProved.Part("`ssmbak reconcile` makes a new complete listing; changes up to now are proved by one that begins later",
			"the answer is not proved: it is about %s, and complete up to %s", at, complete)
	}
	return nil
}
