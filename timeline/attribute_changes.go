package timeline

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// step is one change of a parameter's tags or labels, in [from, until).
type step[V comparable] struct {
	from, until   ssmbak.Time
	event         bool // an event reports it
	before, after map[string]V
	missed        bool // the counters of the events show that one is missing before it
}

// diff returns the keys that the step set, mapped by value, and those that it
// removed, mapped to removed. If before is nil, it is unknown.
func diff[V comparable, W any](s step[V], value func(V) W, removed W) map[string]W {
	out := make(map[string]W)
	for k := range s.before {
		if _, ok := s.after[k]; !ok {
			out[k] = removed
		}
	}
	for k, v := range s.after {
		if old, ok := s.before[k]; !ok || old != v {
			out[k] = value(v)
		}
	}
	return out
}

// tags adds the changes of the parameter's tags.
func (c *changes) tags() {
	tags := c.timeline.tags()[0]
	unassigned := slices.Clone(tags.unassigned)
	for _, h := range tags.lives {
		steps := stepsOf(h, nil)
		// An event that an observation of this life shows too is one change.
		unassigned = slices.DeleteFunc(unassigned, func(e evidence[string]) bool {
			return slices.ContainsFunc(steps, func(s step[string]) bool {
				return e.shows(s.after) && e.earliest < s.until && e.latest >= s.from
			})
		})
		for _, s := range steps {
			c.tag(s)
		}
	}
	for _, e := range unassigned {
		c.tag(step[string]{from: e.earliest, until: e.latest + 1, event: true, after: e.values})
	}
}

func (c *changes) tag(s step[string]) {
	x := ssmbak.Change{Operation: ssmbak.OpTag, From: s.from, Until: s.until}
	x.Tags = diff(s, func(v string) *string { return &v }, nil)
	if s.event {
		x.Time = s.from
		switch {
		case s.before == nil:
			x.Reason = reasonTagsBefore
		case s.missed:
			x.Reason = reasonTagsMissed
		}
	}
	c.add(x)
}

// labels adds the changes of the parameter's labels: each move that an event
// reports, and the differences between observations that no such event explains.
// If exactly one event between two observations reports that labels may have
// changed, their difference is placed in its second; only a change whose event was
// lost can be elsewhere.
func (c *changes) labels() {
	var all []evidence[int64]
	var seconds []int64 // of events that name no label
	var moves []LabelsFact
	for _, f := range c.timeline.facts.Labels {
		switch {
		case f.Event == "":
			all = append(all, observed(f.Observed, f.Labels)...)
		case f.Label != "":
			moves = append(moves, f)
			e := f.move()
			c.add(ssmbak.Change{Operation: ssmbak.OpLabel, Time: e.earliest, From: e.earliest, Until: e.latest + 1, Labels: e.values, Moved: e.before})
		default:
			seconds = append(seconds, f.Second)
		}
	}
	within := func(x ssmbak.Change, second int64) bool {
		return x.Within(ssmbak.Seconds(second), ssmbak.Seconds(second+1)-1)
	}
	slices.Sort(seconds)
	for _, h := range assign(c.timeline, all, nil).lives {
		steps := stepsOf(h, map[string]int64{})
		for i, s := range steps {
			x := ssmbak.Change{Operation: ssmbak.OpLabel, From: s.from, Until: s.until}
			x.Labels = diff(s, func(n int64) int64 { return n }, 0)
			maps.DeleteFunc(x.Labels, func(label string, number int64) bool {
				return slices.ContainsFunc(moves, func(f LabelsFact) bool { return f.Label == label && f.To == number && within(x, f.Second) })
			})
			if len(x.Labels) == 0 {
				continue
			}
			// Overlapping observations may be in another order than the true one.
			clear := (i == 0 || steps[i-1].until <= s.from) && (i+1 == len(steps) || s.until <= steps[i+1].from)
			explaining := slices.Compact(slices.DeleteFunc(slices.Clone(seconds), func(second int64) bool { return !within(x, second) }))
			if clear && len(explaining) == 1 {
				second := explaining[0]
				x.From, x.Until = max(s.from, ssmbak.Seconds(second)), min(s.until, ssmbak.Seconds(second+1))
				x.Time = x.From
				// It explains no other difference.
				seconds = slices.DeleteFunc(seconds, func(s int64) bool { return s == second })
			}
			c.add(x)
		}
	}
}

// stepsOf returns the changes of one life: those that events report, and as few
// others as the observations allow. initial are the values at the beginning of a
// complete life, nil if they are unknown.
//
// Reads may be stale. An observation therefore only requires its values at some
// moment from earliest to latest: values are kept for as long as possible, and an
// observation makes a change only at its latest moment, if none of its moments had
// its values.
func stepsOf[V comparable](h history[V], initial map[string]V) []step[V] {
	w := walk[V]{history: h, keys: make([]string, len(h.observations)), done: make([]bool, len(h.observations)), last: make(map[string]ssmbak.Time)}
	for i, o := range h.observations {
		w.keys[i] = key(o.values)
		w.last[w.keys[i]] = max(w.last[w.keys[i]], o.earliest)
	}
	if h.complete && initial != nil {
		w.values, w.key = initial, key(initial)
	}
	for i, e := range h.events {
		w.ahead = h.events[i:]
		w.upTo(e.earliest - 1)
		w.satisfy(e.latest)
		w.earlier(e.latest, ssmbak.MaxTime)
		w.event(e, i > 0 && h.events[i-1].counter > 0 && e.counter > h.events[i-1].counter+1)
	}
	w.ahead = nil
	w.upTo(ssmbak.MaxTime)
	return w.steps
}

// walk goes through the evidence of one life and collects its changes.
type walk[V comparable] struct {
	history[V]
	ahead []evidence[V] // the events to come
	keys  []string      // of the observations
	done  []bool        // for each observation, whether a moment had its values
	next  int           // all observations before it are done
	// last is, for each key, the earliest moment of its last observation: the
	// values existed until then, possibly with interruptions.
	last   map[string]ssmbak.Time
	values map[string]V // the current values
	key    string       // of values, "" if they are unknown
	steps  []step[V]
}

// emptyKey is the key of an empty map.
const emptyKey = "{}"

// key returns the same text for equal maps.
func key[V comparable](m map[string]V) string {
	if len(m) == 0 {
		return emptyKey
	}
	text, _ := json.Marshal(m) // cannot fail for strings and numbers
	return string(text)
}

// upTo applies the observations that end by this moment.
func (w *walk[V]) upTo(at ssmbak.Time) {
	for ; w.next < len(w.observations) && w.observations[w.next].latest <= at; w.next++ {
		w.observe(w.next)
	}
}

// satisfy marks the observations up to a moment that may reflect the current
// values.
func (w *walk[V]) satisfy(at ssmbak.Time) {
	for i := w.next; i < len(w.observations); i++ {
		w.done[i] = w.done[i] || w.keys[i] == w.key && w.observations[i].earliest <= at
	}
}

// earlier applies the observations whose values preceded a change at a moment
// although they end after it: no later observation shows these values, no event
// sets them, and the values of the change remain until the observation has ended.
func (w *walk[V]) earlier(at, until ssmbak.Time) {
	for i := w.next; i < len(w.observations); i++ {
		o := w.observations[i]
		if !w.done[i] && w.last[w.keys[i]] <= at && o.latest < until && !explained(o, w.ahead) {
			w.observe(i)
		}
	}
}

// observe applies one observation.
func (w *walk[V]) observe(i int) {
	o := w.observations[i]
	for j := w.next; j < len(w.observations) && w.key == ""; j++ {
		if w.keys[j] == emptyKey && w.observations[j].earliest <= o.latest {
			w.values, w.key = map[string]V{}, emptyKey // before any other values
		}
	}
	w.satisfy(o.latest)
	if !w.done[i] {
		w.earlier(o.latest, w.last[w.keys[i]])
		w.satisfy(o.latest)
	}
	if w.done[i] {
		return
	}
	w.done[i] = true
	if w.key != "" || w.keys[i] != emptyKey {
		until := min(o.latest+1, w.until) // it had ended by then
		w.steps = append(w.steps, step[V]{from: min(w.since(o), until-1), until: until, before: w.values, after: o.values})
	}
	w.values, w.key = o.values, w.keys[i]
}

// since returns the earliest moment at which the values of an observation were
// set: other values existed then, and certainly before the observation.
func (w *walk[V]) since(o evidence[V]) ssmbak.Time {
	at := w.begin
	for _, e := range slices.Concat(w.observations, w.events) {
		if e.latest < o.earliest && !e.shows(o.values) {
			at = max(at, e.earliest)
		}
	}
	return at
}

// event applies an event. missed says that an event before it is missing.
func (w *walk[V]) event(e evidence[V], missed bool) {
	eventKey := key(e.values)
	if eventKey != w.key {
		s := step[V]{from: e.earliest, until: e.latest + 1, event: true, before: w.values, after: e.values, missed: missed}
		if w.key != "" && s.before == nil {
			s.before = map[string]V{}
		}
		w.steps = append(w.steps, s)
	}
	w.values, w.key = e.values, eventKey
}
