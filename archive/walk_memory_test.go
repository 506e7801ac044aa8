package archive_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestWalkMemory checks that a walk keeps less than a kilobyte of each parameter that it has
// visited, and a log less than 64 bytes of each change.
func TestWalkMemory(t *testing.T) { // not parallel, because others use memory, too
	if testing.Short() {
		t.Skip("it measures memory")
	}
	const parameters, versions = 100, 20
	_, p := emulated(t, 1)
	a := p.ready(t)
	for i := range parameters {
		var f timeline.Facts
		for n := range int64(versions) {
			v := version(n + 1)
			v.Time += ssmbak.Time(n) * 60_000
			v.User = "arn:aws:iam::123456789012:user/operator"
			f.Versions = append(f.Versions, v)
			f.Observations = append(f.Observations, timeline.Observation{Newest: v.Ref(), Oldest: 1, AsOf: v.Time + 1000, At: v.Time + 12_000})
		}
		x := archive.Index{Name: ssmbak.Name(fmt.Sprintf("/app/%04d", i))}
		if _, err := a.Update(t.Context(), x, func(timeline.Facts) timeline.Facts { return f }); err != nil {
			t.Fatal(err)
		}
	}
	everything := testworld.Everything(t)
	kept := func(read func() any) (bytes int) {
		live := func() int {
			var m runtime.MemStats
			for range 2 {
				runtime.GC()
				runtime.ReadMemStats(&m)
			}
			return int(m.HeapAlloc)
		}
		read()           // connections, caches and so on
		const times = 10 // pools and goroutines keep some, too
		results := make([]any, times)
		before := live()
		for i := range results {
			results[i] = read()
		}
		bytes = (live() - before) / times
		runtime.KeepAlive(results)
		return bytes
	}
	walk := kept(func() any {
		var w archive.Walked
		for _, err := range archive.Walk(t.Context(), a.Archive, everything, archive.Period{From: second, To: ssmbak.TimeOf(time.Now())}, true, &w, nameOf) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(w.Names) != parameters {
			t.Fatal(len(w.Names))
		}
		return w
	})
	log := kept(func() any {
		l, err := a.Log(t.Context(), everything, 0, 0)
		if err != nil || l.Changes.Len() != parameters*versions {
			t.Fatal(err, l.Changes.Len())
		}
		return l
	})
	t.Logf("%d bytes a parameter, %d a change", walk/parameters, log/(parameters*versions))
	if walk > 1<<10*parameters || log > 1<<6*parameters*versions {
		t.Errorf("a walk keeps %d bytes of each parameter, and a log %d of each change", walk/parameters, log/(parameters*versions))
	}
}
