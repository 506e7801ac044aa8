package timeline

import (
	"maps"
	"slices"
	"sort"

	"github.com/ssmbak/ssmbak"
)

// knownAt returns the tags or labels at a moment of a life, merged from all
// layouts.
func knownAt[V comparable](layouts []layout[V], life int, at ssmbak.Time) ssmbak.Known[map[string]V] {
	for _, certainty := range []ssmbak.Certainty{ssmbak.Proved, ssmbak.LastKnown} {
		var all map[string]V
		known := true
		for _, l := range layouts {
			values, ok := l.lives[life].at(at, certainty)
			if known = known && ok; all == nil {
				all = maps.Clone(values)
			} else {
				maps.Copy(all, values)
			}
		}
		if known {
			return ssmbak.Know(all, certainty)
		}
	}
	return ssmbak.Known[map[string]V]{}
}

// believed returns what is known without proof if nothing proves it, see [Coverage].
func believed[V any](k ssmbak.Known[V], c Coverage) ssmbak.Known[V] {
	if c.Unproved {
		k.Certainty = min(k.Certainty, ssmbak.LastKnown)
	}
	return k
}

// at returns the values at a moment, and whether they are known with the given
// certainty.
func (h *history[V]) at(at ssmbak.Time, c ssmbak.Certainty) (map[string]V, bool) {
	if c == ssmbak.Proved {
		return h.proof.at(at)
	}
	return h.lastKnown(at)
}

// proof is the evidence of one life that proves values, each slice sorted by
// latest.
//
// Values are proved between two pieces of evidence that show the same. Between
// two that differ they are unknown, unless the later one is an event and no event
// before it was missed, which the counters of tag events show. A doubt shows that
// there may have been a change, and to which values if it has any.
type proof[V comparable] struct {
	events, observations, doubts []evidence[V]
}

// at returns the values at a moment, and whether they are proved.
func (p proof[V]) at(at ssmbak.Time) (map[string]V, bool) {
	n := slices.IndexFunc(p.events, func(e evidence[V]) bool { return e.latest > at })
	if n < 0 {
		n = len(p.events)
	}
	last, certain := p.last(n, at)
	switch {
	case !certain:
		return nil, false
	case last == nil:
		return p.initial()
	}
	for n < len(p.events) && last.shows(p.events[n].values) {
		n++ // the observation already reflects this event
	}
	if p.doubted(*last, at, p.events[n:]) {
		return nil, false
	}
	if proved, decided := p.observedLater(last.values, at, p.events[n:]); decided {
		return last.values, proved
	}
	return last.values, p.untilEvent(last.values, n, at)
}

// doubted reports whether the values may have changed from last to at, or may have
// been those of a doubt that the next events do not explain.
func (p proof[V]) doubted(last evidence[V], at ssmbak.Time, next []evidence[V]) bool {
	return slices.ContainsFunc(p.doubts, func(d evidence[V]) bool {
		switch {
		case d.values != nil && d.shows(last.values):
			return false
		case d.earliest <= at:
			return d.latest >= last.earliest && !p.unaffected(last.values, d)
		}
		return d.values != nil && !explained(d, next) && !slices.ContainsFunc(p.observations, func(o evidence[V]) bool {
			return o.earliest >= at && o.latest < d.earliest && o.shows(last.values)
		})
	})
}

// unaffected reports whether an observation that is certainly later than a doubt
// shows the same values as before it, and no observation until then shows others.
// An event that reports values did happen, in this life or in another.
func (p proof[V]) unaffected(values map[string]V, d evidence[V]) bool {
	if d.event && d.values != nil {
		return false
	}
	return slices.ContainsFunc(p.observations, func(o evidence[V]) bool {
		return o.earliest > d.latest && o.shows(values) && !slices.ContainsFunc(p.observations, func(other evidence[V]) bool {
			return other.latest > d.earliest && other.earliest <= o.latest && !other.shows(values)
		})
	})
}

// observedLater reports whether the observations after a moment and before the
// next event decide that the values were current at that moment, and whether they
// were.
func (p proof[V]) observedLater(values map[string]V, at ssmbak.Time, next []evidence[V]) (proved, decided bool) {
	for _, o := range p.observations {
		switch {
		case o.latest <= at:
		case len(next) > 0 && o.earliest > next[0].latest: // certainly after the next change
		case o.shows(values):
			if o.earliest >= at && !slices.ContainsFunc(p.observations, func(other evidence[V]) bool {
				return other.latest > at && other.earliest <= o.latest && !other.shows(values) && !explained(other, next)
			}) {
				return true, true
			}
		case !explained(o, next):
			return false, true
		}
	}
	return false, false
}

// untilEvent reports whether values that were current before a moment certainly
// remained so until the event with index n.
func (p proof[V]) untilEvent(values map[string]V, n int, at ssmbak.Time) bool {
	if n == len(p.events) {
		return true
	}
	switch next := p.events[n]; {
	case at >= next.earliest: // within its second
		return false
	case next.before != nil:
		return maps.Equal(values, next.before)
	case n == 0:
		return next.counter == 1
	default: // no event is missing between two consecutive counters
		previous := p.events[n-1]
		return previous.counter > 0 && next.counter == previous.counter+1 && previous.shows(values)
	}
}

// last returns the last evidence up to a moment, nil if there is none, and whether
// it is certainly the last. The first n events precede the moment.
func (p proof[V]) last(n int, at ssmbak.Time) (last *evidence[V], certain bool) {
	var event *evidence[V]
	after := p.observations
	if n > 0 {
		event = &p.events[n-1]
		after = slices.DeleteFunc(slices.Clone(after), func(o evidence[V]) bool { return o.earliest <= event.latest })
	}
	for i := range after {
		if after[i].latest <= at {
			last = &after[i]
		}
	}
	switch {
	case last != nil:
		return last, !slices.ContainsFunc(after, func(o evidence[V]) bool {
			return o.latest <= at && o.latest >= last.earliest && !o.shows(last.values)
		})
	case n == 0:
		return nil, true
	case n > 1 && event.earliest == p.events[n-2].earliest && event.counter == p.events[n-2].counter && !event.shows(p.events[n-2].values):
		return nil, false // two events of unknown order
	}
	// An observation may be from before or after the event.
	for _, o := range p.observations {
		if o.latest > at || o.latest < event.earliest || o.shows(event.values) {
			continue
		}
		if previous, certain := p.last(n-1, event.earliest-1); o.earliest >= event.earliest || !certain || previous == nil || !o.shows(previous.values) {
			return nil, false
		}
	}
	return event, true
}

// initial returns the values before the first evidence: those of all observations
// before the first event, if that is the first change of the life.
func (p proof[V]) initial() (map[string]V, bool) {
	if len(p.events) == 0 || p.events[0].counter != 1 {
		return nil, false
	}
	var values map[string]V
	for _, o := range p.observations {
		switch {
		case o.earliest > p.events[0].latest || o.latest >= p.events[0].earliest && explained(o, p.events):
		case values != nil && !o.shows(values):
			return nil, false
		case o.latest < p.events[0].earliest:
			values = o.values
		}
	}
	return values, values != nil
}

// explained reports whether an observation may reflect one of the next events.
func explained[V comparable](o evidence[V], next []evidence[V]) bool {
	return slices.ContainsFunc(next, func(e evidence[V]) bool { return e.earliest <= o.latest && e.shows(o.values) })
}

// lastKnown returns the values of the last evidence up to a moment of the life,
// false if other evidence shows that they changed before the moment.
func (h *history[V]) lastKnown(at ssmbak.Time) (map[string]V, bool) {
	next := sort.Search(len(h.sequence), func(i int) bool { return h.sequence[i].at > at })
	if next == 0 || pending(h.sequence[:next], h.opaque, h.begin, at) {
		return nil, false
	}
	last := h.sequence[next-1]
	if next > 1 && byMoment(last, h.sequence[next-2]) == 0 && !last.shows(h.sequence[next-2].values) {
		return nil, false // two of unknown order
	}
	return last.values, next == len(h.sequence) || h.lasts(next, at)
}

// lasts reports whether the values before the evidence with index next remained
// until then.
func (h *history[V]) lasts(next int, at ssmbak.Time) bool {
	values, counter := h.sequence[next-1].values, int64(0)
	for _, e := range h.sequence[:next] {
		if e.event {
			counter = e.counter
		}
	}
	switch e := h.sequence[next]; {
	case e.event && e.earliest <= at: // within its second
		return false
	case e.event && counter != 0 && e.counter != 0 && e.counter != counter+1: // an event was missed
		return false
	case e.event:
		return e.before == nil || maps.Equal(e.before, values) // otherwise an event was missed
	case e.shows(values):
		return true
	default:
		// An event explains an observation with other values.
		within := func(second ssmbak.Time) bool { return second > at && second <= e.at }
		return slices.ContainsFunc(h.opaque, within) ||
			slices.ContainsFunc(h.sequence[next:], func(o evidence[V]) bool { return o.event && within(o.earliest) && o.shows(e.values) })
	}
}

// pending reports whether the evidence up to a moment does not yet show a change
// that an opaque event reports. Evidence after the second of the event shows it.
// Evidence within that second shows as many changes as there are differences: two
// labels attached in one second are observed together or one after the other.
func pending[V comparable](sequence []evidence[V], opaque []ssmbak.Time, begin, at ssmbak.Time) bool {
	waiting := slices.Sorted(slices.Values(opaque))
	waiting = slices.DeleteFunc(waiting, func(second ssmbak.Time) bool { return second > at || second+1000 <= begin })
	for i, e := range sequence {
		shown := 0
		if i > 0 {
			shown = differences(sequence[i-1].values, e.values)
		}
		for ; shown > 0 && len(waiting) > 0 && waiting[0] <= e.at; shown-- {
			waiting = waiting[1:]
		}
		for len(waiting) > 0 && waiting[0]+1000 <= e.at {
			waiting = waiting[1:]
		}
	}
	return len(waiting) > 0
}

// differences counts the changes, each of one key, that lead from before to after.
func differences[V comparable](before, after map[string]V) int {
	set, removed := 0, 0
	for key, v := range after {
		if old, ok := before[key]; !ok || old != v {
			set++
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			removed++
		}
	}
	return max(set, removed)
}
