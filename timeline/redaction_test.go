package timeline_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/timeline"
)

// TestRedaction checks that a redaction prevails over every copy of a value, in whatever
// order facts are merged, and that the first of several is kept.
func TestRedaction(t *testing.T) {
	t.Parallel()
	of := func(objects []timeline.ObjectRef, unreadable string, r timeline.Redaction) timeline.Facts {
		x := v(1, 0)
		x.Objects, x.Unreadable, x.Redacted = objects, unreadable, r
		return timeline.Facts{Versions: []timeline.Version{x}}
	}
	first, second := timeline.Redaction{At: at(5000), By: "arn:b"}, timeline.Redaction{At: at(6000), By: "arn:a"}
	all := []timeline.Facts{
		of([]timeline.ObjectRef{{ID: "one", Written: at(100)}}, "", timeline.Redaction{}),
		of(nil, "", second),
		of([]timeline.ObjectRef{{ID: "late", Written: at(9000)}}, "", first),
		of(nil, "denied", timeline.Redaction{}),
	}
	want := v(1, 0)
	want.Objects, want.Redacted, want.Unreadable = nil, first, "redacted at "+at(5000).String()+" by arn:b"
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got := timeline.Union(timeline.Union(all[0], all[1]), timeline.Union(all[2], all[3]))
		if diff := cmp.Diff(got.Versions, []timeline.Version{want}); diff != "" {
			t.Fatalf("(-got +want):\n%s", diff)
		}
		if again := timeline.Union(got, all[0]); !cmp.Equal(again, got) {
			t.Fatalf("merged again: %+v", again)
		}
	}
	alone := timeline.Union(all[0], timeline.Facts{})
	if diff := cmp.Diff(timeline.Union(alone, alone), alone); diff != "" {
		t.Errorf("not idempotent (-twice +once):\n%s", diff)
	}
	state, refs := timeline.New("/n", timeline.Union(all[0], of(nil, "", first)), timeline.Coverage{}).At(at(10))
	if len(refs) != 0 || state.Value.IsKnown() || state.Value.Reason != want.Unreadable {
		t.Errorf("the state is %+v with the copies %v", state, refs)
	}
}
