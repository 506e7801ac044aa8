package history_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/history"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestPatchParts compares the versions of a busy parameter that are in parts of its index. Those
// of a part that is gone are not compared.
func TestPatchParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const versions = 12
		w := testworld.New(t, testworld.Options{
			Parts: &archive.PartLimits{Limits: timeline.Limits{Keep: 3, Least: 2, Most: 4, Runs: 3}, Versions: 6, Bytes: 1 << 20},
		})
		writer := archive.NewWriter(w.Archive)
		x := archive.Index{Name: "/app/busy"}
		for n := range int64(versions) {
			time.Sleep(time.Minute)
			v := timeline.Version{Version: ssmbak.Version{Number: n + 1, Time: ssmbak.TimeOf(time.Now()), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}}
			s, err := writer.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return f })
			w.Must(err)
			object, err := writer.PutValue(t.Context(), x.Name, v.Version, ssmbak.NewValue(fmt.Sprint("value ", n)))
			w.Must(err)
			v.Objects = []timeline.ObjectRef{object}
			s, err = writer.Update(t.Context(), s.Index, func(f timeline.Facts) timeline.Facts {
				return timeline.Union(f, timeline.Facts{
					Versions:     []timeline.Version{v},
					Observations: []timeline.Observation{{Newest: v.Ref(), Oldest: max(1, n-1), AsOf: v.Time + 1000, At: v.Time + 12_000}},
				})
			})
			w.Must(err)
			x, _, err = writer.CloseRun(t.Context(), s.Index)
			w.Must(err)
		}
		log, err := w.Archive.Log(t.Context(), testworld.Everything(t), 0, 0)
		w.Must(err)
		patch := func() (patched int, problems []archive.Problem) {
			p := history.New(w.Archive, archive.Reconciled{}, nil)
			for c := range log.Changes.All() {
				e := render.LogEntry{Change: &c}
				w.Must(p.Patch(t.Context(), &e))
				if e.Patch != nil {
					patched++
				}
			}
			return patched, p.Problems()
		}
		if n, problems := patch(); n != versions || len(problems) > 0 {
			t.Errorf("compared %d of %d changes, %v", n, versions, problems)
		}
		parts := 0
		for _, key := range w.AWS.S3.Keys("archive") {
			if !strings.HasPrefix(key, ".ssmbak/parts/") {
				continue
			}
			w.AWS.S3.RemoveVersion("archive", key, w.AWS.S3.Versions("archive", key)[0].VersionID)
			parts++
		}
		if n, problems := patch(); parts == 0 || n == 0 || n == versions || len(problems) > 0 {
			t.Errorf("without %d parts, compared %d changes, %v", parts, n, problems)
		}
	})
}
