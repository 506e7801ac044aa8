package testworld

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// Histories records parameters below 20 paths, named /app/00/p000000 and so on, with so many
// versions each, the first of which was made at a time and the others a minute apart. It
// writes to the archive only.
func Histories(t testing.TB, w *archive.Writer, parameters, versions int, began ssmbak.Time) {
	t.Helper()
	var wg sync.WaitGroup
	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range parameters {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if err := history(t.Context(), w, ssmbak.Name(fmt.Sprintf("/app/%02d/p%06d", i%20, i)), versions, began); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// history records versions of one parameter that has no index.
func history(ctx context.Context, a *archive.Writer, name ssmbak.Name, versions int, began ssmbak.Time) error {
	var f timeline.Facts
	for n := range int64(versions) {
		v := timeline.Version{Version: ssmbak.Version{
			Number: n + 1, Time: began.Add(time.Duration(n) * time.Minute), User: "arn:aws:iam::123456789012:user/operator",
			Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: "Standard", DataType: "text"},
		}, Events: []string{fmt.Sprintf("6a7e4feb-b491-4cf7-a9f1-%012d", n)}}
		ref, err := a.PutValue(ctx, name, v.Version, ssmbak.NewValue(fmt.Sprintf("value %d of %s", n, name)))
		if err != nil {
			return fmt.Errorf("value of %s: %w", name, err)
		}
		v.Objects = []timeline.ObjectRef{ref}
		f.Versions = append(f.Versions, v)
	}
	last := f.Versions[versions-1]
	f.Observations = []timeline.Observation{{Newest: last.Ref(), Oldest: 1, AsOf: last.Time + 1000, At: last.Time + 11_000}}
	if _, err := a.Update(ctx, archive.Index{Name: name}, func(base timeline.Facts) timeline.Facts { return timeline.Union(base, f) }); err != nil {
		return fmt.Errorf("index of %s: %w", name, err)
	}
	return nil
}
