package ssmbakcli

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// unprovedHint holds for both kinds: of a parameter that is recorded since, what was
// there before stays unknown.
const unprovedHint = "`ssmbak reconcile` records what is live now, or says why it fails"

// unproved names the parameters that an answer is not sure of, and makes the error
// of it; nil if there are none.
func (a *app) unproved(u archive.Unproved) error {
	if n := len(u.Unsure); n > 0 {
		a.note("%s not compared by the last complete listing, so a change may be missing: %s", were(n), archive.NameList(u.Unsure))
	}
	if n := len(u.Missed); n > 0 {
		a.note("%s live but could not be recorded, so what was there at this time is not known: %s", were(n), archive.NameList(u.MissedNames()))
	}
	if u.Empty() {
		return nil
	}
	return partly(unprovedHint, "the archive is not sure of %s", parameters(len(u.Missed)+len(u.Unsure)))
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
