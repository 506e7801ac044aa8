package timeline

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// sighting is what tags or labels were at one moment, if no look answered from
// the past. One that an event told of happened within the second before it.
type sighting[V comparable] struct {
	at      ssmbak.Time
	event   bool
	counter int64
	from    map[string]V // what an event said that was so before it, nil if it did not
	seen    map[string]V
}

// second returns when the second of an event began.
func (s sighting[V]) second() ssmbak.Time { return s.at - 999 }

// lastTags returns the tags in a life at one moment of it that nothing
// contradicts, where they are not known.
func (t *Timeline) lastTags(n int, at ssmbak.Time) (map[string]string, bool) {
	var all []sighting[string]
	var silent []ssmbak.Time
	begin := t.lives[n].begin
	for _, f := range t.facts.Tags {
		e := sighting[string]{at: ssmbak.Seconds(f.Second) + 999, event: true, counter: f.Counter, seen: f.Tags}
		switch {
		case f.Event == "":
			all = append(all, looked(f.Sights, f.Tags)...)
		case e.second() < begin && !t.surely(noLife, e.second(), begin-1): // it may tell of a life before
			silent = append(silent, e.second())
		default:
			all = append(all, e)
		}
	}
	return last(t.lives[n], all, silent, at)
}

// lastLabels is lastTags for labels.
func (t *Timeline) lastLabels(n int, at ssmbak.Time) (map[string]int64, bool) {
	all := make(map[string]int64)
	for _, label := range t.movedLabels() {
		labels, known := t.lastLabel(n, label, at)
		if !known {
			return nil, false
		}
		maps.Copy(all, labels)
	}
	return all, true
}

// lastLabel is lastLabels for one label, or with "" for those of which no event
// told.
func (t *Timeline) lastLabel(n int, label string, at ssmbak.Time) (map[string]int64, bool) {
	var all []sighting[int64]
	var silent []ssmbak.Time
	moved, begin := t.movedLabels(), t.lives[n].begin
	for _, f := range t.facts.Labels {
		second := ssmbak.Seconds(f.Second)
		switch {
		case f.Event == "":
			all = append(all, looked(f.Sights, alone(f.Labels, label, moved))...)
		case !slices.Contains(moved, f.Label) || f.Label == "":
			silent = append(silent, second)
		case f.Label != label:
		case second < begin && !t.surely(noLife, second, begin-1): // it may tell of a life before
			silent = append(silent, second)
		default:
			m := f.move()
			all = append(all, sighting[int64]{at: m.hi, event: true, from: m.from, seen: m.seen})
		}
	}
	if l := t.lives[n]; l.whole {
		all = append(all, sighting[int64]{at: l.begin, seen: map[string]int64{}})
	}
	return last(t.lives[n], all, silent, at)
}

// looked returns the first and the last look that saw the same, at the moments
// in which they ended by the recorder's clock.
func looked[V comparable](s Sights, seen map[string]V) []sighting[V] {
	all := []sighting[V]{{at: s.Seen.Add(-Skew), seen: seen}}
	if s.LastSeen != 0 {
		all = append(all, sighting[V]{at: s.LastSeen.Add(-Skew), seen: seen})
	}
	return all
}

// last returns what was seen last up to a moment of a life, unless something
// says that it changed in between: silent are the seconds of events that tell of
// a change and not what it was.
func last[V comparable](l life, all []sighting[V], silent []ssmbak.Time, at ssmbak.Time) (map[string]V, bool) {
	all = slices.DeleteFunc(all, func(s sighting[V]) bool { return s.at < l.begin || s.at >= l.until })
	slices.SortStableFunc(all, func(a, b sighting[V]) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.counter, b.counter))
	})
	next, found := slices.BinarySearchFunc(all, at, func(s sighting[V], at ssmbak.Time) int { return cmp.Compare(s.at, at) })
	for found && next < len(all) && all[next].at <= at {
		next++
	}
	if next == 0 || open(all[:next], silent, l.begin, at) {
		return nil, false
	}
	if next > 1 && all[next-1].at == all[next-2].at && all[next-1].counter == all[next-2].counter && !maps.Equal(all[next-1].seen, all[next-2].seen) {
		return nil, false // two in an order that is not known
	}
	seen, counter := all[next-1].seen, int64(0)
	for _, s := range all[:next] {
		if s.event {
			counter = s.counter
		}
	}
	if next == len(all) {
		return seen, true
	}
	switch s := all[next]; {
	case s.event && s.second() <= at: // within its second
		return nil, false
	case s.event && counter != 0 && s.counter != 0 && s.counter != counter+1: // one was missed
		return nil, false
	case s.event && s.from != nil && !maps.Equal(s.from, seen): // one was missed
		return nil, false
	case maps.Equal(s.seen, seen), s.event:
		return seen, true
	default:
		// A look that differs is explained by a change that an event told of.
		told := func(e sighting[V]) bool {
			return e.event && e.second() > at && e.second() <= s.at && maps.Equal(e.seen, s.seen)
		}
		return seen, slices.ContainsFunc(all[next:], told) || slices.ContainsFunc(silent, func(e ssmbak.Time) bool { return e > at && e <= s.at })
	}
}

// open reports whether an event up to the moment told of a change in a life that
// none of what was seen shows. What was seen after its second shows it. What was
// seen within it shows as many changes as there are differences: two labels that
// came in one second were seen together, or one after the other.
func open[V comparable](seen []sighting[V], silent []ssmbak.Time, begin, at ssmbak.Time) bool {
	waiting := slices.Sorted(slices.Values(silent))
	waiting = slices.DeleteFunc(waiting, func(s ssmbak.Time) bool { return s > at || s+1000 <= begin })
	for i, s := range seen {
		for shown := differences(seen, i); shown > 0 && len(waiting) > 0 && waiting[0] <= s.at; shown-- {
			waiting = waiting[1:]
		}
		for len(waiting) > 0 && waiting[0]+1000 <= s.at {
			waiting = waiting[1:]
		}
	}
	return len(waiting) > 0
}

// differences counts the changes, of one key each, that lie between the sighting
// with the index i and the one before it.
func differences[V comparable](seen []sighting[V], i int) int {
	if i == 0 {
		return 0
	}
	now, was, came, went := seen[i].seen, seen[i-1].seen, 0, 0
	for key, v := range now {
		if old, ok := was[key]; !ok || old != v {
			came++
		}
	}
	for key := range was {
		if _, ok := now[key]; !ok {
			went++
		}
	}
	return max(came, went)
}
