package recording

import (
	"context"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// reader reads everything while changes are being recorded.
func (w *world) reader(ctx context.Context, id int) {
	w.mu.Lock()
	if w.recorders > 0 {
		w.Counts.Add(ReadInBetween)
	}
	w.mu.Unlock()
	conn := w.Connect(ctx, w.NewProcess(fmt.Sprint("reader ", id), slow{w}), 0)
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, Parallel: 2})
	if err != nil {
		w.Problem("a reader opens the archive: %v", err)
		return
	}
	ago := time.Duration(w.Draw("reader", int(time.Since(w.Start)/time.Millisecond)+1)) * time.Millisecond
	at := ssmbak.TimeOf(time.Now().Add(-ago - time.Millisecond))
	registered := w.registered()
	current, hidden := w.indexes()
	found, err := a.At(ctx, everything, at, archive.AllValues)
	if err != nil {
		w.Problem("a reader asks for %v: %v", at, err)
		return
	}
	w.checkHidden(found, registered, current, hidden)
	for _, s := range found.States {
		if s.Certainty != ssmbak.Proved {
			continue // an event may still be on its way
		}
		t := w.truth(string(s.Name), at.Std())
		if !right(s, t) || s.Value.IsKnown() && s.Value.V.Reveal() != t.value {
			w.Problem("to a reader %s at %v is proved to be version %d of %v (deleted: %v), it was version %d of %v", s.Name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at)
		}
	}
}
