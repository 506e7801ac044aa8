package archive_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestUnsettled checks on which conditions a reader of one moment does not read an index,
// part by part, and that everything else is read.
func TestUnsettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		local, p := emulated(t, 1)
		a := p.ready(t)
		all := []ssmbak.Name{"/app/another", "/app/labelled", "/app/late", "/app/same", "/app/too", "/app/uncached", "/app/younger"}
		entries := make(map[ssmbak.Name]archive.CacheEntry)
		cache := func(name ssmbak.Name) {
			x, err := a.Index(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			newest, _ := x.Newest()
			entries[name] = archive.CacheEntry{Newest: newest.Ref(), ETag: x.ETag(), Unlabelled: true}
		}
		change := func(name ssmbak.Name, f func(*archive.CacheEntry)) {
			e := entries[name]
			f(&e)
			entries[name] = e
		}
		for _, name := range all {
			if name != "/app/late" {
				record(t, a, name, made())
				cache(name)
			}
		}
		time.Sleep(time.Hour)
		early := time.Now()
		if err := a.MarkReconciled(t.Context(), archive.Listing{Began: early, Registered: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		record(t, a, "/app/late", made())
		cache("/app/late")
		time.Sleep(time.Hour)
		change("/app/another", func(e *archive.CacheEntry) { e.ETag = `"another"` })
		change("/app/labelled", func(e *archive.CacheEntry) { e.Unlabelled = false })
		change("/app/younger", func(e *archive.CacheEntry) { e.Newest.Time = ssmbak.TimeOf(early) })
		delete(entries, "/app/uncached")
		if _, err := a.SaveCache(t.Context(), archive.Cache{Entries: entries}); err != nil {
			t.Fatal(err)
		}
		check := func(what string, at time.Time, few int, want ...ssmbak.Name) {
			t.Helper()
			lines, settled, err := a.Unsettled(t.Context(), testworld.Everything(t), few, ssmbak.TimeOf(at))
			if err != nil || len(lines.Problems) > 0 {
				t.Fatalf("%s: %v %v", what, err, lines.Problems)
			}
			var got []ssmbak.Name
			for _, s := range settled {
				got = append(got, s.Name)
				if s.Newest != entries[s.Name].Newest {
					t.Errorf("%s: %+v, want %+v", what, s, entries[s.Name].Newest)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: settled (-want +got):\n%s", what, diff)
			}
			read := slices.DeleteFunc(slices.Clone(all), func(n ssmbak.Name) bool { return slices.Contains(want, n) })
			if diff := cmp.Diff(read, lines.Names); diff != "" || len(lines.All) != len(read) {
				t.Errorf("%s: read (-want +got):\n%s", what, diff)
			}
		}
		check("now", time.Now(), 0, "/app/same", "/app/too")
		check("just as many", time.Now(), 2)
		check("more", time.Now(), 1, "/app/same", "/app/too")
		check("before they were recorded", early.Add(-time.Hour), 0)
		local.Faults.Add(emulator.Rule{Op: "GetObject", KeyPrefix: ".ssmbak/proved", Fault: emulator.Denied})
		check("a caller who may not read the cache", time.Now(), 0)
	})
}
