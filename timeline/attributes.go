package timeline

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// observation is one sight of a parameter's tags or labels: from until on they
// were as seen, and they changed to that after from.
type observation[V comparable] struct {
	from, until ssmbak.Time
	event       bool
	counter     int64
	seen        map[string]V
}

// noLife is the life of a span in which there is no parameter, or one of which
// only the original ssmbak knew.
const noLife = -1

// numberLives tells each span to which life it belongs. Two versions stand in
// one life only if a look saw both.
func (t *Timeline) numberLives(slots []slot) {
	at := make(map[Ref]int, len(t.facts.Versions))
	for i, v := range t.facts.Versions {
		if i == 0 || !slots[i].joined {
			if n := len(t.lives); n > 0 {
				t.lives[n-1].until = v.Time
			}
			t.lives = append(t.lives, life{from: v.Time, until: ssmbak.MaxTime, first: v.Number})
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

// tags returns the observations of tags in time order.
func (t *Timeline) tags() []observation[string] {
	var out []observation[string]
	for _, f := range t.facts.Tags {
		o := observation[string]{from: f.After, until: f.Seen, seen: f.Tags}
		if f.Event != "" {
			o.from, o.until, o.event, o.counter = ssmbak.Seconds(f.Second), ssmbak.Seconds(f.Second+1)-1, true, f.Counter
		}
		out = append(out, o)
	}
	return sorted(out)
}

func (t *Timeline) labels() []observation[int64] {
	var out []observation[int64]
	for _, f := range t.facts.Labels {
		out = append(out, observation[int64]{from: f.After, until: f.Seen, seen: f.Labels})
	}
	return sorted(out)
}

func sorted[V comparable](all []observation[V]) []observation[V] {
	slices.SortStableFunc(all, func(a, b observation[V]) int {
		return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.counter, b.counter))
	})
	return all
}

// observedAt returns what the observations of one life say of a moment in it,
// and whether they say anything. The first look at a life speaks back to its
// beginning, but not to before recording began: in between, only a change
// whose event never came could contradict it.
func observedAt[V comparable](all []observation[V], l life, since, at ssmbak.Time) (map[string]V, bool) {
	var last *observation[V]
	clash := false
	for i := range all {
		o := &all[i]
		if o.until < l.from || o.until >= l.until && (!o.event || o.from >= l.until) {
			continue
		}
		if o.event && (o.from < l.from || o.until >= l.until) {
			// The event's second holds a border of the life: it may tell of
			// either side.
			if o.until <= at {
				last, clash = nil, true
			} else if o.from <= at {
				return nil, false
			}
			continue
		}
		if o.until > at {
			switch {
			case last != nil && maps.Equal(last.seen, o.seen) && !clash:
				return last.seen, true
			case last != nil:
				return last.seen, !clash && at <= o.from && (!o.event || at < o.from)
			case clash || o.event:
				return nil, false
			}
			return o.seen, since != 0 && at >= since && l.first == 1
		}
		clash = last != nil && last.event && o.event && last.until == o.until && last.counter == o.counter && !maps.Equal(last.seen, o.seen)
		last = o
	}
	if last == nil || clash {
		return nil, false
	}
	return last.seen, true
}
