package ssmbakcli

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// unprovedHint holds for both kinds: of a parameter that is recorded since, what was
// there before stays unknown.
const unprovedHint = "`ssmbak reconcile` records what is live now, or says why it fails"

// unproved names the parameters that an answer is not sure of, and makes the error
// of it; nil if there are none.
func (a *app) unproved(u archive.Unproved) error {
	if n := len(u.Unsure); n > 0 {
		a.Note("%s not compared by the last complete listing, so a change may be missing: %s", shell.Count(n, "parameter was", "parameters were"), archive.NameList(u.Unsure))
	}
	if n := len(u.Missed); n > 0 {
		a.Note("%s live but could not be recorded, so what was there at this time is not known: %s", shell.Count(n, "parameter was", "parameters were"), archive.NameList(u.MissedNames()))
	}
	if u.Empty() {
		return nil
	}
	return shell.Part(unprovedHint, "the archive is not sure of %s", shell.Count(len(u.Missed)+len(u.Unsure), "parameter", "parameters"))
}

// concluded returns the error of what could not be read, or else that of what is not
// sure. Both are said.
func (a *app) concluded(problems []archive.Problem, shown []ssmbak.State, u archive.Unproved) error {
	err := a.problems(problems, shown)
	if unsure := a.unproved(u); err == nil {
		return unsure
	}
	return err
}
