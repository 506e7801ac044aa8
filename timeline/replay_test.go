package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// outcome is what a reader of a log knows of a parameter at one moment: the
// version that is current, that there is none, or nothing.
type outcome struct {
	known  bool
	number int64 // 0: it does not exist
	time   ssmbak.Time
}

func outcomeOf(c ssmbak.Change) outcome {
	switch c.Operation {
	case ssmbak.OpCreate, ssmbak.OpUpdate:
		return outcome{known: true, number: c.Version.Number, time: c.Version.Time}
	case ssmbak.OpDelete:
		// One of which the order is not known may have ended what came before it.
		return outcome{known: !strings.Contains(c.Reason, "order")}
	default:
		return outcome{}
	}
}

// replay returns the state at a moment as the changes alone tell it. Of those
// that may have happened by then the last one counts; where it is not sure which
// one that is, the state is known only if all of them agree. A change comes
// surely after another if it is listed later and its bounds begin after the
// other's end, or both end together, or if the other is a gap
// that both begins and ends before it. One that is bounded has surely happened
// when its bounds have ended. A version is current at its own moment, and until
// the next one if that follows it by number and nothing is told between them.
func replay(all []ssmbak.Change, at ssmbak.Time) outcome {
	var before, after *ssmbak.Change
	for i := range all {
		switch c := &all[i]; {
		case c.Operation != ssmbak.OpCreate && c.Operation != ssmbak.OpUpdate:
		case c.Until <= at:
			before = c
		case after == nil:
			after = c
		}
	}
	if before != nil && (before.Until == at || after != nil && after.Version.Number == before.Version.Number+1 &&
		!slices.ContainsFunc(all, func(c ssmbak.Change) bool {
			return c.From < c.Until && c.From >= before.Until && c.Until <= after.From
		})) {
		return outcomeOf(*before)
	}
	o, found := outcome{known: true}, false // before the first change there was none
	for i, c := range all {
		if c.From > at {
			continue
		}
		superseded := slices.ContainsFunc(all[i+1:], func(d ssmbak.Change) bool {
			return d.Until <= at && (d.From >= c.Until || d.Until == c.Until || d.From >= c.From && c.Operation == ssmbak.OpGap)
		})
		if superseded {
			continue
		}
		if mine := outcomeOf(c); !found {
			o, found = mine, true
		} else if mine != o {
			return outcome{}
		}
		if c.Until > at { // it may not have happened yet
			before := replay(all[:i], at)
			if before != o {
				return outcome{}
			}
		}
	}
	return o
}

// values are the changes of a parameter's existence and value.
func values(all []ssmbak.Change) []ssmbak.Change {
	return slices.DeleteFunc(slices.Clone(all), func(c ssmbak.Change) bool {
		return c.Operation == ssmbak.OpTag || c.Operation == ssmbak.OpLabel
	})
}

// differs returns the first moment at which the changes of a timeline tell
// another state than the timeline itself, and how; "" if they never do.
func differs(line *timeline.Timeline, moments []ssmbak.Time) string {
	all := values(line.Changes())
	for _, s := range line.Spans() {
		moments = append(moments, s.From-1, s.From, s.From+1)
	}
	for _, c := range all {
		moments = append(moments, c.From-1, c.From, c.From+1, c.Until-1, c.Until, c.Until+1)
	}
	slices.Sort(moments)
	for _, at := range slices.Compact(moments) {
		if at <= ssmbak.MinTime || at >= ssmbak.MaxTime {
			continue
		}
		s, told := line.Span(at), replay(all, at)
		want := outcome{known: !s.Unknown}
		if s.Kind == timeline.KindPresent {
			want.number, want.time = s.Version.Number, s.Version.Time
		}
		switch {
		case s.Kind == timeline.KindUnrecorded: // nothing is told of the time before the first record
		case s.Unknown && !told.known, told == want:
		case !told.known && s.Certainty(at) == ssmbak.Proved: // the bounds of what was missed may hold what is proved
		default:
			return fmt.Sprintf("at %v the state is %+v (%s), the changes tell %+v", at, want, s.Reason, told)
		}
	}
	return ""
}

// TestReplay holds that what the changes tell, one after the other, is what the
// timeline answers, at every moment that could matter.
func TestReplay(t *testing.T) {
	t.Parallel()
	played, failed := 0, 0
	for seed := range uint64(cases(t, 40_000)) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(r, seed%2 == 1)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		played++
		if problem := differs(line, w.moments()); problem != "" {
			if failed++; failed <= 3 {
				w.dump(t, line)
				t.Errorf("seed %d: %s:\n%s", seed, problem, strings.Join(told(line.Changes()), "\n"))
			}
		}
	}
	if failed > 0 {
		t.Errorf("the changes of %d of %d histories tell other states than the timeline", failed, played)
	}
}

// TestSeeds plays the histories that once found a fault, by what they hold.
func TestSeeds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		seed   uint64
		stream uint64
	}{
		{"an end between a missed update and the end that surely came after it", 85795, 7},
		{"of two ends a look demands the first, and events of later ones are enough for the count", 175857, 7},
		{"two missed updates may be of a gap that lacks one version", 61238, 5},
		{"two looks of one life that together order versions whose times step back", 100774, 5},
		{"three of them", 156766, 5},
		{"the end that a read found may be a deletion that is in doubt", 187466, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(rand.New(rand.NewPCG(tt.seed, tt.stream)), tt.seed%2 == 1)
			line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
			all := line.Changes()
			if problem := differs(line, w.moments()); problem != "" {
				t.Errorf("%s:\n%s", problem, strings.Join(told(all), "\n"))
			}
			if problem := w.check(all, map[string]int{}); problem != "" {
				t.Errorf("%s:\n%s", problem, strings.Join(told(all), "\n"))
			}
		})
	}
}
