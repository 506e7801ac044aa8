package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// divided is facts of which some are in parts, next to all of them.
type divided struct {
	all, index timeline.Facts
	parts      map[string]timeline.Facts
	limits     timeline.Limits
}

func newDivided(r *rand.Rand) *divided {
	return &divided{parts: make(map[string]timeline.Facts), limits: timeline.Limits{Keep: r.IntN(4), Least: 1 + r.IntN(2), Most: 1 + r.IntN(6), Runs: 1 + r.IntN(3)}}
}

func (d *divided) add(f timeline.Facts) {
	d.all, d.index = timeline.Union(d.all, f), timeline.Union(d.index, f)
}

// close moves the interior of a run to a part and returns a rule that it broke, ""
// if none.
func (d *divided) close() (closed bool, problem string) {
	line := timeline.New("/n", d.index, timeline.Coverage{})
	c, ok := line.Close(d.limits)
	if !ok {
		return false, ""
	}
	before := d.index
	ref := timeline.PartRef{ID: fmt.Sprint("p", len(d.parts))}
	d.parts[ref.ID], d.index = c.Part, c.Facts(ref)
	first, last := c.Run()
	moved := len(c.Part.Versions)
	inOrder := slices.SortedFunc(slices.Values(before.Versions), func(a, b timeline.Version) int { return int(a.Moment() - b.Moment()) })
	switch newest := inOrder[max(0, len(inOrder)-d.limits.Keep):]; {
	case moved == 0 && len(c.Part.Runs) < 2, len(c.Part.Runs) == 0 && (moved < d.limits.Least || moved > d.limits.Most):
		return true, fmt.Sprintf("%d versions were moved", moved)
	case !d.index.Has(first) || !d.index.Has(last):
		return true, "the first or the last version was moved"
	case slices.ContainsFunc(d.index.Runs, func(r timeline.Run) bool {
		return before.Has(r.First) && before.Has(r.Last) && !(d.index.Has(r.First) && d.index.Has(r.Last))
	}):
		return true, "an end of another run was moved"
	case slices.ContainsFunc(newest, func(v timeline.Version) bool { return !d.index.Has(v.Ref()) }):
		return true, "one of the newest versions was moved"
	case slices.ContainsFunc(c.Part.Versions, func(v timeline.Version) bool { return len(v.Objects) == 0 }):
		return true, "a version without a value was moved"
	case len(c.Part.Deletions)+len(c.Part.MissedChanges)+len(c.Part.Tags)+len(c.Part.Labels)+len(c.Part.Legacy) > 0,
		slices.ContainsFunc(c.Part.Observations, func(o timeline.Observation) bool {
			return o.Gone || !slices.ContainsFunc(c.Part.Versions, func(v timeline.Version) bool { return v.Ref() == o.Newest })
		}):
		return true, "something other than versions and their observations was moved"
	case !slices.ContainsFunc(d.index.Runs, func(r timeline.Run) bool { return r.First == first && r.Last == last && r.Part == ref }):
		return true, "the run is missing"
	}
	return true, ""
}

// at returns the timeline that a reader of a moment has, and the depths of the runs
// whose parts it reads. opened are the timelines by the parts that were read.
func (d *divided) at(at ssmbak.Time, coverage timeline.Coverage, opened map[string]*timeline.Timeline) (line *timeline.Timeline, depths []int) {
	f, parts := d.index, ""
	for {
		if line = opened[parts]; line == nil {
			line = timeline.New("/n", f, coverage)
			opened[parts] = line
		}
		run, ok := line.RunAt(at)
		if !ok {
			return line, depths
		}
		f, depths, parts = f.Open(run, d.parts[run.Part.ID]), append(depths, run.Depth), parts+" "+run.Part.ID
	}
}

// everything returns the facts that a reader of the log has.
func (d *divided) everything() timeline.Facts {
	f := d.index
	for len(f.Runs) > 0 {
		f = f.Open(f.Runs[0], d.parts[f.Runs[0].Part.ID])
	}
	return f
}

// valued gives most versions a value.
func valued(r *rand.Rand, f timeline.Facts) timeline.Facts {
	f.Versions = slices.Clone(f.Versions)
	none := r.IntN(3)
	for i := range f.Versions {
		if v := &f.Versions[i]; none > 0 || r.IntN(4) > 0 {
			v.Objects = []timeline.ObjectRef{{ID: fmt.Sprint("o", v.Number, v.Time), Written: v.Time}}
		} else {
			v.Unreadable = "why"
		}
	}
	return f
}

// again returns some of the facts, as a later reading would find them.
func again(r *rand.Rand, f timeline.Facts) (some timeline.Facts) {
	for _, v := range f.Versions {
		if r.IntN(6) == 0 {
			v.Objects = append(slices.Clone(v.Objects), timeline.ObjectRef{ID: fmt.Sprint("again", v.Number), Written: v.Time + 1})
			some.Versions = append(some.Versions, v)
		}
	}
	for _, o := range f.Observations {
		if r.IntN(6) == 0 {
			o.At += ssmbak.Time(r.IntN(2))
			some.Observations = append(some.Observations, o)
		}
	}
	return some
}

// divide distributes the facts: some are known when runs are closed, others come
// later, and some come again. events are the events of the history.
func divide(r *rand.Rand, f timeline.Facts) (d *divided, closed int, problem string) {
	d = newDivided(r)
	f = valued(r, f)
	sets := split(r, f, 1+r.IntN(3))
	if r.IntN(2) == 0 { // everything but events is known early
		sets = []timeline.Facts{{Versions: f.Versions, Observations: f.Observations}, {Deletions: f.Deletions, MissedChanges: f.MissedChanges}}
	}
	sets[0].Tags, sets[len(sets)-1].Labels, sets[0].Legacy = f.Tags, f.Labels, f.Legacy
	for i := range sets {
		d.add(sets[i])
		for range r.IntN(8) {
			did, problem := d.close()
			if problem != "" {
				return d, closed, problem
			}
			if !did {
				break
			}
			closed++
			if r.IntN(3) == 0 {
				d.add(again(r, d.all))
			}
		}
	}
	if r.IntN(2) == 0 {
		d.add(again(r, d.all))
	}
	return d, closed, ""
}

// differs returns the first difference between answers from the index with parts and
// answers from all facts, "" if there is none. reads counts the answers by the number
// of parts that they needed.
func (d *divided) differs(moments []ssmbak.Time, coverage timeline.Coverage, reads map[int]int) string {
	all := timeline.New("/n", d.all, coverage)
	alone := timeline.New("/n", d.index, coverage)
	values := cmp.AllowUnexported(ssmbak.Value{})
	opened := make(map[string]*timeline.Timeline)
	for _, at := range moments {
		line, depths := d.at(at, coverage, opened)
		reads[len(depths)]++
		want, refs := all.At(at)
		got, gotRefs := line.At(at)
		if !reflect.DeepEqual(want, got) || !reflect.DeepEqual(refs, gotRefs) {
			diff := cmp.Diff(want, got, values) + cmp.Diff(refs, gotRefs)
			return fmt.Sprintf("at %v with %d parts (-all +parts):\n%s", at, len(depths), diff)
		}
		// Without its part a moment of a run is unknown, and no part is read twice.
		state, _ := alone.At(at)
		if len(depths) > 0 && state.Certainty != ssmbak.Unknown && state.Version.Number != want.Version.Number {
			return fmt.Sprintf("at %v the index alone claims version %d", at, state.Version.Number)
		}
		for i := 1; i < len(depths); i++ {
			if depths[i] > depths[i-1] {
				return fmt.Sprintf("at %v parts of the depths %v are read", at, depths)
			}
		}
	}
	if want, got := all.Changes(), timeline.New("/n", d.everything(), coverage).Changes(); !reflect.DeepEqual(want, got) {
		return "the log differs (-all +parts):\n" + cmp.Diff(want, got)
	}
	return ""
}

// unsettled returns an event that one of both timelines settles and the other does
// not, "" if there is none.
func (d *divided) unsettled(w *world) string {
	all, index := timeline.New("/n", d.all, timeline.Coverage{}), timeline.New("/n", d.index, timeline.Coverage{})
	claims := func(f timeline.Facts, a timeline.Announcement) bool {
		f.Versions = slices.Clone(f.Versions)
		claimed, _ := f.Claim(a)
		return claimed
	}
	for i, c := range w.changes {
		for _, second := range []int64{c.at.Second() - 1, c.at.Second(), c.at.Second() + 1, c.time.Second()} {
			if all.Undecided(second) != index.Undecided(second) {
				return fmt.Sprintf("a deletion in the second %v", ssmbak.Seconds(second))
			}
			for _, operation := range []ssmbak.Operation{ssmbak.OpCreate, ssmbak.OpUpdate} {
				a := timeline.Announcement{Event: fmt.Sprint("late", i), Second: second, Operation: operation}
				claimed, excluded, claimed2, excluded2 := claims(d.all, a), all.Excludes(a), claims(d.index, a), index.Excludes(a)
				if excluded != excluded2 || (claimed || excluded) != (claimed2 || excluded2) {
					return fmt.Sprintf("the %s of second %v: claimed %t, excluded %t from all facts, claimed %t, excluded %t from the index", operation, ssmbak.Seconds(second), claimed, excluded, claimed2, excluded2)
				}
			}
		}
	}
	return ""
}

// TestParts checks that an index with parts gives the same answers as all facts, at
// every moment, and the same log, whatever was known when a run was closed.
func TestParts(t *testing.T) {
	t.Parallel()
	reads, closings, worlds, late := make(map[int]int), 0, 0, 0
	for seed := range uint64(max(200, cases(t, 500))) {
		r := rand.New(rand.NewPCG(seed, 8))
		changes, lives := 12, 4
		if seed%4 > 0 {
			changes, lives = 60, 30
		}
		w := newWorldOf(r, seed%2 == 1, changes, lives)
		d, closed, problem := divide(r, w.facts)
		if closed > 0 {
			worlds++
		}
		closings += closed
		coverage := timeline.Coverage{Since: start - 500_000}
		if r.IntN(3) == 0 {
			coverage.Complete = start + ssmbak.Time(r.IntN(10_000_000))
		}
		if problem == "" {
			problem = d.differs(w.moments(), coverage, reads)
		}
		if problem == "" {
			problem = d.unsettled(w)
		}
		if problem != "" {
			w.facts = d.index
			w.dump(t, timeline.New("/n", d.index, coverage))
			t.Logf("runs: %+v", d.index.Runs)
			for id, p := range d.parts {
				t.Logf("part %s: %+v", id, p)
			}
			t.Fatalf("seed %d: %s\n%s", seed, problem, strings.Join(lines(timeline.New("/n", d.all, coverage).Changes()), "\n"))
		}
		for _, v := range d.index.Versions {
			for _, p := range d.parts {
				if p.Has(v.Ref()) {
					late++
				}
			}
		}
	}
	t.Logf("%d closings in %d histories, answers by parts read: %v, %d versions came again", closings, worlds, reads, late)
	if worlds == 0 || late == 0 || reads[0] == 0 || reads[1] == 0 || reads[2] == 0 || reads[3] == 0 {
		t.Error("one of these did not occur")
	}
}

// TestPartsOfAttributes does the same for tags and labels.
func TestPartsOfAttributes(t *testing.T) {
	t.Parallel()
	reads, closings := make(map[int]int), 0
	for seed := range uint64(max(200, cases(t, 500))) {
		r := rand.New(rand.NewPCG(seed, 9))
		w := newTaggedOf(r, seed%2 == 1, seed%4 == 0, 40, 30)
		d, closed, problem := divide(r, w.facts)
		closings += closed
		var moments []ssmbak.Time
		for _, c := range w.changes {
			moments = append(moments, c.at-1, c.at, c.at+1, c.at+999, c.at+5000, c.at+20_000)
		}
		if problem == "" {
			problem = d.differs(moments, timeline.Coverage{Since: start - 500_000}, reads)
		}
		if problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
	}
	t.Logf("%d closings, answers by parts read: %v", closings, reads)
	if closings == 0 || reads[1] == 0 {
		t.Error("no run was closed, or no part was read")
	}
}
