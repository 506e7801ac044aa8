package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// placeMissedChanges adds each missed change to the slot that lacks its version,
// so that another event that was lost does not contradict what is known
// elsewhere. If no slot lacks one, or more changes may belong to a slot than it
// lacks versions, the change is added to every slot in which it may have
// happened.
func (t *Timeline) placeMissedChanges() {
	bySecond := func(a, b MissedChange) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Event, b.Event))
	}
	missed := slices.SortedFunc(slices.Values(t.facts.MissedChanges), func(a, b MissedChange) int {
		if a.Operation == ssmbak.OpCreate && b.Operation == ssmbak.OpCreate {
			return bySecond(b, a) // the last one began the known life
		}
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), bySecond(a, b))
	})
	at := make([][]int, len(missed))
	for i, m := range missed {
		at[i] = t.slotsOfMissed(m)
	}
	t.confine(missed, at)
	for i, m := range missed {
		for _, j := range at[i] {
			s := &t.slots[j]
			s.missed = append(s.missed, m)
			s.shared = s.shared || len(at[i]) > 1 && m.Operation == ssmbak.OpCreate
		}
	}
	for i := range t.slots {
		slices.SortFunc(t.slots[i].missed, bySecond)
	}
}

// slotsOfMissed returns the slots in which a missed change may have happened.
func (t *Timeline) slotsOfMissed(m MissedChange) (at []int) {
	for i := t.slotAt(m.from()); i < len(t.slots); i++ {
		s := &t.slots[i]
		if s.prev != nil && s.prev.Moment() >= m.until() {
			break
		}
		// A life has one creation, and no change between two consecutive numbers.
		if s.unproved() < m.until() && !s.contiguous() && !(s.sameLife && m.Operation == ssmbak.OpCreate) {
			at = append(at, i)
		}
	}
	if m.Operation == ssmbak.OpUpdate && slices.ContainsFunc(at, t.inhabited) {
		at = slices.DeleteFunc(at, func(i int) bool { return !t.inhabited(i) })
	}
	if len(at) == 1 && m.Operation == ssmbak.OpCreate {
		t.slots[at[0]].creates++
	}
	return at
}

// inhabited reports whether a slot contains a known life, if only by the event of
// its creation.
func (t *Timeline) inhabited(i int) bool {
	s := &t.slots[i]
	return s.prev != nil || slices.ContainsFunc(t.facts.MissedChanges, func(m MissedChange) bool {
		return m.Operation == ssmbak.OpCreate && m.from() < s.until()
	})
}

// confine reduces the possible slots of each missed change to the one that lacks
// its version.
func (t *Timeline) confine(missed []MissedChange, at [][]int) {
	lacks := make([]lack, len(t.slots))
	for i := range t.slots {
		lacks[i] = t.slots[i].lack()
	}
	rivals := make([]int64, len(t.slots)) // updates that may have happened here or elsewhere
	for i, m := range missed {
		switch {
		case m.Operation != ssmbak.OpUpdate:
		case len(at[i]) == 1: // those with one possible slot come first
			lacks[at[i][0]].take(m.Operation)
		default:
			for _, j := range at[i] {
				rivals[j]++
			}
		}
	}
	for i, m := range missed {
		if len(at[i]) == 1 && m.Operation == ssmbak.OpUpdate {
			continue
		}
		k := slices.IndexFunc(at[i], func(j int) bool {
			return (m.Operation != ssmbak.OpUpdate || rivals[j] <= lacks[j].updates) && lacks[j].take(m.Operation)
		})
		if k < 0 {
			continue
		}
		if m.Operation == ssmbak.OpUpdate {
			for _, j := range at[i] {
				rivals[j]--
			}
		}
		at[i] = at[i][k : k+1]
	}
}

// lack counts the versions that certainly existed in a slot and are unknown.
type lack struct{ creates, updates int64 }

// lack returns what the number of the slot's next version implies.
func (s *slot) lack() lack {
	switch {
	case s.next == nil || s.contiguous() || s.next.Number == 1:
		return lack{}
	case s.prev != nil && s.next.Number > s.prev.Number: // perhaps of one life
		return lack{updates: s.next.Number - s.prev.Number - 1}
	}
	return lack{creates: 1, updates: s.next.Number - 2}
}

// take reports whether a version made by the operation is lacking, and if so
// counts it as found.
func (l *lack) take(o ssmbak.Operation) bool {
	n := &l.updates
	if o == ssmbak.OpCreate {
		n = &l.creates
	}
	if *n <= 0 {
		return false
	}
	*n--
	return true
}

// placeAbsences adds each observation of absence to the slot that it describes:
// what existed at AsOf had been deleted by At. It says nothing about versions
// created after AsOf. An observation that contradicts one of the version, which was current
// at a later time, is false: another program wrote it.
func (t *Timeline) placeAbsences() {
	for _, o := range t.facts.Observations {
		if !o.Gone {
			continue
		}
		// What existed at AsOf is gone, even if a stale read returned it later.
		i := t.slotAt(o.At)
		if s := &t.slots[i]; s.prev == nil || s.provesEnd(o) {
			s.absences = append(s.absences, o)
		}
	}
}

// applyListing treats a complete listing as an observation of the last version.
// An observation without a change is not recorded for each parameter; the listing
// stands for all of them.
func (t *Timeline) applyListing() {
	s := &t.slots[len(t.slots)-1]
	if s.prev != nil && len(s.deletions)+len(s.chosen)+len(s.doubtful)+len(s.absences) == 0 {
		s.provedUntil = max(s.provedUntil, t.coverage.Complete)
	}
}

// candidate is a deletion that may have happened in one of several slots.
type candidate struct {
	Deletion
	slots []*slot
}

// placeDeletions adds each deletion to the slot in which it happened. If versions
// share its second, it may belong to several slots. It is then placed in the one
// that needs an end and has no other, and is doubtful in all of them if no slot
// does.
func (t *Timeline) placeDeletions() {
	deletions := slices.SortedFunc(slices.Values(t.facts.Deletions), func(a, b Deletion) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Event, b.Event))
	})
	var candidates []candidate
	for _, d := range deletions {
		switch at := t.slotsOfDeletion(d); len(at) {
		case 0: // observations exclude it
		case 1:
			at[0].deletions = append(at[0].deletions, d)
		default:
			candidates = append(candidates, candidate{d, at})
		}
	}
	for _, d := range candidates {
		if i := slices.IndexFunc(d.slots, func(s *slot) bool { return t.needs(s, d.Deletion) }); i >= 0 {
			d.slots[i].chosen = append(d.slots[i].chosen, d.Deletion)
			continue
		}
		t.doubtful = append(t.doubtful, d.Deletion)
		for _, s := range d.slots {
			s.doubtful = append(s.doubtful, d.Deletion)
			s.undecided = true
		}
	}
	if len(t.doubtful) > 0 {
		spreadDoubt(candidates)
	}
}

// spreadDoubt marks the slots that may have another end than the one chosen for
// them: if a doubtful deletion is that end, the chosen one belongs elsewhere.
func spreadDoubt(candidates []candidate) {
	for grown := true; grown; {
		grown = false
		for _, d := range candidates {
			if slices.ContainsFunc(d.slots, func(s *slot) bool { return s.undecided }) {
				for _, s := range d.slots {
					grown = grown || !s.undecided
					s.undecided = true
				}
			}
		}
	}
	for _, d := range candidates {
		if slices.ContainsFunc(d.slots, func(s *slot) bool { return slices.Contains(s.chosen, d.Deletion) && s.ownsChosen(d.Deletion) }) {
			continue
		}
		for _, s := range d.slots {
			if s.undecided && !slices.Contains(s.chosen, d.Deletion) && !slices.Contains(s.doubtful, d.Deletion) {
				s.elsewhere = append(s.elsewhere, d.Deletion)
			}
		}
	}
}

// slotsOfDeletion returns the slots in which a deletion may have happened:
// consecutive ones around its second that are not proved to their end.
func (t *Timeline) slotsOfDeletion(d Deletion) (at []*slot) {
	for i := t.slotAt(d.from()); i < len(t.slots) && (t.slots[i].prev == nil || t.slots[i].prev.Moment() < d.until()-1); i++ {
		if s := &t.slots[i]; !s.sameLife && s.unproved() < d.until() {
			at = append(at, s)
		}
	}
	return at
}

// needs reports whether a slot needs the deletion: it has fewer than its lives
// require, or none other explains that an observation found nothing.
func (t *Timeline) needs(s *slot, d Deletion) bool {
	return len(s.deletions)+len(s.chosen) < t.requiredEnds(s) ||
		slices.ContainsFunc(s.absences, func(o Observation) bool {
			return s.provesEnd(o) && d.from() <= o.At &&
				!slices.ContainsFunc(slices.Concat(s.deletions, s.chosen), func(other Deletion) bool { return other.from() <= o.At })
		})
}

// requiredEnds returns how many lives certainly ended in a slot: one before each
// creation in it, and one before an observation of absence.
func (t *Timeline) requiredEnds(s *slot) int {
	if s.sameLife {
		return 0
	}
	ends := s.creates
	if s.next != nil && s.next.Number == 1 {
		ends++
	}
	if s.prev == nil {
		ends = max(0, ends-1)
	}
	switch {
	case s.recreated():
		ends = max(ends, 1)
	case s.next == nil && slices.ContainsFunc(t.facts.Observations, func(o Observation) bool { return o.Gone && s.provesEnd(o) }):
		ends++
	}
	return ends
}

// provesEnd reports whether an observation of absence proves that the life of
// prev ended.
func (s *slot) provesEnd(o Observation) bool {
	return s.prev != nil && o.AsOf >= s.prev.Moment() && o.At > s.provedUntil
}

// ownsChosen reports whether a chosen deletion certainly belongs to this slot. It
// does if another of the same second is doubtful, since two such deletions are
// interchangeable, and if an observation of absence proves an end that no
// doubtful deletion can be.
func (s *slot) ownsChosen(d Deletion) bool {
	return slices.ContainsFunc(s.doubtful, func(other Deletion) bool { return other.Second == d.Second }) ||
		slices.ContainsFunc(s.absences, func(o Observation) bool {
			return s.provesEnd(o) && o.At >= d.until() &&
				!slices.ContainsFunc(s.doubtful, func(other Deletion) bool { return other.from() <= o.At })
		})
}

// deletionBounds returns the part of a second that belongs to the slots in which
// a deletion of that second may have happened.
func (t *Timeline) deletionBounds(second int64) (from, until ssmbak.Time) {
	d := Deletion{Second: second}
	at := t.slotsOfDeletion(d)
	return max(d.from(), at[0].unproved()), min(d.until(), at[len(at)-1].until())
}
