package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

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
	return s.prev != nil && o.AsOf >= s.prev.Moment()
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
