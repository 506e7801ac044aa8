package archive_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// TestCacheUnreadable checks that a reconcile cache that cannot be read is empty, and
// can be replaced.
func TestCacheUnreadable(t *testing.T) {
	t.Parallel()
	const key = ".ssmbak/proved"
	want := map[ssmbak.Name]archive.CacheEntry{"/a": {ETag: "e", Top: time.Unix(1718309454, 0).UTC()}}
	for name, body := range map[string]string{
		"not compressed": "junk", "another format": zipped(`{"format":2}`), "cut short": zipped(`{"format":1}` + "\n" + `{"name":`), "corrupted": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			local, p := emulated(t, 1)
			a := p.ready(t)
			if body != "" {
				p.put(t, key, body)
			} else {
				if _, err := a.SaveCache(t.Context(), archive.Cache{Entries: want}); err != nil {
					t.Fatal(err)
				}
				local.S3.Corrupt(p.bucket, key, local.S3.Versions(p.bucket, key)[0].VersionID, []byte(zipped(`{"format":1}`)))
			}
			c, err := a.Cache(t.Context())
			if err != nil || len(c.Entries) > 0 {
				t.Fatalf("read %v, %v, want nothing", c.Entries, err)
			}
			c.Entries["/a"] = want["/a"]
			if _, err := a.SaveCache(t.Context(), c); err != nil {
				t.Fatalf("replace it: %v", err)
			}
			if c, err = a.Cache(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Entries, want); diff != "" {
				t.Errorf("read again (-got +want):\n%s", diff)
			}
		})
	}
}

// TestCacheMerge checks that of two writers neither loses its entries, and that an
// entry that one of them deletes is gone.
func TestCacheMerge(t *testing.T) {
	t.Parallel()
	_, p := emulated(t, 1)
	a := p.ready(t)
	first, err := a.Cache(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.Cache(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.Entries["/a"], first.Entries["/b"] = archive.CacheEntry{ETag: "1"}, archive.CacheEntry{ETag: "1"}
	second.Entries["/b"], second.Entries["/c"] = archive.CacheEntry{ETag: "2"}, archive.CacheEntry{ETag: "2"}
	if _, err := a.SaveCache(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if second, err = a.SaveCache(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	want := map[ssmbak.Name]archive.CacheEntry{"/a": {ETag: "1"}, "/b": {ETag: "2"}, "/c": {ETag: "2"}}
	if diff := cmp.Diff(second.Entries, want); diff != "" {
		t.Errorf("saved (-got +want):\n%s", diff)
	}
	delete(second.Entries, "/a")
	delete(want, "/a")
	if _, err := a.SaveCache(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	last, err := a.Cache(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last.Entries, want); diff != "" {
		t.Errorf("read (-got +want):\n%s", diff)
	}
}
