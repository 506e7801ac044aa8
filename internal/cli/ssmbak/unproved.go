package ssmbakcli

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// unprovedHint is the hint for both kinds. Even after a parameter has been recorded, its
// earlier state remains unknown.
const unprovedHint = "`ssmbak reconcile` records the live state, or reports why it fails"

// unproved prints the parameters for which an answer may be incomplete, and returns the
// error, or nil if there are none.
func (a *app) unproved(u archive.Unproved) error {
	if n := len(u.Unsure); n > 0 {
		a.NoteFacts(shell.Facts{"Names": u.Unsure}, "%s not compared by the last complete listing, so changes may be missing: %s", shell.Count(n, "parameter was", "parameters were"), archive.NameList(u.Unsure))
	}
	if n := len(u.Missed); n > 0 {
		a.NoteFacts(shell.Facts{"Names": u.MissedNames()}, "%s live but could not be recorded, so the state at this time is unknown: %s", shell.Count(n, "parameter was", "parameters were"), archive.NameList(u.MissedNames()))
	}
	if u.Empty() {
		return nil
	}
	return shell.KindNotProved.Part(unprovedHint, "the archive may be incomplete for %s", shell.Count(len(u.Missed)+len(u.Unsure), "parameter", "parameters"))
}

// concluded prints the problems and the unproved parameters, and returns the error of
// the former or else of the latter.
func (a *app) concluded(problems []archive.Problem, unfit []ssmbak.Name, u archive.Unproved) error {
	err := a.problems(problems, unfit)
	if unsure := a.unproved(u); err == nil {
		return unsure
	}
	return err
}
