package timeline

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// observation says what a parameter's tags or labels were at some moment from
// lo to hi. One that an event told of says that they became so then.
type observation[V comparable] struct {
	lo, hi  ssmbak.Time
	event   bool
	counter int64
	from    map[string]V // what an event said that was so before it, nil if it did not
	seen    map[string]V
}

func (o observation[V]) says(m map[string]V) bool { return maps.Equal(o.seen, m) }

// noLife is the life of a span in which there is no parameter, or one of which
// only the original ssmbak knew.
const noLife = -1

// numberLives tells each span to which life it belongs. Two versions stand in
// one life only if a look saw both.
func (t *Timeline) numberLives() {
	at := make(map[Ref]int, len(t.facts.Versions))
	for i, v := range t.order {
		if i == 0 || !t.slots[i].joined {
			begin := v.Moment()
			if v.Number > 1 {
				begin = t.slots[i].open()
			}
			if n := len(t.lives); n > 0 {
				t.lives[n-1].until = v.Moment()
			}
			t.lives = append(t.lives, life{begin: begin, until: ssmbak.MaxTime, whole: v.Number == 1})
		}
		at[v.Ref()] = len(t.lives) - 1
	}
	present := noLife
	for i := range t.spans {
		s := &t.spans[i]
		s.life = noLife
		switch {
		case s.Kind == Held:
			s.life = at[s.Version.Ref()]
			present = s.life
		case s.Kind == Absent && !s.Unknown && present != noLife:
			t.lives[present].until = min(t.lives[present].until, s.From)
		}
	}
}

// ofLife returns the observations that may be of one life. A look may have
// answered from before a life began: what may be of another life as well is in
// doubt.
func ofLife[V comparable](t *Timeline, n int, all []observation[V]) observations[V] {
	var own observations[V]
	for _, o := range all {
		lives, mine := 0, false
		for i, l := range t.lives {
			if o.lo < l.until && o.hi >= l.begin {
				lives++
				mine = mine || i == n
			}
		}
		begin := t.lives[n].begin
		early := o.lo < begin && t.lives[n].whole
		switch {
		case !mine:
		case lives > 1 || o.event && !t.surely(n, o.lo, o.hi) || early && !t.surely(noLife, o.lo, begin-1):
			own.doubts = append(own.doubts, o)
		case o.event:
			own.events = append(own.events, o)
		default:
			if early {
				o.lo = begin
			}
			own.looks = append(own.looks, o)
		}
	}
	for _, list := range [][]observation[V]{own.events, own.looks} {
		slices.SortStableFunc(list, func(a, b observation[V]) int {
			return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.counter, b.counter))
		})
	}
	return own
}

// surely reports whether the parameter was in this life from lo to hi, or with
// noLife whether there was none, as far as anything is known.
func (t *Timeline) surely(n int, lo, hi ssmbak.Time) bool {
	for at := lo; at <= hi; {
		s := t.Span(at)
		if s.life != n || s.Unknown && s.Reason != reasonMissing && s.Reason != reasonBefore {
			return false
		}
		at = s.Until
	}
	return true
}

func sights[V comparable](s Sights, seen map[string]V) []observation[V] {
	first := observation[V]{lo: s.Sure, hi: s.Seen, seen: seen}
	if s.LastSeen == 0 {
		return []observation[V]{first}
	}
	return []observation[V]{first, {lo: s.LastSure, hi: s.LastSeen, seen: seen}}
}

// tagsAt returns the tags in a life at one moment of it, and whether they are
// known.
func (t *Timeline) tagsAt(n int, at ssmbak.Time) (map[string]string, bool) {
	var all []observation[string]
	for _, f := range t.facts.Tags {
		if f.Event == "" {
			all = append(all, sights(f.Sights, f.Tags)...)
			continue
		}
		all = append(all, observation[string]{
			lo: ssmbak.Seconds(f.Second), hi: ssmbak.Seconds(f.Second+1) - 1, event: true, counter: f.Counter, seen: f.Tags,
		})
	}
	own := ofLife(t, n, all)
	// Where the first look saw no tags there were none from the beginning: it
	// would take some that were given and taken away at once.
	if l := t.lives[n]; l.whole && len(own.looks) > 0 && len(own.looks[0].seen) == 0 {
		own.looks = slices.Insert(own.looks, 0, observation[string]{lo: l.begin, hi: l.begin, seen: map[string]string{}})
	}
	return own.at(at)
}

// labelsAt returns the labels in a life at one moment of it, and whether they
// are known. Each label is looked at by itself, since its events tell of it alone.
func (t *Timeline) labelsAt(n int, at ssmbak.Time) (map[string]int64, bool) {
	all := make(map[string]int64)
	for _, label := range t.movedLabels() {
		labels, known := t.labelAt(n, label, at)
		if !known {
			return nil, false
		}
		maps.Copy(all, labels)
	}
	return all, true
}

// movedLabels returns the labels of which events told, and "" for all others.
// Where an event told no more than that labels may have changed, that is all.
func (t *Timeline) movedLabels() []string {
	moved := []string{""}
	if slices.ContainsFunc(t.facts.Labels, func(f LabelsSeen) bool { return f.Event != "" && f.Label == "" }) {
		return moved
	}
	for _, f := range t.facts.Labels {
		if f.Label != "" && !slices.Contains(moved, f.Label) {
			moved = append(moved, f.Label)
		}
	}
	return moved
}

// alone returns what a look says of one label, or with "" of all that are not
// among those moved.
func alone(labels map[string]int64, label string, moved []string) map[string]int64 {
	one := make(map[string]int64)
	for k, v := range labels {
		if k == label || label == "" && !slices.Contains(moved, k) {
			one[k] = v
		}
	}
	return one
}

// labelAt is labelsAt for one label, or with "" for those of which no event told.
// A new parameter has none.
func (t *Timeline) labelAt(n int, label string, at ssmbak.Time) (map[string]int64, bool) {
	var all []observation[int64]
	moved := t.movedLabels()
	if l := t.lives[n]; l.whole {
		all = append(all, observation[int64]{lo: l.begin, hi: l.begin, seen: map[string]int64{}})
	}
	for _, f := range t.facts.Labels {
		switch {
		case f.Event == "":
			all = append(all, sights(f.Sights, alone(f.Labels, label, moved))...)
		case f.Label == label && label != "":
			all = append(all, f.move())
		}
	}
	own := ofLife(t, n, all)
	for i := range own.looks {
		if l := &own.looks[i]; t.lives[n].whole && len(l.seen) > 0 {
			l.lo = max(l.lo, t.lives[n].begin+1)
		}
	}
	// An event of another label may stand for a request that moved several.
	for _, f := range t.facts.Labels {
		if f.Event != "" && (f.Label != label || label == "") {
			own.doubts = append(own.doubts, observation[int64]{lo: ssmbak.Seconds(f.Second), hi: ssmbak.Seconds(f.Second+1) - 1, event: true})
		}
	}
	return own.at(at)
}

// move returns what the event of a label says of it.
func (f LabelsSeen) move() observation[int64] {
	o := observation[int64]{
		lo: ssmbak.Seconds(f.Second), hi: ssmbak.Seconds(f.Second+1) - 1, event: true, seen: map[string]int64{f.Label: f.To},
	}
	if f.From > 0 {
		o.from = map[string]int64{f.Label: f.From}
	}
	return o
}

// observations are those of one life, each kind in the order of their ends.
//
// What lies between two that say the same was so too. What lies between two
// that differ is unknown, unless the later is an event and nothing was missed
// before it, which the counters of tag events tell. A doubt says that there may
// have been a change, to what it saw if it saw anything.
type observations[V comparable] struct {
	events, looks, doubts []observation[V]
}

func (o observations[V]) at(at ssmbak.Time) (map[string]V, bool) {
	e := slices.IndexFunc(o.events, func(e observation[V]) bool { return e.hi > at })
	if e < 0 {
		e = len(o.events)
	}
	before, sure := o.before(e, at)
	if !sure {
		return nil, false
	}
	if before == nil {
		return o.first()
	}
	for _, d := range o.doubts {
		if d.lo <= at && d.hi >= before.lo && (d.seen == nil || !d.says(before.seen)) && !o.still(before.seen, d) {
			return nil, false
		}
	}
	for e < len(o.events) && before.says(o.events[e].seen) {
		e++ // the look before saw this change already
	}
	next := o.events[e:]
	for _, d := range o.doubts { // it may have been of this life
		if d.lo > at && d.seen != nil && !d.says(before.seen) && !explained(d, next) && !slices.ContainsFunc(o.looks, func(l observation[V]) bool {
			return l.lo >= at && l.hi < d.lo && l.says(before.seen)
		}) {
			return nil, false
		}
	}
	for _, l := range o.looks {
		switch {
		case l.hi <= at:
			continue
		case len(next) > 0 && l.lo > next[0].hi: // surely after the next change
			continue
		case l.says(before.seen):
			if l.lo >= at && !slices.ContainsFunc(o.looks, func(other observation[V]) bool {
				return other.hi > at && other.lo <= l.hi && !other.says(before.seen) && !explained(other, next)
			}) {
				return before.seen, true
			}
		case !explained(l, next):
			return nil, false
		}
	}
	switch {
	case len(next) == 0:
		return before.seen, true
	case at >= next[0].lo: // within its second
		return nil, false
	case next[0].from != nil:
		return before.seen, before.says(next[0].from)
	case e == 0:
		return before.seen, next[0].counter == 1
	}
	return before.seen, follows(next[0], o.events[e-1]) && before.says(o.events[e-1].seen)
}

// still reports whether a look that surely came after a doubt saw what was so
// before it, and none until then saw anything else. What an event told of this
// very thing did happen, in this life or in another.
func (o observations[V]) still(seen map[string]V, d observation[V]) bool {
	if d.event && d.seen != nil {
		return false
	}
	return slices.ContainsFunc(o.looks, func(l observation[V]) bool {
		return l.lo > d.hi && l.says(seen) && !slices.ContainsFunc(o.looks, func(other observation[V]) bool {
			return other.hi > d.lo && other.lo <= l.hi && !other.says(seen)
		})
	})
}

// before returns the last of the observations up to a moment, nil if there is
// none, and whether it is sure which one is. The first n events lie before it.
func (o observations[V]) before(n int, at ssmbak.Time) (last *observation[V], sure bool) {
	var change *observation[V]
	if n > 0 {
		change = &o.events[n-1]
		if n > 1 && change.lo == o.events[n-2].lo && change.counter == o.events[n-2].counter && !change.says(o.events[n-2].seen) {
			change = nil // two changes in an order that is not known
		}
	}
	after := o.looks
	if n > 0 {
		after = slices.DeleteFunc(slices.Clone(o.looks), func(l observation[V]) bool { return l.lo <= o.events[n-1].hi })
	}
	for i := range after {
		if after[i].hi <= at {
			last = &after[i]
		}
	}
	switch {
	case last != nil:
		return last, !slices.ContainsFunc(after, func(l observation[V]) bool { return l.hi <= at && l.hi >= last.lo && !l.says(last.seen) })
	case n == 0:
		return nil, true
	case change == nil:
		return nil, false
	}
	// A look whose moment may lie on either side of the change.
	for _, l := range o.looks {
		if l.hi > at || l.hi < change.lo || l.says(change.seen) {
			continue
		}
		if earlier, sure := o.before(n-1, change.lo-1); l.lo >= change.lo || !sure || earlier == nil || !l.says(earlier.seen) {
			return nil, false
		}
	}
	return change, true
}

// first returns what was so before the first observation: what all looks saw
// before the first change there ever was.
func (o observations[V]) first() (map[string]V, bool) {
	if len(o.events) == 0 || o.events[0].counter != 1 {
		return nil, false
	}
	var seen map[string]V
	for _, l := range o.looks {
		switch {
		case l.lo > o.events[0].hi || l.hi >= o.events[0].lo && explained(l, o.events):
		case seen != nil && !l.says(seen):
			return nil, false
		case l.hi < o.events[0].lo:
			seen = l.seen
		}
	}
	return seen, seen != nil
}

// explained reports whether a look that differs saw what a later event told.
func explained[V comparable](l observation[V], next []observation[V]) bool {
	return slices.ContainsFunc(next, func(e observation[V]) bool { return e.lo <= l.hi && e.says(l.seen) })
}

// follows reports whether nothing changed between two tag events.
func follows[V comparable](later, earlier observation[V]) bool {
	return earlier.counter > 0 && later.counter == earlier.counter+1
}
