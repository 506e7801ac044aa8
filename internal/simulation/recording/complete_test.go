package recording

import (
	"context"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// checkComplete checks that everything in Parameter Store is recorded, is what the archive
// answers, and is the current object under its key.
func (w *world) checkComplete(ctx context.Context, a *archive.Archive, live *paramstore.Store) {
	for _, name := range w.ssm.Names() {
		index, err := a.Index(ctx, ssmbak.Name(name))
		if err != nil {
			w.Problem("read the index of %s: %v", name, err)
			continue
		}
		top := w.AWS.S3.Versions(bucket, name)
		now := w.truth(name, time.Now())
		if !now.live {
			if len(top) > 0 && !top[0].Marker {
				w.Problem("%s does not exist, but a value is the current object under its key; its facts: %+v", name, index.Facts)
			}
			continue
		}
		h, err := live.History(ctx, ssmbak.Name(name))
		if err != nil {
			w.Problem("read the history of %s: %v", name, err)
			continue
		}
		for _, v := range h.Versions {
			fact, ok := index.Facts.Version(timeline.Ref{Number: v.Number, Time: v.Time})
			if !ok || len(fact.Objects) == 0 {
				w.Problem("version %d of %s is not in the archive, or without its value: %+v", v.Number, name, fact)
			}
		}
		if string(top[0].Body) != now.value {
			w.Problem("the current object of %s is not its live value", name)
		}
		line := timeline.New(ssmbak.Name(name), index.Facts, timeline.Coverage{})
		newest, present, _ := line.Newest()
		if !present || newest.Number != now.number {
			w.Problem("%s is at version %d, and the archive says %d (present: %v)", name, now.number, newest.Number, present)
		}
	}
}
