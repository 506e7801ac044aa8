package timeline

import (
	"slices"

	"github.com/ssmbak/ssmbak"
)

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
