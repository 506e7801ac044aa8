package recording

import (
	"context"
	"reflect"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// checkParts checks that a reader of one moment, who reads the index and the part that
// contains the moment, gets the same answer as a reader of all parts.
func (w *world) checkParts(ctx context.Context, a *archive.Archive, when phase, lines archive.Timelines) {
	for i, name := range lines.Names {
		index, err := a.Index(ctx, name)
		if err != nil || len(index.Facts.Runs) == 0 {
			continue
		}
		alone := timeline.New(name, index.Facts, timeline.Coverage{})
		for _, at := range moments(w.ssm.Truth(string(name)), lines.All[i].Facts()) {
			one, err := a.Timelines(ctx, ssmbak.NameTarget(name), at)
			if err != nil || len(one.All) != 1 || len(one.Problems) > 0 {
				w.Problem("%s: read %s at %v: %v, %v", when, name, at, err, one.Problems)
				return
			}
			want, wantRefs := lines.All[i].At(at)
			got, gotRefs := one.All[0].At(at)
			if !reflect.DeepEqual(want, got) || !reflect.DeepEqual(wantRefs, gotRefs) {
				w.Problem("%s: with one part, %s at %v is %+v, with all parts %+v", when, name, at, got, want)
				return
			}
			if _, in := alone.RunAt(at); in {
				w.Counts.Add(PartRead)
			}
		}
	}
}
