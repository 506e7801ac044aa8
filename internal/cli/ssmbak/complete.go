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
func completeness(complete, at ssmbak.Time) string {
	switch {
	case complete == 0:
		return "no complete listing yet, so changes whose events were lost may be missing: run `ssmbak reconcile`"
	case at <= complete:
		return "complete up to " + complete.String()
	}
	return "complete up to " + complete.String() + "; later changes as far as their events arrived"
}

// noteCompleteness prints up to when the archive is complete.
func (a *app) noteCompleteness(complete, at ssmbak.Time) { a.Note("%s", completeness(complete, at)) }

// noteNothingChanged prints that nothing changed between two times, and how certain that is.
// from is zero for the beginning.
func (a *app) noteNothingChanged(target ssmbak.Target, one bool, from, to, complete ssmbak.Time) {
	what := "nothing under " + target.Prefix()
	if one {
		what = "nothing of " + target.String()
	}
	period := "up to " + to.String()
	if from != 0 {
		period = "between " + from.String() + " and " + to.String()
	}
	if complete == 0 || to > complete {
		what = "as far as is known, " + what
	}
	a.Note("%s changed %s; %s", what, period, completeness(complete, to))
}

// incomplete returns the error of --require-complete, or nil if the answer up to a time is
// proved. uncertain says that the answer itself has gaps.
func incomplete(complete, at ssmbak.Time, uncertain bool) error {
	switch {
	case uncertain:
		return shell.Part("`ssmbak log` shows the gaps; omit --require-complete to accept them", "the answer has gaps")
	case complete == 0:
		return shell.Part("`ssmbak reconcile` makes a complete listing", "the answer is not proved: there is no complete listing yet")
	case at > complete:
		return shell.Part("`ssmbak reconcile` makes a new complete listing; changes up to now are proved by one that begins later",
			"the answer is not proved: it is about %s, and complete up to %s", at, complete)
	}
	return nil
}
