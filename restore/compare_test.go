package restore_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/restore"
)

// TestCompareLostPart compares two times, for one of which a part of an index is required that
// is gone: the parameter is skipped once.
func TestCompareLostPart(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.divide()
		w.put("/a/before", "one")
		w.put("/a/x", "one")
		w.put("/a/y", "one")
		w.Record()
		var times []ssmbak.Time
		for range 8 {
			w.put("/a/x", "two")
			w.Record()
			times = append(times, w.pass())
		}
		w.put("/a/y", "two")
		w.Record()
		now := w.pass()
		x, err := w.Archive.Index(w.Context(), "/a/x")
		w.Must(err)
		r := x.Facts.Runs[0]
		w.AWS.S3.RemoveVersion(bucket, ".ssmbak/parts/a/x/"+r.Part.ID, r.Part.Object)
		then := times[1]
		if then < r.First.Time || then >= r.Last.Time {
			t.Fatalf("%s is not within the run %+v", then, r)
		}
		target := testworld.Target(w, "/a/", true)
		for _, lastKnown := range []bool{false, true} {
			var o restore.Options
			o.AssumeLastKnown = lastKnown
			c, err := w.restorer(o).Compare(w.Context(), target, then, now)
			w.Must(err)
			recorded, err := w.Archive.Timelines(w.Context(), target, then, now)
			w.Must(err)
			all, err := w.restorer(o).CompareTimelines(w.Context(), recorded, target, then, now, archive.AllValues)
			w.Must(err)
			for i, c := range []*restore.Comparison{c, all} {
				var got []string
				for _, item := range c.Items {
					if reason, _, _ := strings.Cut(item.Reason, ":"); item.Name != "/a/before" {
						got = append(got, string(item.Action)+" "+string(item.Name)+" "+reason)
					}
				}
				want := []string{"skip /a/x its record cannot be read", "update /a/y "}
				if diff := cmp.Diff(got, want); diff != "" || len(c.Problems) != 1 {
					t.Errorf("%d, last known %v: problems %v (-got +want):\n%s", i, lastKnown, c.Problems, diff)
				}
			}
		}
	})
}
