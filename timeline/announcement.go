package timeline

import (
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Announcement is an event that reports a change of the value: Operation happened
// within Second.
type Announcement struct {
	Event     string
	Second    int64
	Operation ssmbak.Operation
}

// Conclusive reports whether the observation reflects every change of the second:
// a change in it that the observation does not show will never appear.
func (o Observation) Conclusive(second int64) bool {
	return o.AsOf >= ssmbak.Seconds(second+1)
}

// Claim finds the version that a Create or an Update announced, among those of
// the same second, and records the event with it. A version can be claimed once,
// so the second of two changes in one second does not claim the first. Claim
// reports whether the version was found, and whether it changed f. The facts must
// be in the order that [Union] returns.
func (f *Facts) Claim(a Announcement) (claimed, grown bool) {
	first, _ := slices.BinarySearchFunc(f.Versions, Ref{Time: ssmbak.Seconds(a.Second)}, func(v Version, r Ref) int { return compareRef(v.Ref(), r) })
	best := -1
	for i := first; i < len(f.Versions) && f.Versions[i].Time < ssmbak.Seconds(a.Second+1); i++ {
		v := &f.Versions[i]
		if slices.Contains(v.Events, a.Event) {
			return true, false
		}
		if best < 0 && len(v.Events) == 0 && (v.Number == 1) == (a.Operation == ssmbak.OpCreate) {
			best = i
		}
	}
	if best < 0 {
		return false, false
	}
	f.Versions[best].Events = []string{a.Event}
	return true, true
}

// Undecided reports whether the order of a deletion and a version that both
// happened in this second is unknown. A conclusive observation decides it.
func (t *Timeline) Undecided(second int64) bool {
	return slices.ContainsFunc(t.doubtful, func(d Deletion) bool { return d.Second == second })
}

// Excludes reports whether a version is proved for every moment at which the
// announced change may have happened. Then nothing is missing, even if the
// Create or Update did not claim a version.
func (t *Timeline) Excludes(a Announcement) bool {
	from, until := ssmbak.Seconds(a.Second)-slack, ssmbak.Seconds(a.Second+1)
	for at := from; at < until; {
		s := t.Span(at)
		// Each state within a run is proved.
		if s.Reason != reasonPart && s.Certainty(min(s.Until, until)-1) != ssmbak.Proved {
			return false
		}
		at = s.Until
	}
	return true
}
