package timeline

import (
	"slices"

	"github.com/ssmbak/ssmbak"
)

// life is the period from the earliest begin of a life to its latest end.
type life struct {
	begin, until ssmbak.Time
	complete     bool // version 1 is known, so begin is exact
}

// noLife is the life of a span in which the parameter did not exist, or that only
// the legacy ssmbak recorded.
const noLife = -1

// numberLives sets the life of each span. Two versions belong to one life only if
// an observation shows it.
func (t *Timeline) numberLives() {
	index := make(map[Ref]int, len(t.facts.Versions))
	for i, v := range t.order {
		if i == 0 || !t.slots[i].sameLife {
			begin := v.Moment()
			if v.Number > 1 {
				begin = t.slots[i].unproved()
			}
			if n := len(t.lives); n > 0 {
				t.lives[n-1].until = v.Moment()
			}
			t.lives = append(t.lives, life{begin: begin, until: ssmbak.MaxTime, complete: v.Number == 1})
		}
		index[v.Ref()] = len(t.lives) - 1
	}
	last := noLife
	for i := range t.spans {
		s := &t.spans[i]
		s.life = noLife
		switch {
		case s.Kind == KindPresent:
			s.life = index[s.Version.Ref()]
			last = s.life
		case s.Kind == KindAbsent && !s.Unknown && last != noLife:
			t.lives[last].until = min(t.lives[last].until, s.From)
		}
	}
}

// throughout reports whether, as far as is known, the parameter was in this life
// from first to last, both included, or did not exist if n is noLife.
func (t *Timeline) throughout(n int, first, last ssmbak.Time) bool {
	for at := first; at <= last; {
		s := t.Span(at)
		if s.life != n || s.Unknown && s.Reason != reasonMissing && s.Reason != reasonUnrecorded && s.Reason != reasonPart {
			return false
		}
		at = s.Until
	}
	return true
}

// livesWithin returns the lives that overlap the time from first to last, both
// included. An observation may reflect a moment before a life began.
func (t *Timeline) livesWithin(first, last ssmbak.Time) (within []int) {
	for i, l := range t.lives {
		if first < l.until && last >= l.begin {
			within = append(within, i)
		}
	}
	return within
}

// notBefore reports whether, as far as is known, nothing observed from first on
// can precede the life.
func (t *Timeline) notBefore(n int, first ssmbak.Time) bool {
	return first >= t.lives[n].begin || t.throughout(noLife, first, t.lives[n].begin-1)
}

// deletedBetween reports whether a deletion may have happened from first until a
// life began.
func (t *Timeline) deletedBetween(first, begin ssmbak.Time) bool {
	return first < begin && slices.ContainsFunc(t.facts.Deletions, func(d Deletion) bool { return d.until() > first && d.from() <= begin })
}

// SameLife reports whether the parameter existed at both moments and observations show
// that it was not deleted in between.
func (t *Timeline) SameLife(a, b ssmbak.Time) bool {
	first, second := t.Span(a), t.Span(b)
	return first.life != noLife && first.life == second.life
}
