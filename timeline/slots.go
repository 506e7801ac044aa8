package timeline

import (
	"cmp"
	"slices"
	"sort"

	"github.com/ssmbak/ssmbak"
)

// slot is the period between two consecutive versions, from the moment of prev to
// that of next. The first slot has no prev, the last one no next. Deletions,
// creations and missed changes happened in slots.
type slot struct {
	prev, next  *Version
	provedUntil ssmbak.Time // the last moment for which prev is proved
	currentFrom ssmbak.Time // from then on prev certainly was current
	sameLife    bool        // prev and next certainly belong to one life
	inRun       bool        // a part has what happened here
	deletions   []Deletion  // those that can be nowhere else
	chosen      []Deletion  // those that may be elsewhere, but are needed here
	elsewhere   []Deletion  // those that are needed elsewhere, but may be here
	doubtful    []Deletion  // those that may be here or elsewhere
	undecided   bool        // it is unknown which deletions happened here
	absences    []Observation
	missed      []MissedChange
	shared      bool // a missed Create may be elsewhere
	creates     int  // missed Creates that can be nowhere else
}

func (s *slot) until() ssmbak.Time {
	if s.next == nil {
		return ssmbak.MaxTime
	}
	return s.next.Moment()
}

// unproved returns the first moment of the slot that is not proved.
func (s *slot) unproved() ssmbak.Time {
	if s.prev == nil {
		return ssmbak.MinTime
	}
	return s.provedUntil + 1
}

// contiguous reports whether nothing happened between the two versions.
func (s *slot) contiguous() bool {
	return s.sameLife && (s.inRun || s.next.Number == s.prev.Number+1)
}

// moved reports whether versions of the slot are in a part.
func (s *slot) moved() bool { return s.inRun && s.next.Number != s.prev.Number+1 }

// recreated reports whether a life certainly ended in the slot. Two versions of
// one life may appear in the wrong order if times decrease and no observation
// covers both.
func (s *slot) recreated() bool {
	return s.prev != nil && s.next != nil && s.next.Number <= s.prev.Number &&
		(s.currentFrom == s.prev.Moment() || s.next.Moment() > s.currentFrom)
}

// inOrder returns the versions by when they became current. Of two versions that
// an observation assigns to one life, the higher number is the later one, even if
// no observation covers it together with the version before whose time it is. The facts must
// be in the order that [Union] returns, and the caller must not modify the result.
func (f Facts) inOrder() []Version {
	if !slices.ContainsFunc(f.Versions, func(v Version) bool { return v.Since > v.Time }) {
		return f.Versions // a union is in the order of their times
	}
	vs := slices.Clone(f.Versions)
	for _, o := range f.presences() {
		o.order(vs, f.Runs)
	}
	slices.SortFunc(vs, compareMoments)
	return vs
}

// order gives the observed versions increasing moments: of each number, the last
// version up to the moment of the newest one was observed, unless it is in a part. The
// versions are sorted by time.
func (o Observation) order(vs []Version, runs []Run) {
	newest, ok := Facts{Versions: vs}.Version(o.Newest)
	if !ok {
		return
	}
	end := sort.Search(len(vs), func(i int) bool { return vs[i].Time > newest.Moment() })
	var observed []*Version // of each number the last one first
	for i := range slices.Backward(vs[:end]) {
		if v := &vs[i]; v.Number >= o.Oldest && v.Number <= newest.Number {
			observed = append(observed, v)
		}
	}
	slices.SortStableFunc(observed, func(a, b *Version) int { return cmp.Compare(a.Number, b.Number) })
	observed = slices.CompactFunc(observed, func(a, b *Version) bool { return a.Number == b.Number })
	var last ssmbak.Time
	for _, v := range observed {
		if slices.ContainsFunc(runs, func(r Run) bool { return r.hides(*v) && r.First.Time <= newest.Moment() }) {
			continue
		}
		if v.Moment() <= last {
			v.Since = last + 1
		}
		last = v.Moment()
	}
}

func (t *Timeline) newSlots() []slot {
	slots := make([]slot, len(t.order)+1)
	observed := make(map[Ref]Observation, len(t.facts.Observations))
	for _, o := range t.facts.presences() {
		if other, ok := observed[o.Newest]; ok {
			o = mergeObservations(o, other)
		}
		observed[o.Newest] = o
	}
	for i := range slots {
		s := &slots[i]
		if i < len(t.order) {
			s.next = &t.order[i]
		}
		if i > 0 {
			s.prev = &t.order[i-1]
			s.provedUntil = s.prev.Moment()
			if o, ok := observed[s.prev.Ref()]; ok {
				s.provedUntil = max(s.provedUntil, min(o.AsOf, s.until()-1))
			}
		}
	}
	t.setRuns(slots)
	setSameLife(slots, observed)
	setCurrentFrom(slots)
	return slots
}

// setSameLife finds the slots whose versions one observation covers. It covers the
// numbers from its oldest to its newest version, each with the last version of that
// number up to the time of the newest.
func setSameLife(slots []slot, observed map[Ref]Observation) {
	oldest := int64(0) // the lowest covered number of the life, 0 if there is none
	for i := len(slots) - 2; i > 0; i-- {
		s := &slots[i]
		if o, ok := observed[s.next.Ref()]; ok && (oldest == 0 || o.Oldest < oldest) {
			oldest = o.Oldest
		}
		s.sameLife = s.inRun || oldest != 0 && oldest <= s.prev.Number && s.prev.Number < s.next.Number
		if !s.sameLife {
			oldest = 0
		}
	}
}

// setCurrentFrom computes from when on each version certainly was current. Times
// may decrease, so a version may have become current later than its time if the
// one before it is unknown, and then so may those after it.
func setCurrentFrom(slots []slot) {
	for i := 1; i < len(slots); i++ {
		s, previous := &slots[i], &slots[i-1]
		moment, latest := s.prev.Moment(), max(s.prev.Moment(), s.prev.Time+stepBack-1)
		switch {
		case s.prev.Number == 1:
			s.currentFrom = moment
		case previous.contiguous():
			s.currentFrom = min(max(moment, previous.currentFrom+1), latest)
		default:
			s.currentFrom = latest
		}
	}
}

// slotAt returns the index of the slot that contains the moment: the first that
// ends after it.
func (t *Timeline) slotAt(at ssmbak.Time) int {
	return sort.Search(len(t.slots)-1, func(i int) bool { return t.slots[i].until() > at })
}
