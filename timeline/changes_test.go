package timeline_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// base is the second from which the times of the tables below count, in ms.
const base = 1_700_000_000

func at(ms int64) ssmbak.Time { return ssmbak.Seconds(base) + ssmbak.Time(ms) }

func v(number, ms int64) timeline.Version {
	return timeline.Version{Version: ssmbak.Version{Number: number, Time: at(ms), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}, Objects: []timeline.ObjectRef{{ID: "o"}}}
}

func deletion(second int64) timeline.Deletion {
	return timeline.Deletion{Event: fmt.Sprint("d", second), Second: base + second}
}

// saw is a look that saw the version as the newest, from sure on.
func saw(newest timeline.Version, oldest, sure int64) timeline.Observation {
	return timeline.Observation{Newest: newest.Ref(), Oldest: oldest, AsOf: at(sure), At: at(sure + 10_000)}
}

func gone(sure, seen int64) timeline.Observation {
	return timeline.Observation{Gone: true, AsOf: at(sure), At: at(seen)}
}

func span(sure, seen int64) timeline.Observed { return timeline.Observed{AsOf: at(sure), At: at(seen)} }

func tagged2(event string, second, counter int64, tags map[string]string) timeline.TagsFact {
	return timeline.TagsFact{Tags: tags, Event: event, Second: base + second, Counter: counter}
}

// told writes changes as lines, with times in ms since base.
func told(all []ssmbak.Change) (lines []string) {
	ms := func(t ssmbak.Time) string {
		switch t {
		case ssmbak.MinTime, ssmbak.MaxTime:
			return t.String()
		}
		return fmt.Sprint(int64(t - at(0)))
	}
	for _, c := range all {
		var b strings.Builder
		fmt.Fprint(&b, c.Operation)
		if c.Version.Number != 0 || c.Missing.First != 0 {
			fmt.Fprintf(&b, " %d", max(c.Version.Number, c.Missing.First))
		}
		if c.Missing.Last != 0 {
			fmt.Fprintf(&b, "-%d", c.Missing.Last)
		}
		if c.From == c.Until {
			fmt.Fprintf(&b, " at %s", ms(c.From))
		} else {
			fmt.Fprintf(&b, " in [%s, %s)", ms(c.From), ms(c.Until))
		}
		if !c.Bounded() && c.Time != c.From {
			fmt.Fprintf(&b, " WITH TIME %s", ms(c.Time))
		}
		if c.Bounded() {
			b.WriteString(" bounded")
		}
		for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
			if p := c.Tags[k]; p != nil {
				fmt.Fprintf(&b, " %s=%s", k, *p)
			} else {
				fmt.Fprintf(&b, " -%s", k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
			if from := c.Moved[k]; from != 0 {
				k += fmt.Sprintf(":%d->%d", from, c.Labels[k])
				fmt.Fprintf(&b, " %s", k)
				continue
			}
			fmt.Fprintf(&b, " %s:%d", k, c.Labels[k])
		}
		if c.Reason != "" {
			fmt.Fprintf(&b, " (%s)", c.Reason)
		}
		lines = append(lines, b.String())
	}
	return lines
}

func TestChanges(t *testing.T) {
	t.Parallel()
	type facts = timeline.Facts
	unread, lost := v(2, 5000), v(2, 5000)
	unread.Objects, unread.Unreadable = nil, "its key is gone"
	lost.Objects = nil
	a, b, ab := map[string]string{"a": "1"}, map[string]string{"b": "1"}, map[string]string{"a": "1", "b": "2"}
	tests := []struct {
		name  string
		facts facts
		want  []string
	}{
		{"nothing", facts{}, nil},
		{
			"a life",
			facts{Versions: []timeline.Version{v(1, 123), v(2, 5000)}, Observations: []timeline.Observation{saw(v(2, 5000), 1, 0)}},
			[]string{"Create 1 at 123", "Update 2 at 5000"},
		},
		{
			"a value that cannot be had",
			facts{Versions: []timeline.Version{v(1, 0), unread}, Observations: []timeline.Observation{saw(unread, 1, 0)}},
			[]string{"Create 1 at 0", "Update 2 at 5000 (its key is gone)"},
		},
		{
			"a value that was not recorded",
			facts{Versions: []timeline.Version{v(1, 0), lost}, Observations: []timeline.Observation{saw(lost, 1, 0)}},
			[]string{"Create 1 at 0", "Update 2 at 5000 (the value was not recorded)"},
		},
		{
			"an unknown beginning",
			facts{Versions: []timeline.Version{v(5, 0), v(6, 10)}, Observations: []timeline.Observation{saw(v(6, 10), 5, 0)}},
			[]string{"Gap 1-4 in [-inf, 0) bounded (its beginning is not known)", "Update 5 at 0", "Update 6 at 10"},
		},
		{
			"versions missing in one life",
			facts{Versions: []timeline.Version{v(1, 0), v(4, 60_000)}, Observations: []timeline.Observation{saw(v(1, 0), 1, 20_000), saw(v(4, 60_000), 1, 60_000)}},
			[]string{"Create 1 at 0", "Gap 2-3 in [20001, 60000) bounded (versions are missing)", "Update 4 at 60000"},
		},
		{
			"versions missing, and perhaps a deletion",
			facts{Versions: []timeline.Version{v(1, 0), v(4, 60_000)}, Observations: []timeline.Observation{saw(v(1, 0), 1, 20_000)}},
			[]string{"Create 1 at 0", "Gap 2-3 in [20001, 60000) bounded (versions are missing, and perhaps a deletion)", "Update 4 at 60000"},
		},
		{
			"perhaps nothing missing",
			facts{Versions: []timeline.Version{v(1, 0), v(2, 60_000)}, Observations: []timeline.Observation{saw(v(1, 0), 1, 20_000)}},
			[]string{"Create 1 at 0", "Gap in [20001, 60000) bounded (versions are missing, and perhaps a deletion)", "Update 2 at 60000"},
		},
		{
			"a deletion known by its event",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)"},
		},
		{
			"a deletion known by its event and by looks",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{gone(-3000, 5500), gone(0, 10_000)}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)"},
		},
		{
			"a deletion known only by a look",
			facts{Versions: []timeline.Version{v(1, 0)}, Observations: []timeline.Observation{saw(v(1, 0), 1, 7000), gone(30_000, 40_000)}},
			[]string{"Create 1 at 0", "Delete in [7001, 40001) bounded (it was deleted at a time that is not known)"},
		},
		{
			"two lives, made anew in the second of the deletion",
			facts{Versions: []timeline.Version{v(1, 0), v(2, 5200), v(1, 5700)}, Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{saw(v(2, 5200), 1, 0)}},
			[]string{"Create 1 at 0", "Update 2 at 5200", "Delete in [5201, 5700)", "Create 1 at 5700"},
		},
		{
			"two lives, the end between them unseen",
			facts{Versions: []timeline.Version{v(1, 0), v(2, 5200), v(1, 60_000)}, Observations: []timeline.Observation{saw(v(2, 5200), 1, 20_000)}},
			[]string{"Create 1 at 0", "Update 2 at 5200", "Delete in [20001, 60000) bounded (it was deleted at a time that is not known)", "Create 1 at 60000"},
		},
		{
			"a life that begins unseen after another",
			facts{Versions: []timeline.Version{v(4, 0), v(3, 60_000)}, Observations: []timeline.Observation{saw(v(4, 0), 4, 20_000)}},
			[]string{
				"Gap 1-3 in [-inf, 0) bounded (its beginning is not known)", "Update 4 at 0",
				"Delete in [20001, 60000) bounded (it was deleted at a time that is not known)",
				"Gap 1-2 in [20001, 60000) bounded (its beginning is not known)", "Update 3 at 60000",
			},
		},
		{
			"a life that begins unseen after a deletion",
			facts{Versions: []timeline.Version{v(1, 0), v(3, 60_000)}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)", "Gap 1-2 in [5000, 60000) bounded (its beginning is not known)", "Update 3 at 60000"},
		},
		{
			"lives missed between deletions",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5), deletion(8), deletion(20)}},
			[]string{
				"Create 1 at 0", "Delete in [5000, 6000)",
				"Gap in [5000, 9000) bounded (a whole life was missed)", "Delete in [8000, 9000)",
				"Gap in [8000, 21000) bounded (a whole life was missed)", "Delete in [20000, 21000)",
			},
		},
		{
			"a life missed within one second",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5), {Event: "again", Second: base + 5}}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)", "Gap in [5000, 6000) bounded (a whole life was missed)", "Delete in [5000, 6000)"},
		},
		{
			"the end of a life that nobody saw",
			facts{Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{gone(0, 10_000)}},
			[]string{"Gap in [-inf, 6000) bounded (a whole life was missed)", "Delete in [5000, 6000)"},
		},
		{"nothing was there, and nothing before", facts{Observations: []timeline.Observation{gone(0, 10_000)}}, nil},
		{
			"a deletion and a version in one second, in an order that is not known",
			facts{Versions: []timeline.Version{v(1, 5300)}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Create 1 at 5300", "Delete in [5000, 6000) (it was deleted and made within one second, in an order that is not known)"},
		},
		{
			"deletions that explain the ends of lives in two ways",
			facts{Versions: []timeline.Version{v(1, 600), v(1, 1600), v(1, 2600)}, Deletions: []timeline.Deletion{deletion(0), deletion(1), deletion(2)}},
			[]string{
				"Create 1 at 600", "Delete in [0, 1000) (it was deleted and made within one second, in an order that is not known)",
				"Create 1 at 1600", "Delete in [1000, 2000) (it was deleted and made within one second, in an order that is not known)", "Create 1 at 2600",
				"Delete in [2000, 3000) (it was deleted and made within one second, in an order that is not known)",
			},
		},
		{
			"two deletions, either of which may be the end that a read found",
			facts{
				Versions: []timeline.Version{v(1, 841), v(1, 12_763)}, Deletions: []timeline.Deletion{deletion(0), deletion(12)},
				Observations:  []timeline.Observation{gone(2457, 12_457)},
				MissedChanges: []timeline.MissedChange{{Event: "e", Second: base, Operation: ssmbak.OpCreate}},
			},
			[]string{
				"Create 1 at 841", "Delete in [0, 1000) (it was deleted and made within one second, in an order that is not known)",
				"Gap in [-1000, 1000) bounded (a change was seen only by its event)", "Create 1 at 12763",
				"Delete in [12000, 13000) (it was deleted and made within one second, in an order that is not known)",
			},
		},
		{
			"a deletion that stronger evidence excludes",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{saw(v(1, 0), 1, 30_000)}},
			[]string{"Create 1 at 0"},
		},
		{
			"a change seen only by its event",
			facts{Versions: []timeline.Version{v(1, 0)}, MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpUpdate}}},
			[]string{"Create 1 at 0", "Gap in [4000, 6000) bounded (a change was seen only by its event)"},
		},
		{
			"a change seen only by its event, around a version",
			facts{Versions: []timeline.Version{v(1, 0), v(7, 5300)}, MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpUpdate}}},
			[]string{
				"Create 1 at 0", "Gap 2-6 in [1, 5300) bounded (versions are missing, and perhaps a deletion)", "Update 7 at 5300",
			},
		},
		{
			"a life seen only by the event of its beginning",
			facts{
				Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(2)}, Observations: []timeline.Observation{gone(30_000, 40_000)},
				MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpCreate}},
			},
			[]string{
				"Create 1 at 0", "Delete in [2000, 3000)", "Gap in [4000, 6000) bounded (a change was seen only by its event)",
				"Delete in [4000, 40001) bounded (it was deleted at a time that is not known)",
			},
		},
		{
			"a missed life is told once",
			facts{
				Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(2), deletion(20)},
				MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpCreate}},
			},
			[]string{"Create 1 at 0", "Delete in [2000, 3000)", "Gap in [4000, 21000) bounded (a whole life was missed)", "Delete in [20000, 21000)"},
		},
		{
			"what the original recorded",
			facts{Legacy: []timeline.Legacy{
				{ID: "a", Second: base + 1, LastModified: at(2000), Type: ssmbak.TypeString},
				{ID: "b", Sequence: 1, Second: base + 5, LastModified: at(6000), Type: ssmbak.TypeString},
				{ID: "c", Sequence: 2, Deleted: true, LastModified: at(9000)},
				{ID: "d", Sequence: 3, Deleted: true, LastModified: at(10_000)},
				{ID: "e", Sequence: 4, Second: base + 15, LastModified: at(16_000), Type: ssmbak.TypeString},
			}},
			[]string{
				"Update in [1000, 2000) (recorded by the original ssmbak)", "Update in [5000, 6000) (recorded by the original ssmbak)",
				"Delete in [9000, 10000) (recorded by the original ssmbak, which notes when it heard of a deletion)",
				"Create in [15000, 16000) (recorded by the original ssmbak)",
			},
		},
		{
			"what the original recorded too is told once",
			facts{
				Legacy:   []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}, {ID: "b", Second: base + 5, LastModified: at(6000)}, {ID: "c", Second: base + 9, LastModified: at(9000)}},
				Versions: []timeline.Version{v(2, 5123), v(3, 9100)}, Observations: []timeline.Observation{saw(v(3, 9100), 2, 9100)},
			},
			[]string{"Update in [-60000, -59000) (recorded by the original ssmbak)", "Update 2 at 5123", "Update 3 at 9100"},
		},
		{
			"a life of which only the original knew, and one after it",
			facts{Legacy: []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}}, Versions: []timeline.Version{v(1, 5123)}},
			[]string{
				"Update in [-60000, -59000) (recorded by the original ssmbak)",
				"Delete in [-60000, 5123) bounded (it was deleted at a time that is not known)", "Create 1 at 5123",
			},
		},
		{
			"a life of which only the original knew, deleted",
			facts{Legacy: []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Update in [-60000, -59000) (recorded by the original ssmbak)", "Delete in [5000, 6000)"},
		},
		{
			"a life of which only the original knew, gone",
			facts{Legacy: []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}}, Observations: []timeline.Observation{gone(0, 10_000)}},
			[]string{"Update in [-60000, -59000) (recorded by the original ssmbak)", "Delete in [-60000, 10001) bounded (it was deleted at a time that is not known)"},
		},
		{
			"tags as events and looks told",
			facts{
				Versions: []timeline.Version{v(1, 0)},
				Tags: []timeline.TagsFact{
					{Tags: a, Observed: span(-8000, 2000)},
					tagged2("e1", 20, 1, ab), tagged2("e2", 20, 1, ab),
					{Tags: a, Observed: span(14_000, 24_000)}, // answered from before
					{Tags: ab, Observed: span(20_000, 30_000)},
					tagged2("e3", 40, 2, b), tagged2("e4", 50, 4, map[string]string{}),
				},
			},
			[]string{
				"Create 1 at 0", "Tag in [0, 2001) bounded a=1", "Tag in [20000, 21000) b=2", "Tag in [40000, 41000) -a b=1",
				"Tag in [50000, 51000) -b (a change of its tags before this one was missed)",
			},
		},
		{
			"tags changed while nobody told",
			facts{Versions: []timeline.Version{v(1, 0)}, Tags: []timeline.TagsFact{
				{Tags: map[string]string{}, Observed: timeline.Observed{AsOf: at(-8000), At: at(2000), LastAsOf: at(52_000), LastAt: at(62_000)}},
				{Tags: a, Observed: span(90_000, 100_000)},
			}},
			[]string{"Create 1 at 0", "Tag in [52000, 100001) bounded a=1"},
		},
		{
			"a look right before the change that an event tells",
			facts{Versions: []timeline.Version{v(1, 20_100)}, Tags: []timeline.TagsFact{
				{Tags: a, Observed: span(10_500, 20_500)}, tagged2("e", 20, 1, ab), {Tags: ab, Observed: span(20_000, 30_000)},
			}},
			[]string{"Create 1 at 20100", "Tag in [20100, 20501) bounded a=1", "Tag in [20000, 21000) b=2"},
		},
		{
			"tags before the first are not known",
			facts{Versions: []timeline.Version{v(1, 0)}, Tags: []timeline.TagsFact{tagged2("e", 20, 1, a)}},
			[]string{"Create 1 at 0", "Tag in [20000, 21000) a=1 (what its tags were before is not known)"},
		},
		{
			"tags of a parameter that was never seen",
			facts{Tags: []timeline.TagsFact{tagged2("e", 20, 1, a), {Tags: b, Observed: span(0, 10_000)}}},
			[]string{"Tag in [20000, 21000) a=1 (what its tags were before is not known)"},
		},
		{
			"tags of two lives",
			facts{
				Versions: []timeline.Version{v(1, 0), v(1, 60_000)}, Deletions: []timeline.Deletion{deletion(55)},
				Tags: []timeline.TagsFact{{Tags: a, Observed: span(-8000, 2000)}, {Tags: a, Observed: span(52_000, 62_000)}, {Tags: b, Observed: span(62_000, 72_000)}},
			},
			[]string{"Create 1 at 0", "Tag in [0, 2001) bounded a=1", "Delete in [55000, 56000)", "Create 1 at 60000", "Tag in [60000, 72001) bounded b=1"},
		},
		{
			"labels, with and without their events",
			facts{
				Versions: []timeline.Version{v(1, 0), v(2, 5000)}, Observations: []timeline.Observation{saw(v(2, 5000), 1, 0)},
				Labels: []timeline.LabelsFact{
					{Labels: map[string]int64{}, Observed: timeline.Observed{AsOf: at(-8000), At: at(2000), LastAsOf: at(7000), LastAt: at(17_000)}},
					{Event: "e1", Second: base + 20},
					{Labels: map[string]int64{"prod": 1}, Observed: timeline.Observed{AsOf: at(12_000), At: at(22_000), LastAsOf: at(30_000), LastAt: at(40_000)}},
					{Labels: map[string]int64{"prod": 2, "old": 1}, Observed: span(50_000, 60_000)},
					{Event: "e2", Second: base + 70},
					{Event: "e3", Second: base + 72},
					{Labels: map[string]int64{"prod": 2}, Observed: span(73_000, 83_000)},
					{Event: "e4", Second: base + 99}, // after it nothing was different
					{Labels: map[string]int64{"prod": 2}, Observed: span(100_000, 110_000)},
				},
			},
			[]string{
				"Create 1 at 0", "Update 2 at 5000", "Label in [20000, 21000) prod:1", "Label in [30000, 60001) bounded old:1 prod:2",
				"Label in [50000, 83001) bounded old:0",
			},
		},
		{
			"labels whose events say where they moved",
			facts{
				Versions: []timeline.Version{v(1, 0), v(2, 5000), v(3, 6000)}, Observations: []timeline.Observation{saw(v(3, 6000), 1, 0)},
				Labels: []timeline.LabelsFact{
					{Event: "e1", Second: base + 20, Label: "prod", To: 1},
					{Event: "e2", Second: base + 30, Label: "prod", From: 1, To: 2},
					{Event: "e3", Second: base + 30, Label: "beta", From: 1, To: 3}, // came twice
					{Event: "e3", Second: base + 30, Label: "beta", From: 1, To: 3},
					{Labels: map[string]int64{"prod": 2, "beta": 3, "old": 1}, Observed: span(40_000, 50_000)},
				},
			},
			[]string{
				"Create 1 at 0", "Update 2 at 5000", "Update 3 at 6000", "Label in [20000, 21000) prod:1", "Label in [30000, 31000) prod:1->2",
				"Label in [30000, 31000) beta:1->3", "Label in [0, 50001) bounded old:1",
			},
		},
		{
			"labels of a life whose beginning is not known",
			facts{Versions: []timeline.Version{v(3, 0)}, Labels: []timeline.LabelsFact{{Labels: map[string]int64{"prod": 3}, Observed: span(0, 10_000)}}},
			[]string{"Gap 1-2 in [-inf, 0) bounded (its beginning is not known)", "Update 3 at 0", "Label in [-inf, 10001) bounded prod:3"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for range 3 { // the order of the facts makes no difference
				got := timeline.New("/n", tt.facts, timeline.Coverage{Since: at(-30_000)}).Changes()
				if diff := cmp.Diff(told(got), tt.want); diff != "" {
					t.Fatalf("got -, want +\n%s", diff)
				}
				for _, c := range got {
					if c.Name != "/n" {
						t.Errorf("the name is %q", c.Name)
					}
				}
				tt.facts = shuffled(rand.New(rand.NewPCG(1, uint64(len(tt.name)))), tt.facts)
			}
		})
	}
}

func shuffled(r *rand.Rand, f timeline.Facts) timeline.Facts {
	f = timeline.Facts{
		Versions: slices.Clone(f.Versions), Deletions: slices.Clone(f.Deletions), Observations: slices.Clone(f.Observations), Tags: slices.Clone(f.Tags),
		Labels: slices.Clone(f.Labels), MissedChanges: slices.Clone(f.MissedChanges), Legacy: slices.Clone(f.Legacy),
	}
	shuffle(r, f.Versions)
	shuffle(r, f.Deletions)
	shuffle(r, f.Observations)
	shuffle(r, f.Tags)
	shuffle(r, f.Labels)
	shuffle(r, f.MissedChanges)
	shuffle(r, f.Legacy)
	return f
}

func shuffle[T any](r *rand.Rand, all []T) {
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

// TestChangesAreTrue holds what changes say against a model that keeps every
// state: each is true, none is told twice, and where no event was lost nothing
// is left out.
func TestChangesAreTrue(t *testing.T) {
	t.Parallel()
	counts := make(map[string]int)
	for seed := range uint64(cases(t, 40_000)) {
		r := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(r, seed%2 == 1)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		all := line.Changes()
		if problem := w.check(all, counts); problem != "" {
			w.dump(t, line)
			t.Fatalf("seed %d: %s:\n%s", seed, problem, strings.Join(told(all), "\n"))
		}
		shuffle(r, w.facts.Versions)
		shuffle(r, w.facts.Deletions)
		shuffle(r, w.facts.Observations)
		shuffle(r, w.facts.MissedChanges)
		again := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		if diff := cmp.Diff(all, again.Changes()); diff != "" {
			t.Fatalf("seed %d: the order of facts makes a difference:\n%s", seed, diff)
		}
	}
	t.Log(counts)
	for _, kind := range []string{"Create", "Update", "Delete", "Delete bounded", "Gap of versions", "Gap"} {
		if counts[kind] == 0 {
			t.Errorf("no %s was met", kind)
		}
	}
}

// check returns what is wrong with the changes, "" if nothing is.
func (w *world) check(all []ssmbak.Change, counts map[string]int) string {
	seen := make(map[timeline.Ref]int)
	matched := make(map[change]bool) // the deletions that were told
	unseen := func(c change) bool {
		return c.number != 0 && !w.facts.Has(timeline.Ref{Number: c.number, Time: c.time})
	}
	// What was missed before a version that nobody saw with the one before it ends
	// where that version's time says, which may step back.
	in := func(c ssmbak.Change, real change) bool {
		return c.Within(real.at, real.at) || c.Operation == ssmbak.OpGap && real.at >= c.Until && real.at < c.Until+1000 && w.unaware(c.Until)
	}
	var last ssmbak.Time
	for _, c := range all {
		kind := string(c.Operation)
		if c.Until < last {
			return "not in the order of their ends"
		}
		last = c.Until
		switch c.Operation {
		case ssmbak.OpCreate, ssmbak.OpUpdate:
			ref := timeline.Ref{Number: c.Version.Number, Time: c.Version.Time}
			if seen[ref]++; seen[ref] > 1 || !w.facts.Has(ref) || (c.Operation == ssmbak.OpCreate) != (ref.Number == 1) {
				return fmt.Sprintf("version %d at %v", ref.Number, ref.Time)
			}
		case ssmbak.OpDelete:
			if c.Bounded() {
				kind += " bounded"
			}
			// They are in the order of their ends, so the first that fits is
			// the right one if there is any. Where events were lost, what one
			// tells is put where it explains most, which may be wrong within
			// its second.
			i := slices.IndexFunc(w.changes, func(real change) bool {
				if real.number == 0 && w.lost {
					return in(c, real) || !c.Bounded() && real.at.Second() == c.Time.Second()
				}
				return real.number == 0 && !matched[real] && in(c, real)
			})
			if i < 0 {
				return fmt.Sprintf("no deletion of [%v, %v) is left", c.From, c.Until)
			}
			matched[w.changes[i]] = true
		case ssmbak.OpGap:
			if c.Missing.First != 0 {
				kind += " of versions"
			}
			for n := c.Missing.First; n <= c.Missing.Last && n > 0; n++ {
				if !slices.ContainsFunc(w.changes, func(real change) bool { return real.number == n && unseen(real) && in(c, real) }) {
					return fmt.Sprintf("version %d was not missed in [%v, %v)", n, c.From, c.Until)
				}
			}
			if !w.lost && strings.Contains(c.Reason, "life") && !slices.ContainsFunc(w.changes, func(real change) bool { return real.number == 1 && unseen(real) && in(c, real) }) {
				return fmt.Sprintf("no life was missed in [%v, %v)", c.From, c.Until)
			}
			if !w.lost && strings.Contains(c.Reason, "event") && !slices.ContainsFunc(w.changes, func(real change) bool { return unseen(real) && in(c, real) }) {
				return fmt.Sprintf("nothing was missed in [%v, %v)", c.From, c.Until)
			}
		default:
			return "what is a " + kind
		}
		counts[kind]++
	}
	if len(seen) != len(w.facts.Versions) {
		return "a version is left out"
	}
	for _, real := range w.changes {
		switch {
		case w.lost:
		case real.number == 0 && !matched[real]:
			return fmt.Sprintf("the deletion at %v is left out", real.at)
		case unseen(real) && !slices.ContainsFunc(all, func(c ssmbak.Change) bool { return c.Operation == ssmbak.OpGap && in(c, real) }):
			return fmt.Sprintf("version %d at %v is left out", real.number, real.at)
		}
	}
	return ""
}

// TestAttributeChangesAreTrue holds what changes say of tags and labels against
// a model in which no two maps of a life are the same.
func TestAttributeChangesAreTrue(t *testing.T) {
	t.Parallel()
	counts := make(map[string]int)
	for seed := range uint64(cases(t, 20_000)) {
		w := newTagged(rand.New(rand.NewPCG(seed, 6)), seed%2 == 1, false)
		line := timeline.New("/n", w.facts, timeline.Coverage{Since: start - 500_000})
		all := line.Changes()
		if problem := w.check(all, counts); problem != "" {
			w.fatal(t, seed, 0, line, problem+"\n"+strings.Join(told(all), "\n"), "true")
		}
	}
	t.Log(counts)
	for _, kind := range []string{"Tag", "Tag bounded", "Label", "Label bounded", "Tag of an event"} {
		if counts[kind] == 0 {
			t.Errorf("no %s was met", kind)
		}
	}
}

// check returns what is wrong with the changes, "" if nothing is.
func (w *tagged) check(all []ssmbak.Change, counts map[string]int) string {
	told := make(map[attribute]bool)
	for _, c := range all {
		kind := string(c.Operation)
		if c.Bounded() {
			kind += " bounded"
		}
		counts[kind]++
		for k, value := range c.Tags {
			if value == nil {
				continue
			}
			a := attribute{key: k, value: *value}
			// What stale looks saw of changes that no event told of may be put
			// into another order than the true one.
			sure := !w.lost || !c.Bounded()
			if sure && !slices.ContainsFunc(w.changes, func(real attributes) bool { return real.tags[k] == *value && c.Within(real.at, real.at) }) {
				return fmt.Sprintf("%s=%s did not begin in [%v, %v)", k, *value, c.From, c.Until)
			}
			if told[a] && !w.lost {
				return fmt.Sprintf("%s=%s is told twice", k, *value)
			}
			told[a] = true
		}
		for k, number := range c.Labels {
			if number != 0 && !w.lost && !slices.ContainsFunc(w.changes, func(real attributes) bool { return real.labels[k] == number && c.Within(real.at, real.at) }) {
				return fmt.Sprintf("%s did not come to %d in [%v, %v)", k, number, c.From, c.Until)
			}
		}
	}
	for _, f := range w.facts.Tags {
		for k, value := range f.Tags {
			if f.Event != "" && !told[attribute{k, value}] {
				return fmt.Sprintf("%s=%s is left out", k, value)
			}
			counts["Tag of an event"]++
		}
	}
	return ""
}

// attribute is one tag.
type attribute struct{ key, value string }

// FuzzChanges holds for any facts, true or not, that their changes are in order
// and the same in whatever order the facts came.
func FuzzChanges(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		facts, ok := decodeFacts(text)
		if !ok {
			return
		}
		all := timeline.New("/n", facts, timeline.Coverage{}).Changes()
		for i, c := range all {
			if c.From > c.Until || i > 0 && c.Until < all[i-1].Until || c.Missing.First > c.Missing.Last {
				t.Errorf("change %d of %+v", i, all)
			}
		}
		again := timeline.New("/n", shuffled(rand.New(rand.NewPCG(1, 1)), facts), timeline.Coverage{}).Changes()
		if diff := cmp.Diff(all, again); diff != "" {
			t.Errorf("the order of facts makes a difference (-first +again):\n%s", diff)
		}
	})
}
