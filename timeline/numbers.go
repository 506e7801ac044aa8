package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Numbered returns the version with a number in the newest life, and the newest version
// with that number in an older life. Each is nil if there is none. Numbers start at 1
// again after a deletion, so only the version itself says which life is meant. A version
// that is not known to belong to the newest life counts as one of an older life.
func (t *Timeline) Numbered(number int64) (newest, older *Version) {
	life := len(t.lives)
	for i, v := range slices.Backward(t.order) {
		if v.Number == number {
			if life == len(t.lives) && newest == nil {
				newest = &t.order[i]
			} else if older == nil {
				older = &t.order[i]
			}
		}
		if !t.slots[i].sameLife {
			life--
		}
	}
	return newest, older
}

// Labels returns the labels of the newest life, if they are known, each with the
// number of its version: the current ones, or the last ones of a deleted parameter.
func (t *Timeline) Labels() ssmbak.Known[map[string]int64] {
	for _, s := range slices.Backward(t.spans) {
		if s.Kind == KindPresent && !s.Unknown {
			state, _ := t.At(s.Until - 1)
			return state.Labels
		}
	}
	return ssmbak.Known[map[string]int64]{}
}

// OfVersion returns a version as a state without tags and labels, which do not belong to a
// version, and the copies of its value like [Timeline.At].
func (t *Timeline) OfVersion(v Version) (state ssmbak.State, refs []ObjectRef) {
	state = ssmbak.State{
		Name: t.name, Version: v.Version, Modified: v.Moment(), Certainty: ssmbak.Proved, From: v.Moment(), Until: v.Moment() + 1, ProvedUntil: v.Moment(),
	}
	if len(v.Objects) == 0 {
		state.Value.Reason = cmp.Or(v.Unreadable, reasonNoValue)
	}
	return state, v.Objects
}
