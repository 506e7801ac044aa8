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
