package timeline

import (
	"cmp"
	"slices"
	"sort"

	"github.com/ssmbak/ssmbak"
)

// slot is the time between two versions that are next to each other in time:
// after is missing in the first slot, before in the last. What ended, was
// created or was missed lies in slots.
type slot struct {
	after, before *Version
	sure          ssmbak.Time // the last moment for which after is proved
	surely        ssmbak.Time // from when on after surely was current
	joined        bool        // after and before surely stood in one life
	deletions     []Deletion
	chosen        []Deletion // those that may lie elsewhere, and are needed here
	elsewhere     []Deletion // those that are needed elsewhere, and may lie here
	doubtful      []Deletion // those that may lie here or elsewhere
	undecided     bool       // it is not sure which deletions lie here
	gone          []Observation
	traces        []MissedChange
	shared        bool // the trace of a creation may lie elsewhere
	creates       int  // traces of creations that can lie nowhere else
}

func (s *slot) from() ssmbak.Time {
	if s.after == nil {
		return ssmbak.MinTime
	}
	return s.sure
}

func (s *slot) until() ssmbak.Time {
	if s.before == nil {
		return ssmbak.MaxTime
	}
	return s.before.Moment()
}

// succession reports that nothing lies between the two versions.
func (s *slot) succession() bool {
	return s.joined && s.before.Number == s.after.Number+1
}

// reborn reports that a life surely ended in this slot. Two versions of one life
// that nobody saw together may stand in the wrong order, if the times step back.
func (s *slot) reborn() bool {
	return s.after != nil && s.before != nil && s.before.Number <= s.after.Number &&
		(s.surely == s.after.Moment() || s.before.Moment() > s.surely)
}

// inOrder returns the versions in the order of their moments. Of versions that a
// look saw in one life the one with the higher number is the later one, although
// nobody may have seen it together with that whose time stepped back.
func (f Facts) inOrder() []Version {
	vs := slices.Clone(f.Versions)
	if slices.ContainsFunc(vs, func(v Version) bool { return v.Since > v.Time }) {
		for _, l := range f.Observations {
			if !l.Gone {
				l.order(vs)
			}
		}
	}
	slices.SortFunc(vs, compareMoments)
	return vs
}

// order moves the moments of the versions apart that the look saw: of each number
// the last one up to the moment of the newest. The versions are in the order of
// their times.
func (l Observation) order(vs []Version) {
	newest, ok := Facts{Versions: vs}.Version(l.Newest)
	if !ok {
		return
	}
	end := sort.Search(len(vs), func(i int) bool { return vs[i].Time > newest.Moment() })
	var last ssmbak.Time
	for number := max(l.Oldest, newest.Number-int64(len(vs))); number <= newest.Number; number++ {
		for i := range slices.Backward(vs[:end]) {
			if v := &vs[i]; v.Number == number {
				if v.Moment() <= last {
					v.Since = last + 1
				}
				last = v.Moment()
				break
			}
		}
	}
}

func (t *Timeline) newSlots() []slot {
	vs := t.order
	slots := make([]slot, len(vs)+1)
	at := make(map[Ref]int, len(vs))
	for i, v := range vs {
		at[v.Ref()] = i
	}
	joined := t.joined()
	for i := range slots {
		s := &slots[i]
		if i > 0 {
			s.after = &vs[i-1]
			s.sure = s.after.Moment()
		}
		if i < len(vs) {
			s.before = &vs[i]
		}
		s.joined = i > 0 && i < len(vs) && joined[i]
	}
	for _, l := range t.facts.Observations {
		if l.Gone {
			continue
		}
		if i, ok := at[l.Newest]; ok {
			slots[i+1].sure = max(slots[i+1].sure, l.AsOf)
		}
	}
	for i := range slots {
		if s := &slots[i]; s.after != nil && s.before != nil {
			s.sure = min(s.sure, s.before.Moment()-1)
			s.sure = max(s.sure, s.after.Moment())
		}
	}
	placeFrom(slots)
	return slots
}

// placeFrom tells of each version from when on it surely was current. The times
// of versions may step back, so one of which the version before it was not seen
// may have become current later than its time says, and those after it too.
func placeFrom(slots []slot) {
	for i := 1; i < len(slots); i++ {
		s, prev := &slots[i], &slots[i-1]
		s.surely = s.after.Moment()
		switch {
		case s.after.Number == 1:
		case prev.succession():
			s.surely = min(max(s.surely, prev.surely+1), max(s.surely, s.after.Time+stepBack-1))
		default:
			s.surely = max(s.surely, s.after.Time+stepBack-1)
		}
	}
}

// joined tells for each version whether it surely stood in one life with the
// version before it in time: some look saw both. A look's versions are those
// with numbers from its oldest to its newest, each the last of its number up
// to the newest's time.
func (t *Timeline) joined() []bool {
	vs := t.order
	joined := make([]bool, len(vs))
	// reach[i] is the lowest number that a look at version i or at a later one
	// of the same run saw; it is carried back while numbers fall by time.
	reach := make(map[Ref]int64, len(t.facts.Observations))
	for _, l := range t.facts.Observations {
		if !l.Gone {
			reach[l.Newest] = l.Oldest
		}
	}
	oldest := int64(0) // 0: no look covers
	for i := len(vs) - 1; i > 0; i-- {
		if r, ok := reach[vs[i].Ref()]; ok && (oldest == 0 || r < oldest) {
			oldest = r
		}
		a, b := vs[i-1], vs[i]
		if oldest != 0 && oldest <= a.Number && a.Number < b.Number {
			joined[i] = true
			continue
		}
		oldest = 0
	}
	return joined
}

// placeDeletions puts each deletion into the slot in which it happened. One
// whose second holds versions may belong to several; it goes where an end is
// needed and has no other cause, and where that does not decide it, it is
// doubtful in all of them.
func (t *Timeline) placeDeletions() {
	deletions := slices.SortedFunc(slices.Values(t.facts.Deletions), func(a, b Deletion) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Event, b.Event))
	})
	var open []Deletion
	for _, d := range deletions {
		switch at := t.touching(d); len(at) {
		case 0: // stronger evidence says that it cannot be
		case 1:
			at[0].deletions = append(at[0].deletions, d)
		default:
			open = append(open, d)
		}
	}
	for _, d := range open {
		at := t.touching(d)
		needy := slices.IndexFunc(at, func(s *slot) bool { return len(s.deletions)+len(s.chosen) < t.needs(s) || s.unexplained(d) })
		if needy >= 0 {
			at[needy].chosen = append(at[needy].chosen, d)
			continue
		}
		t.doubtful = append(t.doubtful, d)
		for _, s := range at {
			s.doubtful = append(s.doubtful, d)
			s.undecided = true
		}
	}
	// What was put into a slot because it needed an end may belong elsewhere,
	// if one that is in doubt may be that end.
	for grown := len(t.doubtful) > 0; grown; {
		grown = false
		for _, d := range open {
			at := t.touching(d)
			if !slices.ContainsFunc(at, func(s *slot) bool { return s.undecided }) {
				continue
			}
			for _, s := range at {
				grown = grown || !s.undecided
				s.undecided = true
			}
		}
	}
	// There they are doubtful as well.
	for _, d := range open {
		at := t.touching(d)
		if slices.ContainsFunc(at, func(s *slot) bool { return slices.Contains(s.chosen, d) && s.ofHere(d) }) {
			continue
		}
		for _, s := range at {
			if s.undecided && !slices.Contains(s.chosen, d) && !slices.Contains(s.doubtful, d) {
				s.elsewhere = append(s.elsewhere, d)
			}
		}
	}
}

// unexplained reports whether a deletion would be the only one of the slot by the
// time at which a look surely found that what was there before had ended.
func (s *slot) unexplained(d Deletion) bool {
	return slices.ContainsFunc(s.gone, func(g Observation) bool {
		return s.after != nil && g.AsOf >= s.after.Moment() && d.from() <= g.At &&
			!slices.ContainsFunc(slices.Concat(s.deletions, s.chosen), func(o Deletion) bool { return o.from() <= g.At })
	})
}

// ofHere reports whether a deletion that was chosen surely is one of this slot: of
// two in one second it makes no difference which one was here, and an observation
// of absence proves an end, if no doubtful deletion can be that end.
func (s *slot) ofHere(d Deletion) bool {
	return slices.ContainsFunc(s.doubtful, func(o Deletion) bool { return o.Second == d.Second }) ||
		slices.ContainsFunc(s.gone, func(g Observation) bool {
			return s.after != nil && g.AsOf >= s.after.Moment() && g.At >= d.until() &&
				!slices.ContainsFunc(s.doubtful, func(o Deletion) bool { return o.from() <= g.At })
		})
}

// touching returns the slots that may hold a deletion: neighbours around its
// second that are not proved to its end.
func (t *Timeline) touching(d Deletion) (touched []*slot) {
	for i := t.slotAt(d.from()); i < len(t.slots) && (t.slots[i].after == nil || t.slots[i].after.Moment() < d.until()-1); i++ {
		if s := &t.slots[i]; !s.joined && s.from() < d.until()-1 {
			touched = append(touched, s)
		}
	}
	return touched
}

// placeLooks gives each look that found nothing to the slot of which it speaks:
// it says that what existed at Sure was gone by Seen, and nothing of what came
// after Sure.
func (t *Timeline) placeLooks() {
	for _, g := range t.facts.Observations {
		if !g.Gone {
			continue
		}
		// What was there at Sure is gone, also if a look that answered from
		// before its end still saw it later.
		i := t.slotAt(g.At)
		if s := &t.slots[i]; s.after == nil || g.AsOf >= s.after.Moment() {
			s.gone = append(s.gone, g)
		}
	}
}

// placeListing lets a complete listing count as a look at the last version. A
// look that finds what is known is not recorded by itself, so the listing says
// it for all parameters at once.
func (t *Timeline) placeListing() {
	s := &t.slots[len(t.slots)-1]
	if s.after != nil && len(s.deletions)+len(s.chosen)+len(s.doubtful) == 0 && len(s.gone) == 0 {
		s.sure = max(s.sure, t.horizon.Complete)
	}
}

// placeTraces gives each trace to the slot that lacks the version of which it
// tells: then it takes another event that never came to contradict what is known
// elsewhere. Where no slot lacks one, or more traces may be of a slot than it
// lacks versions, it goes to every slot in which its change may lie.
func (t *Timeline) placeTraces() {
	bySecond := func(a, b MissedChange) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Event, b.Event))
	}
	traces := slices.SortedFunc(slices.Values(t.facts.MissedChanges), func(a, b MissedChange) int {
		if a.Operation == ssmbak.OpCreate && b.Operation == ssmbak.OpCreate {
			return bySecond(b, a) // the last one is that of the life which is known
		}
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), bySecond(a, b))
	})
	at := make([][]int, len(traces))
	for i, tr := range traces {
		at[i] = t.mayHold(tr)
	}
	t.confine(traces, at)
	for i, tr := range traces {
		for _, j := range at[i] {
			s := &t.slots[j]
			s.traces = append(s.traces, tr)
			s.shared = s.shared || len(at[i]) > 1 && tr.Operation == ssmbak.OpCreate
		}
	}
	for i := range t.slots {
		slices.SortFunc(t.slots[i].traces, bySecond)
	}
}

// mayHold returns the slots in which the change of a trace may lie.
func (t *Timeline) mayHold(tr MissedChange) (at []int) {
	for i := t.slotAt(tr.from()); i < len(t.slots); i++ {
		s := &t.slots[i]
		if s.after != nil && s.after.Moment() >= tr.until() {
			break
		}
		// A life knows no other creation, and no change between two versions
		// that follow each other.
		if s.from() < tr.until()-1 && !s.succession() && !(s.joined && tr.Operation == ssmbak.OpCreate) {
			at = append(at, i)
		}
	}
	if tr.Operation == ssmbak.OpUpdate && slices.ContainsFunc(at, t.inhabited) {
		at = slices.DeleteFunc(at, func(i int) bool { return !t.inhabited(i) })
	}
	if len(at) == 1 && tr.Operation == ssmbak.OpCreate {
		t.slots[at[0]].creates++
	}
	return at
}

// confine leaves of the slots in which each trace may lie the one that lacks its
// version.
func (t *Timeline) confine(traces []MissedChange, at [][]int) {
	lacks := make([]lack, len(t.slots))
	for i := range t.slots {
		lacks[i] = t.slots[i].lack()
	}
	rivals := make([]int64, len(t.slots)) // updates that may lie here or elsewhere
	for i, tr := range traces {
		switch {
		case tr.Operation != ssmbak.OpUpdate:
		case len(at[i]) == 1: // those that can lie nowhere else come first
			lacks[at[i][0]].take(tr.Operation)
		default:
			for _, j := range at[i] {
				rivals[j]++
			}
		}
	}
	for i, tr := range traces {
		if len(at[i]) == 1 && tr.Operation == ssmbak.OpUpdate {
			continue
		}
		k := slices.IndexFunc(at[i], func(j int) bool {
			return (tr.Operation != ssmbak.OpUpdate || rivals[j] <= lacks[j].updates) && lacks[j].take(tr.Operation)
		})
		if k >= 0 {
			if tr.Operation == ssmbak.OpUpdate {
				for _, j := range at[i] {
					rivals[j]--
				}
			}
			at[i] = at[i][k : k+1]
		}
	}
}

// inhabited reports whether a slot holds a life that is known, at least by the
// event of its creation.
func (t *Timeline) inhabited(i int) bool {
	s := &t.slots[i]
	return s.after != nil || slices.ContainsFunc(t.facts.MissedChanges, func(tr MissedChange) bool {
		return tr.Operation == ssmbak.OpCreate && tr.from() < s.until()
	})
}

// lack counts the versions that surely were in a slot and are not known.
type lack struct{ creates, updates int64 }

// lack returns what the version after the slot says of those before it.
func (s *slot) lack() lack {
	switch {
	case s.before == nil || s.succession():
		return lack{}
	case s.before.Number == 1:
		return lack{}
	case s.after != nil && s.before.Number > s.after.Number: // perhaps of one life
		return lack{updates: s.before.Number - s.after.Number - 1}
	}
	return lack{creates: 1, updates: s.before.Number - 2}
}

// take reports whether one of the kind is lacking, and counts it as told of.
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

// slotAt returns the slot in which the moment lies: the first that ends after it.
func (t *Timeline) slotAt(at ssmbak.Time) int {
	return sort.Search(len(t.slots)-1, func(i int) bool { return t.slots[i].until() > at })
}

// needs returns how many ends of lives a slot surely holds: before each creation
// in it, and before a look that found nothing, what was there had ended.
func (t *Timeline) needs(s *slot) int {
	if s.joined {
		return 0
	}
	births := s.creates
	if s.before != nil && s.before.Number == 1 {
		births++
	}
	ends := births
	if s.after == nil {
		ends = max(0, births-1)
	}
	switch {
	case s.before != nil && s.reborn():
		ends = max(ends, 1)
	case s.before == nil && s.after != nil &&
		slices.ContainsFunc(t.facts.Observations, func(l Observation) bool { return l.Gone && l.AsOf >= s.after.Moment() }):
		ends++
	}
	return ends
}
