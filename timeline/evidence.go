package timeline

import (
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Announcement is what an event said of a change: that the operation happened
// within its second.
type Announcement struct {
	Event     string
	Second    int64
	Operation ssmbak.Operation
}

// Conclusive reports whether the look speaks for everything that happened in
// the second: a change in it that the look does not show will never show.
func (l Observation) Conclusive(second int64) bool {
	return l.AsOf >= ssmbak.Seconds(second+1)
}

// Claim finds the version that a Create or Update announced, one of the event's
// own second, and notes the event with it. Each version is claimed by one
// announcement, so that of two changes in one second the second is not taken
// for the first. It reports whether the announcement has its version, and
// whether the facts grew by it. The facts must be in the order that [Union]
// gives them.
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

// Undecided reports whether it is open on which side of a version of the same
// second a deletion of this second lies. A conclusive look decides it.
func (t *Timeline) Undecided(second int64) bool {
	return slices.ContainsFunc(t.doubtful, func(d Deletion) bool { return d.Second == second })
}

// Excludes reports whether it is proved which version was current in every
// moment in which the announced change may have happened. A Create or Update
// that has claimed no version then told of nothing that is missing.
func (t *Timeline) Excludes(a Announcement) bool {
	from, until := ssmbak.Seconds(a.Second)-slack, ssmbak.Seconds(a.Second+1)
	for at := from; at < until; {
		s := t.Span(at)
		if s.Certainty(min(s.Until, until)-1) != ssmbak.Proved {
			return false
		}
		at = s.Until
	}
	return true
}
