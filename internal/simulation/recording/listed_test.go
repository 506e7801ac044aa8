package recording

import (
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// checkListed holds that no parameter that was live all the time while a complete
// listing ran is taken for absent at its beginning: `restore --exact` would delete
// it. Here it does not matter which events were lost.
func (w *world) checkListed(ctx context.Context, a *archive.Archive, when phase, lines archive.Timelines) {
	r, err := a.Reconciled(ctx)
	if err != nil {
		w.Problem("%s: read the last complete listing: %v", when, err)
		return
	}
	for _, l := range w.complete {
		for _, text := range w.ssm.Names() {
			name := ssmbak.Name(text)
			before, after := w.truth(text, l.began.Add(-timeline.Staleness).Std()), w.truth(text, l.ended)
			if !before.live || !after.live || before.life != after.life {
				continue
			}
			i, recorded := slices.BinarySearch(lines.Names, name)
			if !recorded {
				w.Counts.Add(ListedMissed)
				if r.Covers(name, l.began) {
					w.Problem("%s: nothing is recorded of %s, and a complete listing of %v says that it was not there; it was", when, name, l.began)
				}
				continue
			}
			if s, _ := lines.All[i].At(l.began); s.Deleted && s.Certainty != ssmbak.Unknown {
				w.Problem("%s: %s is taken for absent at %v (%v), when it was listed", when, name, l.began, s.Certainty)
			}
		}
	}
}
