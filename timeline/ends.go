package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// end is the end of a life in a slot. It happened in [from, until).
type end struct {
	from, until ssmbak.Time
	observed    bool        // no deletion is known, only that the life had ended
	created     bool        // known from the event of the next creation
	chosen      bool        // it may be elsewhere, if a doubtful deletion was here
	doubtful    bool        // it may be elsewhere
	bornFrom    ssmbak.Time // the earliest beginning of the life, if that was missed
	asOf        ssmbak.Time // if observed: what existed at this moment certainly ended
}

// lastAlive returns the last moment of which it is certain that what existed then
// was ended by this end or an earlier one.
func (e end) lastAlive() ssmbak.Time {
	if e.observed {
		return e.asOf
	}
	return e.from
}

// moment returns the moment by which ends are ordered.
func (e end) moment() ssmbak.Time {
	if e.observed {
		return e.until - 1
	}
	return e.from
}

// ends returns the ends in the slot in order, including those that doubtful
// deletions would be.
func (s *slot) ends() []end {
	var ends []end
	for _, d := range s.deletions {
		ends = append(ends, end{from: d.from(), until: d.until()})
	}
	for _, d := range s.chosen {
		ends = append(ends, end{from: d.from(), until: d.until(), chosen: s.undecided && !s.ownsChosen(d)})
	}
	for _, d := range slices.Concat(s.doubtful, s.elsewhere) {
		ends = append(ends, end{from: d.from(), until: d.until(), doubtful: true})
	}
	if e, ok := s.endBeforeCreation(ends); ok {
		ends = append(ends, e)
	}
	for _, o := range s.absences {
		ends = append(ends, s.observedEnd(o))
	}
	// A deletion in whose first millisecond an observation found nothing is the one
	// that was observed.
	slices.SortStableFunc(ends, func(a, b end) int {
		return cmp.Or(cmp.Compare(a.moment(), b.moment()), cmp.Compare(b.until, a.until))
	})
	absent := s.unproved() // the last moment at which the parameter certainly did not exist
	for i := range ends {
		e := &ends[i]
		e.bornFrom = s.earliestCreation(absent, e.until)
		switch {
		case e.doubtful && e.bornFrom == absent: // no event reports that a life had begun
			e.bornFrom = max(absent, e.from)
		case e.observed && (i == 0 || s.undecided): // perhaps the result of a doubtful deletion
		case !e.doubtful:
			absent = max(absent, e.lastAlive())
		}
	}
	return ends
}

// endBeforeCreation returns the end that a missed Create implies, false if there
// is none or one of the other ends may be it.
func (s *slot) endBeforeCreation(others []end) (end, bool) {
	if s.prev == nil || s.shared {
		return end{}, false
	}
	for _, m := range s.missed {
		if m.Operation == ssmbak.OpCreate && !slices.ContainsFunc(others, func(e end) bool { return e.from < m.until() }) {
			return end{from: s.unproved(), until: min(m.until(), s.until()), observed: true, created: true, asOf: s.provedUntil}, true
		}
	}
	return end{}, false
}

// observedEnd returns the end that an observation of absence implies.
func (s *slot) observedEnd(o Observation) end {
	e := end{from: o.At, until: o.At + 1, observed: true, asOf: o.AsOf}
	if s.prev == nil {
		return e
	}
	e.from = s.unproved()
	for _, m := range s.missed { // the parameter existed when this change happened
		if m.Operation == ssmbak.OpUpdate && m.until()-1 <= e.asOf {
			e.from = max(e.from, m.from())
		}
	}
	return e
}
