package timeline

import (
	"cmp"
	"slices"
	"sort"
	"sync"

	"github.com/ssmbak/ssmbak"
)

// Horizon is what is known about every name at once.
type Horizon struct {
	// Since is when recording began: from then on, only a change whose event
	// never came can have been missed. Zero where nothing is known of it.
	Since ssmbak.Time
	// Complete is how far back from its start a complete listing of live
	// parameters surely speaks, after which this parameter was looked at and
	// found to be as the facts end. It counts as such a look. Zero where there
	// was none, or where a fact may be younger.
	Complete ssmbak.Time
	// Missed is when the last listing began that found the parameter live while
	// nothing of it could be recorded; zero if there was none.
	Missed ssmbak.Time
}

// Kind is what a span says of the parameter.
type Kind int8

// The kinds of a [Span].
const (
	Nothing Kind = iota // unknown, and nothing was known before
	Absent              // there was no such parameter
	Held                // Version was current
)

// Span is a stretch of time [From, Until) with one answer.
type Span struct {
	From, Until ssmbak.Time
	// Kind is the answer; where Unknown is set, only the last known one.
	Kind    Kind
	Unknown bool
	// Reason is why the span is Unknown.
	Reason string
	// Version is the version of a Held span.
	Version Version
	// Original is set where the answer is the original's: Held with a value
	// object, or Absent.
	Original *Original
	// Since is when the answer began to be so: the version's time, or the
	// beginning of the bounds of the deletion.
	Since ssmbak.Time
	// Proved is the last moment for which the answer is proved, zero if none.
	Proved ssmbak.Time
	// life numbers the lives; tags and labels never pass from one to another.
	life int
}

// Timeline is a parameter's states in order.
type Timeline struct {
	name    ssmbak.Name
	facts   Facts
	order   []Version // the versions in the order of their moments
	horizon Horizon
	slots   []slot
	spans   []Span
	lives   []life
	// doubtful are the deletions that may lie in several slots.
	doubtful []Deletion
	tags     func() layout[string]
	labels   func() []layout[int64] // of each label of which events told, and of all others
}

// New builds the timeline of one parameter. The facts need not be in any order.
func New(name ssmbak.Name, facts Facts, h Horizon) *Timeline {
	t := &Timeline{name: name, facts: Union(facts, Facts{}), horizon: h}
	t.order = slices.SortedFunc(slices.Values(t.facts.Versions), compareMoments)
	t.build()
	t.tags, t.labels = sync.OnceValue(t.layOutTags), sync.OnceValue(t.layOutLabels)
	return t
}

// Facts returns the facts in canonical order. The caller must not change them.
func (t *Timeline) Facts() Facts { return t.facts }

// Spans returns the whole of time as spans in order, each beginning where the
// one before ends.
func (t *Timeline) Spans() []Span { return t.spans }

// Span returns the span in which at lies.
func (t *Timeline) Span(at ssmbak.Time) Span {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].Until > at })
	return t.spans[min(i, len(t.spans)-1)]
}

// Certainty returns how certain the span's answer is at this moment of it.
func (s Span) Certainty(at ssmbak.Time) ssmbak.Certainty {
	switch {
	case s.Unknown:
		return ssmbak.Unknown
	case s.Kind == Held && s.Proved != 0 && at <= s.Proved:
		return ssmbak.Proved
	}
	return ssmbak.LastKnown
}

// Gaps counts the stretches of time in which something was missed: versions, a
// whole life, or a change that only its event told of. The unknown bounds of a
// deletion are none.
func (t *Timeline) Gaps() (n int) {
	for i, s := range t.spans {
		if s.Unknown && s.Gap() && (i == 0 || !t.spans[i-1].Unknown || t.spans[i-1].Reason != s.Reason) {
			n++
		}
	}
	return n
}

// Gap reports whether the span is unknown because something was missed in it.
func (s Span) Gap() bool {
	switch s.Reason {
	case reasonMissing, reasonLife, reasonMissed, reasonTrace:
		return true
	}
	return false
}

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
	gone          []Look
	traces        []Trace
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

func (t *Timeline) build() {
	t.slots = t.newSlots()
	t.placeTraces()
	t.placeLooks()
	t.placeDeletions()
	t.placeListing()
	for i := range t.slots {
		t.spans = append(t.spans, t.slots[i].spans(t.horizon)...)
	}
	t.placeMissed()
	t.numberLives()
	t.layOriginals()
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
	for _, l := range t.facts.Looks {
		if l.Gone {
			continue
		}
		if i, ok := at[l.Newest]; ok {
			slots[i+1].sure = max(slots[i+1].sure, l.Sure)
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
	reach := make(map[Ref]int64, len(t.facts.Looks))
	for _, l := range t.facts.Looks {
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
		needy := slices.IndexFunc(at, func(s *slot) bool { return len(s.deletions)+len(s.chosen) < t.needs(s) })
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

// ofHere reports whether a deletion that was chosen surely is one of this slot: of
// two in one second it makes no difference which one was here, and a look that
// found nothing says that there was an end.
func (s *slot) ofHere(d Deletion) bool {
	return slices.ContainsFunc(s.doubtful, func(o Deletion) bool { return o.Second == d.Second }) ||
		slices.ContainsFunc(s.gone, func(g Look) bool {
			return s.after != nil && g.Sure >= s.after.Moment() && g.Seen >= d.until()
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

// placeMissed makes the absence unknown in which a listing found the parameter
// live: until a look that surely came after it found nothing.
func (t *Timeline) placeMissed() {
	at := t.horizon.Missed
	if at == 0 {
		return
	}
	until := ssmbak.MaxTime
	for _, g := range t.facts.Looks {
		if g.Gone && g.Sure > at+ssmbak.Time(Staleness.Milliseconds()) {
			until = min(until, g.Seen+1)
		}
	}
	c := canvas{t.spans}
	for _, s := range slices.Clone(t.spans) {
		if s.Kind == Absent && s.From <= at && s.Until > at-ssmbak.Time(Staleness.Milliseconds()) {
			c.unknown(s.From, min(s.Until, until), reasonListed)
		}
	}
	t.spans = c.spans
}

// placeLooks gives each look that found nothing to the slot of which it speaks:
// it says that what existed at Sure was gone by Seen, and nothing of what came
// after Sure.
func (t *Timeline) placeLooks() {
	for _, g := range t.facts.Looks {
		if !g.Gone {
			continue
		}
		// What was there at Sure is gone, also if a look that answered from
		// before its end still saw it later.
		i := t.slotAt(g.Seen)
		if s := &t.slots[i]; s.after == nil || g.Sure >= s.after.Moment() {
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
// elsewhere. Where no slot lacks one, it goes to every slot in which its change
// may lie.
func (t *Timeline) placeTraces() {
	lacks := make([]lack, len(t.slots))
	for i := range t.slots {
		lacks[i] = t.slots[i].lack()
	}
	bySecond := func(a, b Trace) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Event, b.Event))
	}
	traces := slices.SortedFunc(slices.Values(t.facts.Traces), func(a, b Trace) int {
		if a.Operation == ssmbak.Create && b.Operation == ssmbak.Create {
			return bySecond(b, a) // the last one is that of the life which is known
		}
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), bySecond(a, b))
	})
	for _, tr := range traces {
		var at []int
		for i := t.slotAt(tr.from()); i < len(t.slots); i++ {
			s := &t.slots[i]
			if s.after != nil && s.after.Moment() >= tr.until() {
				break
			}
			// A life knows no other creation, and no change between two versions
			// that follow each other.
			if s.from() < tr.until()-1 && !s.succession() && !(s.joined && tr.Operation == ssmbak.Create) {
				at = append(at, i)
			}
		}
		if tr.Operation == ssmbak.Update && slices.ContainsFunc(at, t.inhabited) {
			at = slices.DeleteFunc(at, func(i int) bool { return !t.inhabited(i) })
		}
		if len(at) == 1 && tr.Operation == ssmbak.Create {
			t.slots[at[0]].creates++
		}
		if i := slices.IndexFunc(at, func(i int) bool { return lacks[i].take(tr.Operation) }); i >= 0 {
			at = at[i : i+1]
		}
		for _, i := range at {
			t.slots[i].traces = append(t.slots[i].traces, tr)
			t.slots[i].shared = t.slots[i].shared || len(at) > 1 && tr.Operation == ssmbak.Create
		}
	}
	for i := range t.slots {
		slices.SortFunc(t.slots[i].traces, bySecond)
	}
}

// inhabited reports whether a slot holds a life that is known, at least by the
// event of its creation.
func (t *Timeline) inhabited(i int) bool {
	s := &t.slots[i]
	return s.after != nil || slices.ContainsFunc(t.facts.Traces, func(tr Trace) bool {
		return tr.Operation == ssmbak.Create && tr.from() < s.until()
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
	if o == ssmbak.Create {
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
		slices.ContainsFunc(t.facts.Looks, func(l Look) bool { return l.Gone && l.Sure >= s.after.Moment() }):
		ends++
	}
	return ends
}
