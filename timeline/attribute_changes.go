package timeline

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// step is one change of a parameter's tags or labels.
type step[V comparable] struct {
	from, until ssmbak.Time
	event       bool         // told by an event: it happened then
	old, now    map[string]V // old is nil where it is not known
	missed      bool         // the events' counters say that one is missing before it
}

// diff returns the keys that the step changed, mapped by value; those that were
// taken away are mapped by gone.
func diff[V comparable, W any](s step[V], value func(V) W, gone W) map[string]W {
	out := make(map[string]W)
	for k := range s.old {
		if _, ok := s.now[k]; !ok {
			out[k] = gone
		}
	}
	for k, v := range s.now {
		if before, ok := s.old[k]; !ok || before != v {
			out[k] = value(v)
		}
	}
	return out
}

// tags adds the changes of the parameter's tags.
func (c *changes) tags(t *Timeline) {
	lives, strays := t.tags().lives, slices.Clone(t.tags().strays)
	for _, l := range lives {
		done := steps(l, nil)
		// What an event of this or another life told, and a look saw, is told
		// once.
		strays = slices.DeleteFunc(strays, func(e observation[string]) bool {
			return slices.ContainsFunc(done, func(s step[string]) bool { return e.says(s.now) && e.lo < s.until && e.hi >= s.from })
		})
		for _, s := range done {
			c.tag(s)
		}
	}
	for _, e := range strays {
		c.tag(step[string]{from: e.lo, until: e.hi + 1, event: true, now: e.seen})
	}
}

func (c *changes) tag(s step[string]) {
	x := ssmbak.Change{Operation: ssmbak.OpTag, From: s.from, Until: s.until}
	x.Tags = diff(s, func(v string) *string { return &v }, nil)
	if s.event {
		x.Time = s.from
		switch {
		case s.old == nil:
			x.Reason = reasonTagsBefore
		case s.missed:
			x.Reason = reasonTagsMissed
		}
	}
	c.add(x)
}

// labels adds the changes of the parameter's labels: each move of which an event
// told, and what differs between two looks and no such event explains. Where an
// event told no more than that something changed, what differs between two looks
// is put into its second if it lies between them; only a change whose event never
// came can be elsewhere.
func (c *changes) labels(t *Timeline) {
	var all []observation[int64]
	var seconds []int64 // of events that told no more
	var moves []LabelsFact
	for _, f := range t.facts.Labels {
		switch {
		case f.Event == "":
			all = append(all, sights(f.Observed, f.Labels)...)
		case f.Label != "":
			moves = append(moves, f)
			m := f.move()
			c.add(ssmbak.Change{Operation: ssmbak.OpLabel, Time: m.lo, From: m.lo, Until: m.hi + 1, Labels: m.seen, Moved: m.from})
		default:
			seconds = append(seconds, f.Second)
		}
	}
	slices.Sort(seconds)
	for _, l := range deal(t, all, nil).lives {
		all := steps(l, map[string]int64{})
		for i, s := range all {
			// Looks that overlap may have been put into another order than the
			// true one.
			clear := (i == 0 || all[i-1].until <= s.from) && (i+1 == len(all) || s.until <= all[i+1].from)
			x := ssmbak.Change{Operation: ssmbak.OpLabel, From: s.from, Until: s.until}
			x.Labels = diff(s, func(n int64) int64 { return n }, 0)
			maps.DeleteFunc(x.Labels, func(label string, number int64) bool {
				return slices.ContainsFunc(moves, func(f LabelsFact) bool {
					return f.Label == label && f.To == number && x.Within(ssmbak.Seconds(f.Second), ssmbak.Seconds(f.Second+1)-1)
				})
			})
			if len(x.Labels) == 0 {
				continue
			}
			var within []int64
			for _, second := range seconds {
				if x.Within(ssmbak.Seconds(second), ssmbak.Seconds(second+1)-1) {
					within = append(within, second)
				}
			}
			if within = slices.Compact(within); clear && len(within) == 1 {
				second := within[0]
				x.From, x.Until = max(s.from, ssmbak.Seconds(second)), min(s.until, ssmbak.Seconds(second+1))
				x.Time = x.From
				// It explains no other difference.
				seconds = slices.DeleteFunc(seconds, func(s int64) bool { return s == second })
			}
			c.add(x)
		}
	}
}

// steps returns the changes of one life: as few as what was seen allows, and
// those that events told of. born is what is so at the beginning of a life whose
// first version is known, nil if that is not known.
//
// Looks may have answered from the past. A look therefore only asks that at some
// moment from lo to hi it was so: what was so is kept for as long as possible,
// and a look makes a change only when its end is reached and nothing in its time
// was as it says.
func steps[V comparable](l track[V], born map[string]V) []step[V] {
	w := walk[V]{track: l, keys: make([]string, len(l.looks)), done: make([]bool, len(l.looks)), reach: make(map[string]ssmbak.Time)}
	for i, o := range l.looks {
		w.keys[i] = key(o.seen)
		w.reach[w.keys[i]] = max(w.reach[w.keys[i]], o.lo)
	}
	if l.whole && born != nil {
		w.now, w.key = born, key(born)
	}
	for i, e := range l.events {
		w.ahead = l.events[i:]
		w.upTo(e.lo - 1)
		w.satisfy(e.hi)
		w.earlier(e.hi, ssmbak.MaxTime)
		w.event(e, i > 0 && l.events[i-1].counter > 0 && e.counter > l.events[i-1].counter+1)
	}
	w.ahead = nil
	w.upTo(ssmbak.MaxTime)
	return w.steps
}

// walk goes through what was seen of one life.
type walk[V comparable] struct {
	track[V]
	ahead []observation[V] // the events to come
	keys  []string         // beside looks
	done  []bool           // beside looks: it was as they say
	next  int              // of the looks before it all are done
	// reach says of each key when the last look begins that saw it: until then
	// it was so, or again.
	reach map[string]ssmbak.Time
	now   map[string]V
	key   string // of now, "" where it is not known what is so
	steps []step[V]
}

// nothing is the key of an empty map.
const nothing = "{}"

// key is the same for the same map.
func key[V comparable](m map[string]V) string {
	if len(m) == 0 {
		return nothing
	}
	text, _ := json.Marshal(m) // of texts and numbers, which never fails
	return string(text)
}

// upTo lets the looks count whose end comes by this moment.
func (w *walk[V]) upTo(at ssmbak.Time) {
	for ; w.next < len(w.looks) && w.looks[w.next].hi <= at; w.next++ {
		w.look(w.next)
	}
}

// satisfy marks the looks that may have seen what is so now, up to a moment.
func (w *walk[V]) satisfy(at ssmbak.Time) {
	for i := w.next; i < len(w.looks); i++ {
		if o := w.looks[i]; !w.done[i] && w.keys[i] == w.key && o.lo <= at {
			w.done[i] = true
		}
	}
}

// earlier lets those looks count that are not over at a moment, but saw what was
// so before it: what nobody saw later, and no event tells, where what came at
// the moment stays until after they are over.
func (w *walk[V]) earlier(at, stays ssmbak.Time) {
	for i := w.next; i < len(w.looks); i++ {
		o := w.looks[i]
		if !w.done[i] && w.reach[w.keys[i]] <= at && o.hi < stays && !slices.ContainsFunc(w.ahead, func(e observation[V]) bool { return e.lo <= o.hi && o.says(e.seen) }) {
			w.look(i)
		}
	}
}

// look lets one look count.
func (w *walk[V]) look(i int) {
	o := w.looks[i]
	for j := w.next; j < len(w.looks) && w.key == ""; j++ {
		if w.keys[j] == nothing && w.looks[j].lo <= o.hi {
			w.now, w.key = map[string]V{}, nothing // it was so before anything else
		}
	}
	w.satisfy(o.hi)
	if !w.done[i] {
		w.earlier(o.hi, w.reach[w.keys[i]])
		w.satisfy(o.hi)
	}
	if w.done[i] {
		return
	}
	w.done[i] = true
	if w.key != "" || w.keys[i] != nothing {
		until := min(o.hi+1, w.until) // it was over by then
		w.steps = append(w.steps, step[V]{from: min(w.since(o), until-1), until: until, old: w.now, now: o.seen})
	}
	w.now, w.key = o.seen, w.keys[i]
}

// since returns the moment after which what a look saw came to be: something
// else was so after it, and surely before the look.
func (w *walk[V]) since(l observation[V]) ssmbak.Time {
	at := w.begin
	for _, list := range [][]observation[V]{w.looks, w.events} {
		for _, o := range list {
			if o.hi < l.lo && !l.says(o.seen) {
				at = max(at, o.lo)
			}
		}
	}
	return at
}

// event lets an event count.
func (w *walk[V]) event(e observation[V], missed bool) {
	said := key(e.seen)
	if said != w.key {
		s := step[V]{from: e.lo, until: e.hi + 1, event: true, old: w.now, now: e.seen, missed: missed}
		if w.key != "" && s.old == nil {
			s.old = map[string]V{}
		}
		w.steps = append(w.steps, s)
	}
	w.now, w.key = e.seen, said
}
