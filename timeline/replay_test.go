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

// outcome is what the reader of a log knows about a parameter at a moment: the
// current version, that it does not exist, or nothing.
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
		// A deletion of unknown order may have ended the life before.
		return outcome{known: !strings.Contains(c.Reason, "order")}
	default:
		return outcome{}
	}
}

// replay returns the state at a moment that the changes alone determine: that of
// the last one that may have happened by then. If several may be the last one, the
// state is known only if they agree. A change certainly follows another one if it
// is listed later and its bounds begin after the end of the other's, or both end
// together, or the other is a gap that begins and ends before it. A bounded change
// has certainly happened when its bounds end. A version is current at its own
// moment, and until the next one if that has the next number and no change is
// listed between them.
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
	o, found := outcome{known: true}, false // it does not exist before the first change
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

// values returns the changes of a parameter's existence and value.
func values(all []ssmbak.Change) []ssmbak.Change {
	return slices.DeleteFunc(slices.Clone(all), func(c ssmbak.Change) bool {
		return c.Operation == ssmbak.OpTag || c.Operation == ssmbak.OpLabel
	})
}

// differs returns the first moment at which the changes of a timeline determine
// another state than the timeline, and both states, "" if there is no such moment.
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
		s, got := line.Span(at), replay(all, at)
		want := outcome{known: !s.Unknown}
		if s.Kind == timeline.KindPresent {
			want.number, want.time = s.Version.Number, s.Version.Time
		}
		switch {
		case s.Kind == timeline.KindUnrecorded: // there are no changes before the first fact
		case s.Unknown && !got.known, got == want:
		case !got.known && s.Certainty(at) == ssmbak.Proved: // the bounds of a missed change may contain what is proved
		default:
			return fmt.Sprintf("at %v the state is %+v (%s), that of the changes is %+v", at, want, s.Reason, got)
		}
	}
	return ""
}

// TestReplay checks that the changes, applied in order, result in the states of the
// timeline, at every moment at which they may differ.
func TestReplay(t *testing.T) {
	t.Parallel()
	histories, failed := 0, 0
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(r, seed%2 == 1)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		histories++
		if problem := differs(line, w.moments()); problem != "" {
			if failed++; failed <= 3 {
				w.dump(t, line)
				t.Errorf("seed %d: %s:\n%s", seed, problem, strings.Join(lines(line.Changes()), "\n"))
			}
		}
	}
	if failed > 0 {
		t.Errorf("the changes of %d of %d histories result in other states than the timeline", failed, histories)
	}
}

// TestSeeds checks the histories that found a fault in the past, named for what they
// contain.
func TestSeeds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		seed   uint64
		stream uint64
	}{
		{"a deletion between a missed update and the deletion that certainly followed it", 85795, 7},
		{"two deletions, an observation that requires the first, and later events that suffice for the count", 175857, 7},
		{"two missed updates that may belong to a gap of one version", 61238, 5},
		{"two observations of one life that together order versions with decreasing times", 100774, 5},
		{"three observations of one life that together order versions with decreasing times", 156766, 5},
		{"an observed absence that a deletion of uncertain place may explain", 187466, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(rand.New(rand.NewPCG(tt.seed, tt.stream)), tt.seed%2 == 1)
			line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
			all := line.Changes()
			if problem := differs(line, w.moments()); problem != "" {
				t.Errorf("%s:\n%s", problem, strings.Join(lines(all), "\n"))
			}
			if problem := w.check(all, map[string]int{}); problem != "" {
				t.Errorf("%s:\n%s", problem, strings.Join(lines(all), "\n"))
			}
		})
	}
}
