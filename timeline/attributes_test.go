package timeline_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// tagged is the true history of a parameter's tags and labels in one or more lives,
// and the facts about them.
type tagged struct {
	changes []attributes // in time order
	facts   timeline.Facts
	lost    bool // an event was lost
	fresh   bool // no read is stale
}

// attributes are the tags and labels from a moment on.
type attributes struct {
	at      ssmbak.Time
	life    int // 0: the parameter does not exist
	number  int64
	began   ssmbak.Time // of the version
	counter int64
	tags    map[string]string
	labels  map[string]int64
}

func (w *tagged) truth(at ssmbak.Time) attributes {
	var now attributes
	for _, c := range w.changes {
		if c.at <= at {
			now = c
		}
	}
	return now
}

// observe reads history and tags, which may be stale by different times.
func (w *tagged) observe(r *rand.Rand, at ssmbak.Time) {
	ago := func() ssmbak.Time {
		if !w.fresh && r.IntN(3) == 0 {
			return ssmbak.Time(r.IntN(staleness))
		}
		return 0
	}
	h, g := w.truth(at-ago()), w.truth(at-ago())
	var read timeline.Facts
	span := timeline.Observed{AsOf: at - staleness, At: at}
	if w.fresh {
		span.At = at.Add(timeline.Skew)
	}
	if h.life == 0 {
		read.Observations = []timeline.Observation{{Gone: true, AsOf: span.AsOf, At: span.At}}
	} else {
		for _, c := range w.changes {
			if c.life == h.life && c.number <= h.number {
				read.Versions = append(read.Versions, timeline.Version{Version: ssmbak.Version{Number: c.number, Time: c.began, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}})
			}
		}
		read.Observations = []timeline.Observation{{Newest: timeline.Ref{Number: h.number, Time: h.began}, Oldest: 1, AsOf: span.AsOf, At: span.At}}
		read.Labels = []timeline.LabelsFact{{Labels: h.labels, Observed: span}}
		if g.life != h.life && w.lost {
			// Tags of an earlier life, read when its history is no longer returned,
			// contradict the facts of that life, unless those were lost.
			g = w.truth(at)
		}
		if g.life != 0 {
			read.Tags = []timeline.TagsFact{{Tags: g.tags, Observed: span}}
		}
	}
	w.facts = timeline.Union(w.facts, read)
}

// newTagged generates a history in which no set of tags or labels occurs twice in a
// life, and the facts from its events and observations.
func newTagged(r *rand.Rand, lossy, fresh bool) *tagged { return newTaggedOf(r, lossy, fresh, 10, 8) }

// newTaggedOf generates a history with up to the given number of changes, of which one
// in lives is a deletion.
func newTaggedOf(r *rand.Rand, lossy, fresh bool, changes, lifetimes int) *tagged {
	w := &tagged{fresh: fresh}
	at := start + ssmbak.Time(r.IntN(1000))
	var now attributes
	lives := 0
	var reads []ssmbak.Time
	form, lostLabel := r.IntN(3), false // how events report labels; one was lost in this life
	for i := range 1 + r.IntN(changes) {
		now.at = at
		lost := lossy && r.IntN(4) == 0
		w.lost = w.lost || lost
		labelled, move := false, timeline.LabelsFact{}
		switch {
		case now.life == 0:
			lives++
			lostLabel = false
			now = attributes{at: at, life: lives, number: 1, began: at, tags: map[string]string{}, labels: map[string]int64{}}
			if r.IntN(2) == 0 {
				now.tags, now.counter = map[string]string{"t": fmt.Sprint(i)}, int64(r.IntN(2))
			}
		case r.IntN(lifetimes) == 0:
			if !lost {
				w.facts.Deletions = append(w.facts.Deletions, timeline.Deletion{Event: fmt.Sprint("d", i), Second: at.Second()})
			}
			now = attributes{at: at}
		case r.IntN(4) == 0:
			now.number++
			now.began = at
		case r.IntN(3) == 0:
			labelled = true
			// Either a new label is attached, possibly while all others are removed,
			// which no event reports, or one moves to a version for the first time.
			move = timeline.LabelsFact{Label: fmt.Sprint("l", i), To: 1 + r.Int64N(now.number)}
			labels := map[string]int64{}
			for _, label := range slices.Sorted(maps.Keys(now.labels)) { // so that a seed determines the history
				if at := now.labels[label]; r.IntN(3) > 0 && at != now.number {
					move = timeline.LabelsFact{Label: label, From: at, To: now.number}
					labels = maps.Clone(now.labels)
				}
			}
			if move.From == 0 && (fresh || lostLabel && form != 0 || r.IntN(2) == 0) {
				labels = maps.Clone(now.labels)
			}
			labels[move.Label] = move.To
			if move.From != 0 && slices.ContainsFunc(w.changes, func(c attributes) bool {
				return c.life == now.life && c.labels[move.Label] == move.To
			}) {
				move = timeline.LabelsFact{Label: fmt.Sprint("l", i), To: move.To}
				if labels = (map[string]int64{}); fresh || lostLabel && form != 0 {
					labels = maps.Clone(now.labels)
				}
				labels[move.Label] = move.To
			}
			now.labels, lostLabel = labels, lostLabel || lost
		default:
			now.tags, now.counter = map[string]string{"t": fmt.Sprint(i)}, now.counter+1
			if !lost {
				w.facts.Tags = append(w.facts.Tags, timeline.TagsFact{Tags: now.tags, Event: fmt.Sprint("t", i), Second: at.Second(), Counter: now.counter})
			}
		}
		w.changes = append(w.changes, now)
		if !lost {
			if labelled {
				e := timeline.LabelsFact{Event: fmt.Sprint("l", i), Second: at.Second()}
				switch n := r.IntN(4); {
				case form == 0 || form == 1 && n == 0: // without details
				case n == 1:
					e.Label, e.To = move.Label, move.To
				default:
					e.Label, e.From, e.To = move.Label, move.From, move.To
				}
				w.facts.Labels = append(w.facts.Labels, e)
			}
			reads = append(reads, at+ssmbak.Time(r.IntN(3000)))
			// The event of a label leads to observations until one is conclusive.
			reads = append(reads, ssmbak.Seconds(at.Second()+1)+staleness+ssmbak.Time(r.IntN(1000)))
		}
		at += 1 + []ssmbak.Time{ssmbak.Time(r.IntN(50)), ssmbak.Time(r.IntN(1000)), ssmbak.Time(r.IntN(20_000)), ssmbak.Time(r.IntN(200_000))}[r.IntN(4)]
	}
	if r.IntN(2) == 0 {
		reads = append(reads, at+60_000)
	}
	for _, at := range reads {
		w.observe(r, at)
	}
	w.facts = timeline.Union(w.facts, timeline.Facts{})
	return w
}

// TestAttributesTruth checks that proved tags and labels are true, whichever events
// were lost and however stale the reads were, as long as no lost change was
// reverted.
func TestAttributesTruth(t *testing.T) {
	t.Parallel()
	known, unknown, labelled := 0, 0, 0
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 4))
		w := newTagged(r, seed%2 == 1, false)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		for _, c := range w.changes {
			for _, at := range []ssmbak.Time{c.at - 1, c.at, c.at + 1, c.at + 999, c.at + 5000, c.at + 20_000} {
				s, _ := line.At(at)
				truth := w.truth(at)
				if s.Certainty == ssmbak.Unknown && (s.Tags.IsKnown() || s.Labels.IsKnown()) {
					t.Fatalf("seed %d: at %v the state is unknown and its tags or labels are known", seed, at)
				}
				if w.lost && !slices.ContainsFunc(w.facts.Observations, func(l timeline.Observation) bool {
					return !l.Gone && l.AsOf >= at && w.truth(l.AsOf).life == truth.life && w.truth(l.At).life == truth.life
				}) {
					continue // there is no later observation
				}
				if truth.life != 0 && !s.Deleted {
					if s.Tags.IsProved() {
						known++
						if !maps.Equal(s.Tags.V, truth.tags) {
							w.fatal(t, seed, at, line, s.Tags.V, truth.tags)
						}
					} else {
						unknown++
					}
				}
				if truth.life != 0 && !s.Deleted && s.Labels.IsProved() {
					labelled++
					if !maps.Equal(s.Labels.V, truth.labels) {
						w.fatal(t, seed, at, line, s.Labels.V, truth.labels)
					}
				}
			}
		}
	}
	t.Logf("tags: %d known, %d unknown; labels: %d known", known, unknown, labelled)
	if known == 0 || unknown == 0 || labelled == 0 {
		t.Error("one of these did not occur")
	}
}

// TestLastKnownAttributes checks that last known tags and labels are true if no
// event was lost and no read was stale.
func TestLastKnownAttributes(t *testing.T) {
	t.Parallel()
	tags, labels := 0, 0
	for seed := range uint64(cases(t, 10_000)) {
		w := newTagged(rand.New(rand.NewPCG(seed, 5)), false, true)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		for _, c := range w.changes {
			for _, at := range []ssmbak.Time{c.at - 1, c.at, c.at + 1, ssmbak.Seconds(c.at.Second()) + 999, c.at + 5000, c.at + 20_000} {
				s, _ := line.At(at)
				truth := w.truth(at)
				if truth.life == 0 || s.Deleted {
					continue
				}
				if s.Tags.Certainty == ssmbak.LastKnown {
					tags++
					if !maps.Equal(s.Tags.V, truth.tags) {
						w.fatal(t, seed, at, line, s.Tags.V, truth.tags)
					}
				}
				if s.Labels.Certainty == ssmbak.LastKnown {
					labels++
					if !maps.Equal(s.Labels.V, truth.labels) {
						w.fatal(t, seed, at, line, s.Labels.V, truth.labels)
					}
				}
			}
		}
	}
	t.Logf("last known: %d sets of tags, %d sets of labels", tags, labels)
	if tags == 0 || labels == 0 {
		t.Error("one of these did not occur")
	}
}

func (w *tagged) fatal(t *testing.T, seed uint64, at ssmbak.Time, line *timeline.Timeline, got, want any) {
	t.Helper()
	for _, c := range w.changes {
		t.Logf("from %v life %d v%d tags #%d %v labels %v", c.at, c.life, c.number, c.counter, c.tags, c.labels)
	}
	for _, f := range line.Facts().Tags {
		t.Logf("tags %+v", f)
	}
	for _, f := range line.Facts().Labels {
		t.Logf("labels %+v", f)
	}
	t.Fatalf("seed %d: at %v got %v, want %v", seed, at, got, want)
}

// TestAttributes checks single rules.
func TestAttributes(t *testing.T) {
	t.Parallel()
	born := start
	base := timeline.Facts{
		Versions:     []timeline.Version{{Version: ssmbak.Version{Number: 1, Time: born, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}}},
		Observations: []timeline.Observation{{Newest: timeline.Ref{Number: 1, Time: born}, Oldest: 1, AsOf: born + 1_000_000, At: born + 1_010_000}},
	}
	red, blue := map[string]string{"c": "red"}, map[string]string{"c": "blue"}
	read := func(tags map[string]string, asOf, readAt ssmbak.Time) timeline.TagsFact {
		return timeline.TagsFact{Tags: tags, Observed: timeline.Observed{AsOf: born + asOf, At: born + readAt}}
	}
	event := func(tags map[string]string, second, counter int64) timeline.TagsFact {
		return timeline.TagsFact{Tags: tags, Event: fmt.Sprint("e", second, counter), Second: born.Second() + second, Counter: counter}
	}
	tests := []struct {
		name string
		tags []timeline.TagsFact
		at   ssmbak.Time
		want map[string]string // nil: unknown
	}{
		{"before the first observation", []timeline.TagsFact{read(red, 1000, 2000)}, 500, nil},
		{"before the first observation, of no tags", []timeline.TagsFact{read(map[string]string{}, 1000, 2000)}, 500, map[string]string{}},
		{"after the first observation", []timeline.TagsFact{read(red, 1000, 2000)}, 2000, red},
		{"between two observations that differ", []timeline.TagsFact{read(red, 1000, 2000), read(blue, 9000, 9500)}, 5000, nil},
		{"between two observations of the same tags", []timeline.TagsFact{read(red, 1000, 2000), read(red, 9000, 9500)}, 5000, red},
		{"a fact with a last observation", []timeline.TagsFact{{Tags: red, Observed: timeline.Observed{AsOf: born + 1000, At: born + 2000, LastAsOf: born + 8000, LastAt: born + 8500}}, read(blue, 9000, 9500)}, 5000, red},
		{"before the next event", []timeline.TagsFact{event(red, 2, 1), event(blue, 9, 2)}, 5000, red},
		{"before an event after a lost one", []timeline.TagsFact{event(red, 2, 1), event(blue, 9, 3)}, 5000, nil},
		{"before an event without a counter", []timeline.TagsFact{event(red, 2, 0), event(blue, 9, 0)}, 5000, nil},
		{"within the event's second", []timeline.TagsFact{event(red, 2, 1), event(blue, 9, 2)}, 9500, nil},
		{"at the end of the event's second", []timeline.TagsFact{event(red, 2, 1), event(blue, 9, 2)}, 9999, blue},
		{"two events in one second", []timeline.TagsFact{event(blue, 2, 2), event(red, 2, 1)}, 5000, blue},
		{"two events in one second, of unknown order", []timeline.TagsFact{event(blue, 2, 0), event(red, 2, 0)}, 5000, nil},
		{"a stale observation after an event", []timeline.TagsFact{event(red, 2, 1), event(blue, 9, 2), read(red, 7000, 11_000)}, 12_000, blue},
		{"an observation before the first change", []timeline.TagsFact{read(red, 1000, 2000), event(blue, 9, 1)}, 500, red},
		{"an observation around an event and a lost change", []timeline.TagsFact{event(blue, 9, 2), read(red, 7000, 11_000)}, 12_000, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := base
			f.Tags = test.tags
			s, _ := timeline.New("/n", f, timeline.Coverage{}).At(born + test.at)
			if s.Tags.IsProved() != (test.want != nil) || test.want != nil && !maps.Equal(s.Tags.V, test.want) {
				t.Errorf("got %v (%v), want %v", s.Tags.V, s.Tags.Certainty, test.want)
			}
			slices.Reverse(f.Tags)
			if other, _ := timeline.New("/n", f, timeline.Coverage{}).At(born + test.at); !cmp.Equal(other, s, cmp.AllowUnexported(ssmbak.Value{})) {
				t.Errorf("in the reverse order: %v (%v)", other.Tags.V, other.Tags.Certainty)
			}
		})
	}
}
