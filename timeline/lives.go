package timeline

import (
	"slices"

	"github.com/ssmbak/ssmbak"
)

// life is the time from when it may have begun to when it surely had ended.
type life struct {
	begin, until ssmbak.Time
	whole        bool // its first version is known, and when it began
}

// noLife is the life of a span in which there is no parameter, or one of which
// only the legacy ssmbak knew.
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
		case s.Kind == KindPresent:
			s.life = at[s.Version.Ref()]
			present = s.life
		case s.Kind == KindAbsent && !s.Unknown && present != noLife:
			t.lives[present].until = min(t.lives[present].until, s.From)
		}
	}
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

// livesOf returns the lives that there may have been from lo to hi. A look may
// have answered from before a life began.
func (t *Timeline) livesOf(lo, hi ssmbak.Time) (own []int) {
	for i, l := range t.lives {
		if lo < l.until && hi >= l.begin {
			own = append(own, i)
		}
	}
	return own
}

// after reports whether what was seen from a moment on cannot be from before a
// life, as far as anything is known.
func (t *Timeline) after(n int, lo ssmbak.Time) bool {
	return lo >= t.lives[n].begin || t.surely(noLife, lo, t.lives[n].begin-1)
}

// deleted reports whether a deletion may have come in the time before a life.
func (t *Timeline) deleted(lo, begin ssmbak.Time) bool {
	return lo < begin && slices.ContainsFunc(t.facts.Deletions, func(d Deletion) bool { return d.until() > lo && d.from() <= begin })
}
