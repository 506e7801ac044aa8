package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// call is a call in a second relative to base.
func call(by string, second int64, api timeline.API) timeline.Call {
	return timeline.Call{Event: fmt.Sprint(by, second, api), Second: base + second, API: api, By: by}
}

func tagging(by string, second int64, key, value string) timeline.Call {
	k := call(by, second, timeline.APITag)
	k.Event += key
	k.Tags = map[string]*string{key: &value}
	return k
}

func untagging(by string, second int64, key string) timeline.Call {
	k := call(by, second, timeline.APIUntag)
	k.Tags = map[string]*string{key: nil}
	return k
}

func labelling(by string, second int64, api timeline.API, version int64, labels ...string) timeline.Call {
	k := call(by, second, api)
	k.Event += fmt.Sprint(labels)
	k.Version, k.Labels = version, labels
	return k
}

func putting(by string, second, version int64) timeline.Call {
	k := call(by, second, timeline.APIPut)
	k.Version = version
	return k
}

// TestActors checks who made each change.
func TestActors(t *testing.T) {
	t.Parallel()
	type facts = timeline.Facts
	life := []timeline.Version{v(1, 0), v(2, 5000)}
	complete := []timeline.Observation{observed(v(2, 5000), 1, 90_000)}
	deleted := facts{Versions: life, Observations: []timeline.Observation{observed(v(2, 5000), 1, 20_000)}, Deletions: []timeline.Deletion{deletion(100)}}
	twice := facts{Versions: []timeline.Version{v(1, 0), v(1, 100_500)}, Observations: []timeline.Observation{observed(v(1, 100_500), 1, 100_600)}, Deletions: []timeline.Deletion{deletion(99), deletion(101)}}
	red, blue := map[string]string{"c": "red"}, map[string]string{"c": "blue", "d": "1"}
	tagged := facts{Versions: life, Observations: complete, Tags: []timeline.TagsFact{tagEvent("t1", 50, 1, red), tagEvent("t2", 60, 2, blue)}}
	missedTag := facts{Versions: life, Observations: complete, Tags: []timeline.TagsFact{tagEvent("t1", 50, 1, red), tagEvent("t2", 60, 3, blue)}}
	labelled := facts{Versions: life, Observations: complete, Labels: []timeline.LabelsFact{
		{Event: "l1", Second: base + 50, Label: "prod", To: 1}, {Event: "l2", Second: base + 50, Label: "test", To: 1}, {Event: "l3", Second: base + 60, Label: "prod", From: 1, To: 2},
	}}
	unlabelled := facts{Versions: life, Observations: complete, Labels: []timeline.LabelsFact{
		{Labels: map[string]int64{"prod": 1}, Observed: between(10_000, 20_000)}, {Labels: map[string]int64{}, Observed: between(70_000, 80_000)},
	}}
	vanished := facts{Versions: life, Observations: []timeline.Observation{observed(v(2, 5000), 1, 20_000), absent(90_000, 100_000)}}
	missed := facts{Versions: life, Observations: complete, MissedChanges: []timeline.MissedChange{{Event: "m", Second: base + 95, Operation: ssmbak.OpUpdate}}}
	lacking := facts{Versions: []timeline.Version{v(1, 0), v(3, 60_000)}, Observations: []timeline.Observation{observed(v(3, 60_000), 1, 60_000)}}
	expires := facts{Versions: life, Observations: []timeline.Observation{observed(v(2, 5000), 1, 20_000), absent(90_000, 100_000)}, Legacy: nil}
	named := v(2, 5000)
	named.User = "parameter store"
	owned := facts{Versions: []timeline.Version{v(1, 0), named}, Observations: complete}

	tests := []struct {
		name  string
		facts facts
		calls []timeline.Call
		want  []string // who made each change, in their order
	}{
		{"no call", deleted, nil, []string{"", "", ""}},
		{"a deletion", deleted, []timeline.Call{call("a", 100, timeline.APIDelete)}, []string{"", "", "a"}},
		{"a deletion whose request completed in the next second", deleted, []timeline.Call{call("a", 101, timeline.APIDelete)}, []string{"", "", "a"}},
		{"a deletion whose host's clock is behind", deleted, []timeline.Call{call("a", 99, timeline.APIDelete)}, []string{"", "", "a"}},
		{"a call two seconds later", deleted, []timeline.Call{call("a", 102, timeline.APIDelete)}, []string{"", "", ""}},
		{"a call two seconds earlier", deleted, []timeline.Call{call("a", 98, timeline.APIDelete)}, []string{"", "", ""}},
		{"a call of another kind", deleted, []timeline.Call{putting("a", 100, 3), tagging("a", 100, "c", "red")}, []string{"", "", ""}},
		{"two callers", deleted, []timeline.Call{call("a", 100, timeline.APIDelete), call("b", 101, timeline.APIDelete)}, []string{"", "", ""}},
		{"one caller, twice", deleted, []timeline.Call{call("a", 100, timeline.APIDelete), call("a", 101, timeline.APIDelete)}, []string{"", "", "a"}},
		{"a call that may have made either of two deletions", twice, []timeline.Call{call("a", 100, timeline.APIDelete)}, []string{"", "", "", ""}},
		{"calls that can only have made one of two deletions each", twice, []timeline.Call{call("a", 98, timeline.APIDelete), call("b", 102, timeline.APIDelete)}, []string{"", "a", "", "b"}},
		{"a deletion known from an observation", vanished, []timeline.Call{call("a", 50, timeline.APIDelete)}, []string{"", "", "a"}},
		{"a deletion known from an observation, and a call before it", vanished, []timeline.Call{call("a", 15, timeline.APIDelete)}, []string{"", "", ""}},
		{"a deletion known from an observation, and two callers", vanished, []timeline.Call{call("a", 50, timeline.APIDelete), call("b", 70, timeline.APIDelete)}, []string{"", "", ""}},
		{"a deletion after a change that was missed", facts{Versions: deleted.Versions, Observations: deleted.Observations, Deletions: deleted.Deletions, MissedChanges: []timeline.MissedChange{{Event: "m", Second: base + 98, Operation: ssmbak.OpUpdate}}}, []timeline.Call{call("a", 99, timeline.APIDelete)}, []string{"", "", "", ""}},
		{"an expiration", expires, nil, []string{"", "", ""}},
		{"versions, which Parameter Store does not name", facts{Versions: life, Observations: complete}, []timeline.Call{putting("a", 0, 1), putting("b", 5, 2)}, []string{"a", "b"}},
		{"a version with another number", facts{Versions: life, Observations: complete}, []timeline.Call{putting("b", 5, 3)}, []string{"", ""}},
		{"versions of one second, by number", facts{Versions: []timeline.Version{v(1, 0), v(2, 500)}, Observations: []timeline.Observation{observed(v(2, 500), 1, 9000)}}, []timeline.Call{putting("a", 0, 1), putting("b", 0, 2)}, []string{"a", "b"}},
		{"versions of one second, without numbers", facts{Versions: []timeline.Version{v(1, 0), v(2, 500)}, Observations: []timeline.Observation{observed(v(2, 500), 1, 9000)}}, []timeline.Call{putting("a", 0, 0)}, []string{"", ""}},
		{"a version that Parameter Store names", owned, []timeline.Call{putting("b", 5, 2)}, []string{"", "parameter store"}},
		{"a missed change", missed, []timeline.Call{putting("a", 95, 3)}, []string{"", "", "a"}},
		{"a missed change, and two callers", missed, []timeline.Call{putting("a", 95, 3), putting("b", 96, 4)}, []string{"", "", ""}},
		{"one missing version", lacking, []timeline.Call{putting("a", 30, 2)}, []string{"", "a", ""}},
		{"another number than the missing one", lacking, []timeline.Call{putting("a", 30, 4)}, []string{"", "", ""}},
		{"a missed change, without a number", missed, []timeline.Call{putting("a", 95, 0)}, []string{"", "", ""}},
		{"tags", tagged, []timeline.Call{tagging("a", 50, "c", "red"), tagging("b", 60, "c", "blue")}, []string{"", "", "a", ""}},
		{"tags by two calls of one principal", tagged, []timeline.Call{tagging("b", 60, "c", "blue"), tagging("b", 60, "d", "1")}, []string{"", "", "", "b"}},
		{"tags by two principals", tagged, []timeline.Call{tagging("a", 60, "c", "blue"), tagging("b", 60, "d", "1")}, []string{"", "", "", ""}},
		{"a tag with another value", tagged, []timeline.Call{tagging("a", 50, "c", "green")}, []string{"", "", "", ""}},
		{"a removed tag", facts{Versions: life, Observations: complete, Tags: []timeline.TagsFact{tagEvent("t1", 50, 1, red), tagEvent("t2", 60, 2, map[string]string{})}}, []timeline.Call{untagging("a", 60, "c")}, []string{"", "", "", "a"}},
		{"tags after a change that was missed", missedTag, []timeline.Call{tagging("a", 50, "c", "red"), tagging("b", 60, "c", "blue"), tagging("b", 60, "d", "1")}, []string{"", "", "a", ""}},
		{"tags of a creation", facts{Versions: life, Observations: complete, Tags: []timeline.TagsFact{tagEvent("t1", 0, 1, red)}}, []timeline.Call{{Event: "p", Second: base, API: timeline.APIPut, By: "a", Version: 1, Tags: tagging("", 0, "c", "red").Tags}}, []string{"a", "a", ""}},
		{"labels by one call", labelled, []timeline.Call{labelling("a", 50, timeline.APILabel, 1, "prod", "test")}, []string{"", "", "a", "a", ""}},
		{"labels by two calls", labelled, []timeline.Call{labelling("a", 50, timeline.APILabel, 1, "prod"), labelling("b", 50, timeline.APILabel, 1, "test"), labelling("c", 61, timeline.APILabel, 2, "prod")}, []string{"", "", "a", "b", "c"}},
		{"a label of another version", labelled, []timeline.Call{labelling("a", 60, timeline.APILabel, 1, "prod")}, []string{"", "", "", "", ""}},
		{"a removed label", unlabelled, []timeline.Call{labelling("a", 40, timeline.APIUnlabel, 1, "prod"), labelling("b", 40, timeline.APILabel, 1, "test")}, []string{"", "", "", "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := tt.facts
			f.Calls = tt.calls
			check := func(f facts) {
				t.Helper()
				var got []string
				all := timeline.New("/n", f, timeline.Coverage{Since: 1}).Changes()
				for _, c := range all {
					got = append(got, c.By)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q: %q", got, tt.want, lines(all))
				}
			}
			check(f)
			f.Calls = reversed(tt.calls)
			check(timeline.Union(f, timeline.Facts{Calls: tt.calls}))
		})
	}
}

// TestCallsChangeNothing checks that calls, true or not, change no state and no change but
// who made it.
func TestCallsChangeNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(cases(t, 500)) {
		r := rand.New(rand.NewPCG(seed, 8))
		w := newWorld(r, seed%2 == 1)
		coverage := timeline.Coverage{Since: start - 500_000}
		before := timeline.New("/n", w.facts, coverage)
		with := w.facts
		for i := range 1 + r.IntN(20) {
			k := call(fmt.Sprint("forger", r.IntN(2)), 0, []timeline.API{timeline.APIPut, timeline.APIDelete, timeline.APITag, timeline.APILabel, timeline.APIUnlabel}[r.IntN(5)])
			k.Event, k.Second, k.Version = fmt.Sprint(i), w.changes[r.IntN(len(w.changes))].at.Second()+r.Int64N(5)-2, r.Int64N(4)
			with.Calls = append(with.Calls, k)
		}
		after := timeline.New("/n", with, coverage)
		for _, at := range w.moments() {
			was, _ := before.At(at)
			is, _ := after.At(at)
			is.By = was.By
			if fmt.Sprint(is) != fmt.Sprint(was) {
				t.Fatalf("seed %d: at %v the state is %+v instead of %+v", seed, at, is, was)
			}
		}
		if was, is := lines(before.Changes()), lines(after.Changes()); !slices.Equal(was, is) {
			t.Fatalf("seed %d: the changes are %q instead of %q", seed, is, was)
		}
	}
}
