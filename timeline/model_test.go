package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	start     = ssmbak.Time(1_700_000_000_000)
	staleness = 10_000 // the maximum age of what a read returns, in ms
	kept      = 4      // versions that the model's Parameter Store keeps
)

// change is one change that happened; number 0 is a deletion.
type change struct {
	at     ssmbak.Time // its moment, later than that of the change before it
	number int64
	time   ssmbak.Time // of the version, which may decrease within a life
	made   ssmbak.Time // when it was made, not before at: reads return it from then on
}

// world is the true history of one parameter, and the facts about it.
type world struct {
	changes []change
	facts   timeline.Facts
	// lost says that an event was lost; then a last known answer may be wrong.
	lost bool
}

// truth returns the change that determines the state at a moment.
func (w *world) truth(at ssmbak.Time) change {
	var last change
	for _, c := range w.changes {
		if c.at <= at {
			last = c
		}
	}
	return last
}

// visible returns the last change that a read at a moment can return.
func (w *world) visible(at ssmbak.Time) change {
	var last change
	for _, c := range w.changes {
		if c.made <= at {
			last = c
		}
	}
	return last
}

// unaware reports whether a moment is within a second of a version whose time
// precedes its moment, unless an observation covers it and the one before it.
func (w *world) unaware(at ssmbak.Time) bool {
	return slices.ContainsFunc(w.changes, func(c change) bool {
		if c.at == c.time || at < c.time || at >= c.time+1000 {
			return false
		}
		v, ok := w.facts.Version(timeline.Ref{Number: c.number, Time: c.time})
		return !ok || v.Moment() != c.at
	})
}

// observe reads the state of the parameter as it was stale milliseconds before at,
// and adds the observation to the facts.
func (w *world) observe(at, stale ssmbak.Time) timeline.Observation {
	now := w.visible(at - stale)
	o := timeline.Observation{Gone: now.number == 0, AsOf: at - staleness, At: at}
	var read timeline.Facts
	if !o.Gone {
		o.Newest = timeline.Ref{Number: now.number, Time: now.time}
		o.Oldest = max(1, now.number-kept+1)
		i := slices.Index(w.changes, now)
		var last ssmbak.Time
		for _, c := range w.changes[i-int(now.number-o.Oldest) : i+1] {
			v := timeline.Version{Version: ssmbak.Version{Number: c.number, Time: c.time, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}}
			if known, ok := w.facts.Version(v.Ref()); ok {
				v.Since = known.Since
			}
			if last >= v.Moment() {
				v.Since = last + 1
			}
			last = v.Moment()
			read.Versions = append(read.Versions, v)
		}
	}
	read.Observations = []timeline.Observation{o}
	w.facts = timeline.Union(w.facts, read)
	return o
}

// job is an event to be processed at a time.
type job struct {
	at    ssmbak.Time
	event timeline.Announcement
}

// newWorld generates a history, and the facts that a recorder with the rules of
// package recorder collects: each event leads to an observation, and an event that
// the observation does not settle is redelivered.
func newWorld(r *rand.Rand, lossy bool) *world { return newWorldOf(r, lossy, 12, 4) }

// newWorldOf generates a history with up to the given number of changes, of which one
// in lives is a deletion.
func newWorldOf(r *rand.Rand, lossy bool, changes, lives int) *world {
	w := &world{}
	at := start + ssmbak.Time(r.IntN(1000))
	number := int64(0)
	var jobs []job
	var ended ssmbak.Time // the last deletion
	stepping := r.IntN(3) == 0
	for i := range 1 + r.IntN(changes) {
		c := change{at: at, time: at, made: at}
		event := timeline.Announcement{Event: fmt.Sprint("e", i), Second: at.Second()}
		if number > 0 && r.IntN(lives) == 0 {
			event.Operation = ssmbak.OpDelete
			number, ended = 0, at
		} else {
			event.Operation = ssmbak.OpUpdate
			if number == 0 {
				event.Operation = ssmbak.OpCreate
			}
			number++
			c.number = number
			if stepping && number > 1 && r.IntN(2) == 0 {
				c.time = max(ended+1, ssmbak.Seconds(at.Second()), at-1-[]ssmbak.Time{ssmbak.Time(r.IntN(3)), ssmbak.Time(r.IntN(50)), ssmbak.Time(r.IntN(999))}[r.IntN(3)])
				c.at = max(c.time, w.changes[len(w.changes)-1].at+1)
				event.Second = c.time.Second()
			}
		}
		w.changes = append(w.changes, c)
		delay := ssmbak.Time(r.IntN(3000))
		if r.IntN(4) == 0 {
			delay = ssmbak.Time(r.IntN(400_000))
		}
		if lossy && r.IntN(3) == 0 {
			w.lost = true
		} else {
			for range 1 + r.IntN(8)/7 {
				jobs = append(jobs, job{at: at + delay + ssmbak.Time(r.IntN(100)), event: event})
			}
		}
		at += 1 + []ssmbak.Time{ssmbak.Time(r.IntN(50)), ssmbak.Time(r.IntN(1000)), ssmbak.Time(r.IntN(20_000)), ssmbak.Time(r.IntN(200_000))}[r.IntN(4)]
	}
	for range r.IntN(3) { // observations without an event
		jobs = append(jobs, job{at: start + ssmbak.Time(r.IntN(600_000))})
	}
	for len(jobs) > 0 {
		slices.SortFunc(jobs, func(a, b job) int { return int(a.at - b.at) })
		j := jobs[0]
		jobs = jobs[1:]
		stale := ssmbak.Time(0)
		if r.IntN(3) == 0 {
			stale = ssmbak.Time(r.IntN(staleness))
		}
		if j.event.Operation == ssmbak.OpDelete {
			w.facts = timeline.Union(w.facts, timeline.Facts{Deletions: []timeline.Deletion{{Event: j.event.Event, Second: j.event.Second}}})
		}
		o := w.observe(j.at, stale)
		settled := true
		switch j.event.Operation {
		case ssmbak.OpDelete:
			settled = o.Conclusive(j.event.Second) || !timeline.New("/n", w.facts, timeline.Coverage{}).Undecided(j.event.Second)
		case ssmbak.OpCreate, ssmbak.OpUpdate:
			claimed, _ := w.facts.Claim(j.event)
			settled = claimed || timeline.New("/n", w.facts, timeline.Coverage{}).Excludes(j.event)
			if !settled && j.at > ssmbak.Seconds(j.event.Second)+300_000 {
				w.facts = timeline.Union(w.facts, timeline.Facts{MissedChanges: []timeline.MissedChange{{Event: j.event.Event, Second: j.event.Second, Operation: j.event.Operation}}})
				settled = true
			}
		default:
		}
		if !settled {
			j.at += 30_000
			jobs = append(jobs, j)
		}
	}
	return w
}

// moments returns the times at which answers may differ: around every change,
// observation and second.
func (w *world) moments() []ssmbak.Time {
	ms := []ssmbak.Time{start - 1_000_000, start + 10_000_000}
	for _, c := range w.changes {
		ms = append(ms, c.time, c.at-1, c.at, c.at+1, ssmbak.Seconds(c.at.Second())-1, ssmbak.Seconds(c.at.Second()), ssmbak.Seconds(c.at.Second())+999, ssmbak.Seconds(c.at.Second()+1))
	}
	for _, o := range w.facts.Observations {
		ms = append(ms, o.At, o.At+1, o.AsOf, o.AsOf+1)
	}
	return ms
}

// right reports whether the answer of the span is true.
func right(s timeline.Span, truth change) bool {
	if truth.number == 0 {
		return s.Kind == timeline.KindAbsent
	}
	return s.Kind == timeline.KindPresent && s.Version.Number == truth.number && s.Version.Time == truth.time
}

func (w *world) dump(t *testing.T, tl *timeline.Timeline) {
	for _, c := range w.changes {
		t.Logf("change %d at %v, with the time %v", c.number, c.at, c.time)
	}
	for _, s := range tl.Spans() {
		t.Logf("span [%v, %v) kind %d v%d@%v unknown %v (%s) proved %v", s.From, s.Until, s.Kind, s.Version.Number, s.Version.Time, s.Unknown, s.Reason, s.Proved)
	}
	for _, o := range w.facts.Observations {
		t.Logf("observation %+v", o)
	}
	for _, d := range w.facts.Deletions {
		t.Logf("deletion %s %v", d.Event, ssmbak.Seconds(d.Second))
	}
	for _, d := range w.facts.MissedChanges {
		t.Logf("missed change %s %v %s", d.Event, ssmbak.Seconds(d.Second), d.Operation)
	}
	for _, d := range w.facts.Versions {
		t.Logf("version %d %v since %v %v", d.Number, d.Time, d.Moment(), d.Events)
	}
}

// cases returns the number of histories that a test generates: that of the environment
// variable SSMBAK_CASES, n with SSMBAK_LONG, or a tenth of n.
func cases(t *testing.T, n int) int {
	t.Helper()
	if s := os.Getenv("SSMBAK_CASES"); s != "" {
		m, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("SSMBAK_CASES: %v", err)
		}
		return m
	}
	if extent.Long() {
		return n
	}
	return n / 10
}

// TestTruth checks the certainty of answers against a model that keeps every
// state: a proved answer is never wrong, and a last known one only if an event was
// lost.
func TestTruth(t *testing.T) {
	t.Parallel()
	counts := make(map[ssmbak.Certainty]int)
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(r, seed%2 == 1)
		h := timeline.Coverage{Since: start - 500_000}
		tl := timeline.New("/n", w.facts, h)
		for _, at := range w.moments() {
			s := tl.Span(at)
			c := s.Certainty(at)
			counts[c]++
			ok := right(s, w.truth(at))
			switch {
			case c == ssmbak.Proved && !ok:
				w.dump(t, tl)
				t.Fatalf("seed %d: the answer at %v is proved but wrong", seed, at)
			case c == ssmbak.LastKnown && !ok && !w.lost && !w.unaware(at):
				w.dump(t, tl)
				t.Fatalf("seed %d: the answer at %v is last known but wrong, and no event was lost", seed, at)
			}
		}
	}
	t.Logf("answers: %d proved, %d last known, %d unknown", counts[ssmbak.Proved], counts[ssmbak.LastKnown], counts[ssmbak.Unknown])
	for _, c := range []ssmbak.Certainty{ssmbak.Proved, ssmbak.LastKnown, ssmbak.Unknown} {
		if counts[c] == 0 {
			t.Errorf("no answer was %s", c)
		}
	}
}

// split distributes the facts over n sets, some to several.
func split(r *rand.Rand, f timeline.Facts, n int) []timeline.Facts {
	sets := make([]timeline.Facts, n)
	distribute := func(add func(*timeline.Facts)) {
		add(&sets[r.IntN(n)])
		if r.IntN(3) == 0 {
			add(&sets[r.IntN(n)])
		}
	}
	for _, x := range f.Versions {
		distribute(func(s *timeline.Facts) { s.Versions = append(s.Versions, x) })
	}
	for _, x := range f.Deletions {
		distribute(func(s *timeline.Facts) { s.Deletions = append(s.Deletions, x) })
	}
	for _, x := range f.Observations {
		distribute(func(s *timeline.Facts) { s.Observations = append(s.Observations, x) })
	}
	for _, x := range f.MissedChanges {
		distribute(func(s *timeline.Facts) { s.MissedChanges = append(s.MissedChanges, x) })
	}
	return sets
}

// TestAnyOrder checks that the timeline is a function of the set of facts.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := newWorld(r, true)
		h := timeline.Coverage{Since: start}
		want := timeline.New("/n", w.facts, h)
		got := timeline.Facts{}
		sets := split(r, w.facts, 1+r.IntN(4))
		r.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
		for _, s := range sets {
			r.Shuffle(len(s.Versions), func(i, j int) { s.Versions[i], s.Versions[j] = s.Versions[j], s.Versions[i] })
			r.Shuffle(len(s.Observations), func(i, j int) { s.Observations[i], s.Observations[j] = s.Observations[j], s.Observations[i] })
			r.Shuffle(len(s.Deletions), func(i, j int) { s.Deletions[i], s.Deletions[j] = s.Deletions[j], s.Deletions[i] })
			got = timeline.Union(got, s)
		}
		tl := timeline.New("/n", got, h)
		if diff := cmp.Diff(want.Facts(), tl.Facts()); diff != "" {
			t.Fatalf("seed %d: facts differ (-want +got):\n%s", seed, diff)
		}
		for _, at := range w.moments() {
			a, _ := want.At(at)
			b, _ := tl.At(at)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatalf("seed %d: at %v (-want +got):\n%s", seed, at, diff)
			}
		}
	}
}

// TestMoreFacts checks that further true facts do not change a proved answer.
func TestMoreFacts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(cases(t, 10_000)) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(r, true)
		before := timeline.New("/n", w.facts, timeline.Coverage{})
		last := w.changes[len(w.changes)-1].at
		for range 1 + r.IntN(3) {
			w.observe(last+ssmbak.Time(r.IntN(100_000)), ssmbak.Time(r.IntN(staleness)))
		}
		after := timeline.New("/n", w.facts, timeline.Coverage{Since: start})
		for _, at := range w.moments() {
			a, b := before.Span(at), after.Span(at)
			if a.Certainty(at) == ssmbak.Proved && (b.Certainty(at) != ssmbak.Proved || b.Version.Ref() != a.Version.Ref()) {
				w.dump(t, after)
				t.Fatalf("seed %d: at %v version %d was proved, with more facts the answer is version %d, %s", seed, at, a.Version.Number, b.Version.Number, b.Certainty(at))
			}
		}
	}
}
