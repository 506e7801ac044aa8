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

// base is the second to which the times in the tables below are relative, in ms.
const base = 1_700_000_000

func at(ms int64) ssmbak.Time { return ssmbak.Seconds(base) + ssmbak.Time(ms) }

func v(number, ms int64) timeline.Version {
	return timeline.Version{Version: ssmbak.Version{Number: number, Time: at(ms), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}, Objects: []timeline.ObjectRef{{ID: "o"}}}
}

func deletion(second int64) timeline.Deletion {
	return timeline.Deletion{Event: fmt.Sprint("d", second), Second: base + second}
}

// observed is an observation of the versions from number oldest to newest.
func observed(newest timeline.Version, oldest, asOf int64) timeline.Observation {
	return timeline.Observation{Newest: newest.Ref(), Oldest: oldest, AsOf: at(asOf), At: at(asOf + 10_000)}
}

// absent is an observation of absence.
func absent(asOf, readAt int64) timeline.Observation {
	return timeline.Observation{Gone: true, AsOf: at(asOf), At: at(readAt)}
}

func between(asOf, readAt int64) timeline.Observed {
	return timeline.Observed{AsOf: at(asOf), At: at(readAt)}
}

func tagEvent(event string, second, counter int64, tags map[string]string) timeline.TagsFact {
	return timeline.TagsFact{Tags: tags, Event: event, Second: base + second, Counter: counter}
}

// lines formats changes as lines, with times in ms since base.
func lines(all []ssmbak.Change) (formatted []string) {
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
		formatted = append(formatted, b.String())
	}
	return formatted
}

func TestChanges(t *testing.T) {
	t.Parallel()
	type facts = timeline.Facts
	unread, lost := v(2, 5000), v(2, 5000)
	unread.Objects, unread.Unreadable = nil, "its key is deleted"
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
			facts{Versions: []timeline.Version{v(1, 123), v(2, 5000)}, Observations: []timeline.Observation{observed(v(2, 5000), 1, 0)}},
			[]string{"Create 1 at 123", "Update 2 at 5000"},
		},
		{
			"an unavailable value",
			facts{Versions: []timeline.Version{v(1, 0), unread}, Observations: []timeline.Observation{observed(unread, 1, 0)}},
			[]string{"Create 1 at 0", "Update 2 at 5000 (its key is deleted)"},
		},
		{
			"a value that was not recorded",
			facts{Versions: []timeline.Version{v(1, 0), lost}, Observations: []timeline.Observation{observed(lost, 1, 0)}},
			[]string{"Create 1 at 0", "Update 2 at 5000 (the value was not recorded)"},
		},
		{
			"an unknown creation",
			facts{Versions: []timeline.Version{v(5, 0), v(6, 10)}, Observations: []timeline.Observation{observed(v(6, 10), 5, 0)}},
			[]string{"Gap 1-4 in [-inf, 0) bounded (its creation was not recorded)", "Update 5 at 0", "Update 6 at 10"},
		},
		{
			"versions missing in one life",
			facts{Versions: []timeline.Version{v(1, 0), v(4, 60_000)}, Observations: []timeline.Observation{observed(v(1, 0), 1, 20_000), observed(v(4, 60_000), 1, 60_000)}},
			[]string{"Create 1 at 0", "Gap 2-3 in [20001, 60000) bounded (versions are missing)", "Update 4 at 60000"},
		},
		{
			"versions missing, possibly with a deletion",
			facts{Versions: []timeline.Version{v(1, 0), v(4, 60_000)}, Observations: []timeline.Observation{observed(v(1, 0), 1, 20_000)}},
			[]string{"Create 1 at 0", "Gap 2-3 in [20001, 60000) bounded (versions and possibly a deletion are missing)", "Update 4 at 60000"},
		},
		{
			"possibly nothing missing",
			facts{Versions: []timeline.Version{v(1, 0), v(2, 60_000)}, Observations: []timeline.Observation{observed(v(1, 0), 1, 20_000)}},
			[]string{"Create 1 at 0", "Gap in [20001, 60000) bounded (versions and possibly a deletion are missing)", "Update 2 at 60000"},
		},
		{
			"a deletion known from its event",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)"},
		},
		{
			"a deletion known from its event and from observations",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{absent(-3000, 5500), absent(0, 10_000)}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)"},
		},
		{
			"a deletion known only from an observation",
			facts{Versions: []timeline.Version{v(1, 0)}, Observations: []timeline.Observation{observed(v(1, 0), 1, 7000), absent(30_000, 40_000)}},
			[]string{"Create 1 at 0", "Delete in [7001, 40001) bounded (it was deleted at an unknown time)"},
		},
		{
			"two lives, recreated in the second of the deletion",
			facts{Versions: []timeline.Version{v(1, 0), v(2, 5200), v(1, 5700)}, Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{observed(v(2, 5200), 1, 0)}},
			[]string{"Create 1 at 0", "Update 2 at 5200", "Delete in [5201, 5700)", "Create 1 at 5700"},
		},
		{
			"two lives without the event of the deletion between them",
			facts{Versions: []timeline.Version{v(1, 0), v(2, 5200), v(1, 60_000)}, Observations: []timeline.Observation{observed(v(2, 5200), 1, 20_000)}},
			[]string{"Create 1 at 0", "Update 2 at 5200", "Delete in [20001, 60000) bounded (it was deleted at an unknown time)", "Create 1 at 60000"},
		},
		{
			"a life of unknown creation after another life",
			facts{Versions: []timeline.Version{v(4, 0), v(3, 60_000)}, Observations: []timeline.Observation{observed(v(4, 0), 4, 20_000)}},
			[]string{
				"Gap 1-3 in [-inf, 0) bounded (its creation was not recorded)", "Update 4 at 0",
				"Delete in [20001, 60000) bounded (it was deleted at an unknown time)",
				"Gap 1-2 in [20001, 60000) bounded (its creation was not recorded)", "Update 3 at 60000",
			},
		},
		{
			"a life of unknown creation after a deletion",
			facts{Versions: []timeline.Version{v(1, 0), v(3, 60_000)}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)", "Gap 1-2 in [5000, 60000) bounded (its creation was not recorded)", "Update 3 at 60000"},
		},
		{
			"lives missed between deletions",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5), deletion(8), deletion(20)}},
			[]string{
				"Create 1 at 0", "Delete in [5000, 6000)",
				"Gap in [5000, 9000) bounded (no version of this life was recorded)", "Delete in [8000, 9000)",
				"Gap in [8000, 21000) bounded (no version of this life was recorded)", "Delete in [20000, 21000)",
			},
		},
		{
			"a life missed within a second",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5), {Event: "again", Second: base + 5}}},
			[]string{"Create 1 at 0", "Delete in [5000, 6000)", "Gap in [5000, 6000) bounded (no version of this life was recorded)", "Delete in [5000, 6000)"},
		},
		{
			"the deletion of a missed life",
			facts{Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{absent(0, 10_000)}},
			[]string{"Gap in [-inf, 6000) bounded (no version of this life was recorded)", "Delete in [5000, 6000)"},
		},
		{"never existed", facts{Observations: []timeline.Observation{absent(0, 10_000)}}, nil},
		{
			"a deletion and a version in one second, of unknown order",
			facts{Versions: []timeline.Version{v(1, 5300)}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Create 1 at 5300", "Delete in [5000, 6000) (deleted and recreated within the same second, order unknown)"},
		},
		{
			"deletions that can be assigned to lives in two ways",
			facts{Versions: []timeline.Version{v(1, 600), v(1, 1600), v(1, 2600)}, Deletions: []timeline.Deletion{deletion(0), deletion(1), deletion(2)}},
			[]string{
				"Create 1 at 600", "Delete in [0, 1000) (deleted and recreated within the same second, order unknown)",
				"Create 1 at 1600", "Delete in [1000, 2000) (deleted and recreated within the same second, order unknown)", "Create 1 at 2600",
				"Delete in [2000, 3000) (deleted and recreated within the same second, order unknown)",
			},
		},
		{
			"two deletions, either of which may explain an observed absence",
			facts{
				Versions: []timeline.Version{v(1, 841), v(1, 12_763)}, Deletions: []timeline.Deletion{deletion(0), deletion(12)},
				Observations:  []timeline.Observation{absent(2457, 12_457)},
				MissedChanges: []timeline.MissedChange{{Event: "e", Second: base, Operation: ssmbak.OpCreate}},
			},
			[]string{
				"Create 1 at 841", "Delete in [0, 1000) (deleted and recreated within the same second, order unknown)",
				"Gap in [-1000, 1000) bounded (a change is known only from its event)", "Create 1 at 12763",
				"Delete in [12000, 13000) (deleted and recreated within the same second, order unknown)",
			},
		},
		{
			"a deletion that an observation excludes",
			facts{Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(5)}, Observations: []timeline.Observation{observed(v(1, 0), 1, 30_000)}},
			[]string{"Create 1 at 0"},
		},
		{
			"a change known only from its event",
			facts{Versions: []timeline.Version{v(1, 0)}, MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpUpdate}}},
			[]string{"Create 1 at 0", "Gap in [4000, 6000) bounded (a change is known only from its event)"},
		},
		{
			"a change known only from its event, around a version",
			facts{Versions: []timeline.Version{v(1, 0), v(7, 5300)}, MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpUpdate}}},
			[]string{
				"Create 1 at 0", "Gap 2-6 in [1, 5300) bounded (versions and possibly a deletion are missing)", "Update 7 at 5300",
			},
		},
		{
			"a life known only from the event of its creation",
			facts{
				Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(2)}, Observations: []timeline.Observation{absent(30_000, 40_000)},
				MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpCreate}},
			},
			[]string{
				"Create 1 at 0", "Delete in [2000, 3000)", "Gap in [4000, 6000) bounded (a change is known only from its event)",
				"Delete in [4000, 40001) bounded (it was deleted at an unknown time)",
			},
		},
		{
			"a missed life is one gap",
			facts{
				Versions: []timeline.Version{v(1, 0)}, Deletions: []timeline.Deletion{deletion(2), deletion(20)},
				MissedChanges: []timeline.MissedChange{{Event: "e", Second: base + 5, Operation: ssmbak.OpCreate}},
			},
			[]string{"Create 1 at 0", "Delete in [2000, 3000)", "Gap in [4000, 21000) bounded (no version of this life was recorded)", "Delete in [20000, 21000)"},
		},
		{
			"changes of the legacy ssmbak",
			facts{Legacy: []timeline.Legacy{
				{ID: "a", Second: base + 1, LastModified: at(2000), Type: ssmbak.TypeString},
				{ID: "b", Sequence: 1, Second: base + 5, LastModified: at(6000), Type: ssmbak.TypeString},
				{ID: "c", Sequence: 2, Deleted: true, LastModified: at(9000)},
				{ID: "d", Sequence: 3, Deleted: true, LastModified: at(10_000)},
				{ID: "e", Sequence: 4, Second: base + 15, LastModified: at(16_000), Type: ssmbak.TypeString},
			}},
			[]string{
				"Update in [1000, 2000) (recorded by the legacy ssmbak)", "Update in [5000, 6000) (recorded by the legacy ssmbak)",
				"Delete in [9000, 10000) (recorded by the legacy ssmbak, when it received the event)",
				"Create in [15000, 16000) (recorded by the legacy ssmbak)",
			},
		},
		{
			"a change of the legacy ssmbak that is also a version",
			facts{
				Legacy:   []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}, {ID: "b", Second: base + 5, LastModified: at(6000)}, {ID: "c", Second: base + 9, LastModified: at(9000)}},
				Versions: []timeline.Version{v(2, 5123), v(3, 9100)}, Observations: []timeline.Observation{observed(v(3, 9100), 2, 9100)},
			},
			[]string{"Update in [-60000, -59000) (recorded by the legacy ssmbak)", "Update 2 at 5123", "Update 3 at 9100"},
		},
		{
			"a life of the legacy ssmbak and one after it",
			facts{Legacy: []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}}, Versions: []timeline.Version{v(1, 5123)}},
			[]string{
				"Update in [-60000, -59000) (recorded by the legacy ssmbak)",
				"Delete in [-60000, 5123) bounded (it was deleted at an unknown time)", "Create 1 at 5123",
			},
		},
		{
			"a life of the legacy ssmbak, deleted",
			facts{Legacy: []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}}, Deletions: []timeline.Deletion{deletion(5)}},
			[]string{"Update in [-60000, -59000) (recorded by the legacy ssmbak)", "Delete in [5000, 6000)"},
		},
		{
			"a life of the legacy ssmbak, observed to be absent",
			facts{Legacy: []timeline.Legacy{{ID: "a", Second: base - 60, LastModified: at(-59_000)}}, Observations: []timeline.Observation{absent(0, 10_000)}},
			[]string{"Update in [-60000, -59000) (recorded by the legacy ssmbak)", "Delete in [-60000, 10001) bounded (it was deleted at an unknown time)"},
		},
		{
			"tags from events and observations",
			facts{
				Versions: []timeline.Version{v(1, 0)},
				Tags: []timeline.TagsFact{
					{Tags: a, Observed: between(-8000, 2000)},
					tagEvent("e1", 20, 1, ab), tagEvent("e2", 20, 1, ab),
					{Tags: a, Observed: between(14_000, 24_000)}, // a stale read
					{Tags: ab, Observed: between(20_000, 30_000)},
					tagEvent("e3", 40, 2, b), tagEvent("e4", 50, 4, map[string]string{}),
				},
			},
			[]string{
				"Create 1 at 0", "Tag in [0, 2001) bounded a=1", "Tag in [20000, 21000) b=2", "Tag in [40000, 41000) -a b=1",
				"Tag in [50000, 51000) -b (an earlier change of its tags was missed)",
			},
		},
		{
			"tags changed without an event",
			facts{Versions: []timeline.Version{v(1, 0)}, Tags: []timeline.TagsFact{
				{Tags: map[string]string{}, Observed: timeline.Observed{AsOf: at(-8000), At: at(2000), LastAsOf: at(52_000), LastAt: at(62_000)}},
				{Tags: a, Observed: between(90_000, 100_000)},
			}},
			[]string{"Create 1 at 0", "Tag in [52000, 100001) bounded a=1"},
		},
		{
			"an observation just before the change of an event",
			facts{Versions: []timeline.Version{v(1, 20_100)}, Tags: []timeline.TagsFact{
				{Tags: a, Observed: between(10_500, 20_500)}, tagEvent("e", 20, 1, ab), {Tags: ab, Observed: between(20_000, 30_000)},
			}},
			[]string{"Create 1 at 20100", "Tag in [20100, 20501) bounded a=1", "Tag in [20000, 21000) b=2"},
		},
		{
			"unknown tags before the first event",
			facts{Versions: []timeline.Version{v(1, 0)}, Tags: []timeline.TagsFact{tagEvent("e", 20, 1, a)}},
			[]string{"Create 1 at 0", "Tag in [20000, 21000) a=1 (its earlier tags are unknown)"},
		},
		{
			"tags of a parameter that was never observed",
			facts{Tags: []timeline.TagsFact{tagEvent("e", 20, 1, a), {Tags: b, Observed: between(0, 10_000)}}},
			[]string{"Tag in [20000, 21000) a=1 (its earlier tags are unknown)"},
		},
		{
			"tags of two lives",
			facts{
				Versions: []timeline.Version{v(1, 0), v(1, 60_000)}, Deletions: []timeline.Deletion{deletion(55)},
				Tags: []timeline.TagsFact{{Tags: a, Observed: between(-8000, 2000)}, {Tags: a, Observed: between(52_000, 62_000)}, {Tags: b, Observed: between(62_000, 72_000)}},
			},
			[]string{"Create 1 at 0", "Tag in [0, 2001) bounded a=1", "Delete in [55000, 56000)", "Create 1 at 60000", "Tag in [60000, 72001) bounded b=1"},
		},
		{
			"labels with and without events",
			facts{
				Versions: []timeline.Version{v(1, 0), v(2, 5000)}, Observations: []timeline.Observation{observed(v(2, 5000), 1, 0)},
				Labels: []timeline.LabelsFact{
					{Labels: map[string]int64{}, Observed: timeline.Observed{AsOf: at(-8000), At: at(2000), LastAsOf: at(7000), LastAt: at(17_000)}},
					{Event: "e1", Second: base + 20},
					{Labels: map[string]int64{"prod": 1}, Observed: timeline.Observed{AsOf: at(12_000), At: at(22_000), LastAsOf: at(30_000), LastAt: at(40_000)}},
					{Labels: map[string]int64{"prod": 2, "old": 1}, Observed: between(50_000, 60_000)},
					{Event: "e2", Second: base + 70},
					{Event: "e3", Second: base + 72},
					{Labels: map[string]int64{"prod": 2}, Observed: between(73_000, 83_000)},
					{Event: "e4", Second: base + 99}, // without a difference after it
					{Labels: map[string]int64{"prod": 2}, Observed: between(100_000, 110_000)},
				},
			},
			[]string{
				"Create 1 at 0", "Update 2 at 5000", "Label in [20000, 21000) prod:1", "Label in [30000, 60001) bounded old:1 prod:2",
				"Label in [50000, 83001) bounded old:0",
			},
		},
		{
			"labels whose events name the versions",
			facts{
				Versions: []timeline.Version{v(1, 0), v(2, 5000), v(3, 6000)}, Observations: []timeline.Observation{observed(v(3, 6000), 1, 0)},
				Labels: []timeline.LabelsFact{
					{Event: "e1", Second: base + 20, Label: "prod", To: 1},
					{Event: "e2", Second: base + 30, Label: "prod", From: 1, To: 2},
					{Event: "e3", Second: base + 30, Label: "beta", From: 1, To: 3}, // delivered twice
					{Event: "e3", Second: base + 30, Label: "beta", From: 1, To: 3},
					{Labels: map[string]int64{"prod": 2, "beta": 3, "old": 1}, Observed: between(40_000, 50_000)},
				},
			},
			[]string{
				"Create 1 at 0", "Update 2 at 5000", "Update 3 at 6000", "Label in [20000, 21000) prod:1", "Label in [30000, 31000) prod:1->2",
				"Label in [30000, 31000) beta:1->3", "Label in [0, 50001) bounded old:1",
			},
		},
		{
			"labels of a life of unknown creation",
			facts{Versions: []timeline.Version{v(3, 0)}, Labels: []timeline.LabelsFact{{Labels: map[string]int64{"prod": 3}, Observed: between(0, 10_000)}}},
			[]string{"Gap 1-2 in [-inf, 0) bounded (its creation was not recorded)", "Update 3 at 0", "Label in [-inf, 10001) bounded prod:3"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for range 3 { // in several orders of the facts
				got := timeline.New("/n", tt.facts, timeline.Coverage{Since: at(-30_000)}).Changes()
				if diff := cmp.Diff(lines(got), tt.want); diff != "" {
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
		Labels: slices.Clone(f.Labels), MissedChanges: slices.Clone(f.MissedChanges), Legacy: slices.Clone(f.Legacy), Runs: slices.Clone(f.Runs), Calls: slices.Clone(f.Calls),
	}
	shuffle(r, f.Versions)
	shuffle(r, f.Deletions)
	shuffle(r, f.Observations)
	shuffle(r, f.Tags)
	shuffle(r, f.Labels)
	shuffle(r, f.MissedChanges)
	shuffle(r, f.Legacy)
	shuffle(r, f.Runs)
	shuffle(r, f.Calls)
	return f
}

func shuffle[T any](r *rand.Rand, all []T) {
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}
