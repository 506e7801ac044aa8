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
	if complete == 0 || to > complete || unchecked {
		what = "as far as is known, " + what
	}
	if complete != 0 {
		a.noteUnchecked(unchecked)
	}
	a.NoteFacts(shell.Facts{"From": from, "Until": to, "Changes": 0, "CompleteUpTo": complete}, "%s changed %s; %s", what, period, a.completeness(complete, to, unchecked))
}

// incomplete returns the error of --require-complete, or nil if the answer up to a time is
// proved. uncertain says that the answer itself has gaps, and unchecked that hidden
// parameters were not looked for.
func (a *app) incomplete(complete, at ssmbak.Time, uncertain, unchecked bool) error {
	switch {
	case a.opened != nil && a.opened.Replica():
		return shell.KindNotProved.Part("only the archive itself can prove an answer; omit --require-complete to accept this one", "the answer is not proved: this is a copy of the archive")
	case uncertain:
		return shell.KindNotProved.Part("`ssmbak log` shows the gaps; omit --require-complete to accept them", "the answer has gaps")
	case complete == 0:
		return shell.KindNotProved.Part("`ssmbak reconcile` makes a complete listing", "the answer is not proved: there is no complete listing yet")
	case unchecked:
		return shell.KindNotProved.Part("`ssmbak reconcile` completes the register of names", "the answer is not proved: hidden parameters were not looked for")
	case at > complete:
		return shell.KindNotProved.Part("`ssmbak reconcile` makes a new complete listing; changes up to now are proved by one that begins later",
			"the answer is not proved: it is about %s, and complete up to %s", at, complete)
	}
	return nil
}
