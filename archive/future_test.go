package archive_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// future returns an object of a newer program.
func future(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "future", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stored returns the JSON of an object in the bucket.
func (p place) stored(t *testing.T, key string) map[string]any {
	t.Helper()
	out, err := p.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &p.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(zip); err != nil {
			t.Fatal(err)
		}
	}
	return object(t, string(body))
}

func object(t *testing.T, text string) (fields map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return fields
}

// futureArchive is a bucket that such a program wrote.
func futureArchive(t *testing.T) (place, *archive.Writer, string) {
	t.Helper()
	_, p := emulated(t, 1)
	p.put(t, ".ssmbak/archive", future(t, "archive.json"))
	p.put(t, ".ssmbak/reconciled", future(t, "reconciled.json"))
	index := future(t, "index.json")
	for i, value := range []string{"ONE", "TWO"} {
		id := p.putID(t, "/app/db", "value "+value, map[string]string{
			"ssmbak-version": fmt.Sprint(i + 1), "ssmbak-time": []string{"1718309454123", "1718309700000"}[i], "ssmbak-type": "String",
		})
		index = strings.ReplaceAll(index, `"`+value+`"`, `"`+id+`"`)
	}
	p.put(t, ".ssmbak/index/app/db", zipped(index))
	a, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	return p, a, index
}

// putID writes an object past the archive and returns its version id.
func (p place) putID(t *testing.T, key, body string, metadata map[string]string) string {
	t.Helper()
	out, err := p.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &p.bucket, Key: &key, Body: strings.NewReader(body), Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	return *out.VersionId
}

// TestFuture reads an archive of a newer program, and writes into it: unknown fields stay
// in place.
func TestFuture(t *testing.T) {
	t.Parallel()
	p, a, before := futureArchive(t)
	everything := testworld.Everything(t)
	snap, err := a.At(t.Context(), everything, ssmbak.TimeOf(time.Date(2024, 6, 13, 20, 12, 0, 0, time.UTC)), archive.AllValues)
	if err != nil || len(snap.Problems) > 0 || len(snap.States) != 1 || snap.States[0].Value.V.Reveal() != "value ONE" {
		t.Fatalf("read: %+v, %v", snap, err)
	}
	if err := a.CheckIndex(t.Context(), "/app/db"); err != nil {
		t.Errorf("the index counts as %v", err)
	}

	x, err := a.Index(t.Context(), "/app/db")
	if err != nil {
		t.Fatal(err)
	}
	claimed := x.Facts.Versions[1]
	claimed.Events = []string{"announced"}
	added := timeline.Facts{Versions: []timeline.Version{claimed}, Deletions: []timeline.Deletion{{Event: "aaaa", Second: 1718309999}}}
	if _, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, added) }); err != nil {
		t.Fatal(err)
	}
	want := object(t, before)
	want["swap"] = float64(4)
	want["versions"].([]any)[1].(map[string]any)["events"] = []any{"announced"}
	want["deletions"] = slices.Insert(want["deletions"].([]any), 0, any(map[string]any{"event": "aaaa", "second": float64(1718309999)}))
	got := p.stored(t, ".ssmbak/index/app/db")
	delete(want, "writer")
	delete(got, "writer")
	for _, either := range []map[string]any{want, got} { // whatever their order
		slices.SortFunc(either["tags"].([]any), byMember("by"))
		slices.SortFunc(either["labels"].([]any), byMember("by"))
	}
	delete(want, "reader") // 1 is what an object without it means
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("the index after a swap (-got +want):\n%s", diff)
	}

	listing := time.Date(2024, 6, 14, 0, 0, 0, 0, time.UTC)
	if err := a.MarkReconciled(t.Context(), archive.Listing{Began: listing, Excluded: []string{"/ci/**"}}); err != nil {
		t.Fatal(err)
	}
	want = object(t, future(t, "reconciled.json"))
	want["last"] = "2024-06-14T00:00:00Z"
	if diff := cmp.Diff(p.stored(t, ".ssmbak/reconciled"), want); diff != "" {
		t.Errorf("the listing after another one (-got +want):\n%s", diff)
	}

	writer, err := p.open(t, func(o *archive.Options) {
		o.Encryption = &archive.Encryption{Values: archive.HeaderS3, Indexes: archive.HeaderNone}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.KeepEncryption(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = object(t, future(t, "archive.json"))
	want["encryption"].(map[string]any)["indexes"] = "none"
	if diff := cmp.Diff(p.stored(t, ".ssmbak/archive"), want); diff != "" {
		t.Errorf("the identity after another setting (-got +want):\n%s", diff)
	}
}

func byMember(name string) func(a, b any) int {
	text := func(x any) string { return x.(map[string]any)[name].(string) }
	return func(a, b any) int { return strings.Compare(text(a), text(b)) }
}

// TestFutureReader refuses the objects that only a newer program can read, and no
// others.
func TestFutureReader(t *testing.T) {
	t.Parallel()
	p, a, index := futureArchive(t)
	p.put(t, ".ssmbak/index/app/newer", zipped(strings.NewReplacer(`"reader": 1`, fmt.Sprintf(`"reader": %d`, archive.Format+1), "/app/db", "/app/newer").Replace(index)))
	everything := testworld.Everything(t)
	snap, err := a.At(t.Context(), everything, ssmbak.MaxTime-1, archive.NoValues)
	var newer *archive.FormatError
	if err != nil || len(snap.States) != 1 || len(snap.Problems) != 1 || snap.Problems[0].Name != "/app/newer" || !errors.As(snap.Problems[0].Err, &newer) || newer.Format != archive.Format+1 {
		t.Errorf("got %+v, %v", snap, err)
	}
	for name, err := range a.Damaged(t.Context(), everything) {
		t.Errorf("%s is to be rebuilt: %v", name, err)
	}
}

// TestFutureReindexed rebuilds a damaged index from one of a newer program without losing
// unknown fields.
func TestFutureReindexed(t *testing.T) {
	t.Parallel()
	p, a, before := futureArchive(t)
	p.put(t, ".ssmbak/index/app/db", "damaged")
	out, err := a.Reindex(t.Context(), "/app/db")
	if err != nil || !out.Rebuilt {
		t.Fatalf("%+v, %v", out, err)
	}
	got, want := p.stored(t, ".ssmbak/index/app/db"), object(t, before)
	for _, field := range []string{"digest", "policies", "versions", "deletions", "looks", "traces", "format"} {
		if diff := cmp.Diff(got[field], want[field]); diff != "" {
			t.Errorf("%s (-got +want):\n%s", field, diff)
		}
	}
}

// TestUnknownFactsAlone checks that an index with only unknown kinds of facts means that
// the parameter is recorded.
func TestUnknownFactsAlone(t *testing.T) {
	t.Parallel()
	_, p := emulated(t, 1)
	a := p.ready(t)
	p.put(t, ".ssmbak/index/app/db", zipped(`{"format":2,"name":"/app/db","swap":1,"writer":"w","policies":[{"resource":"x"}]}`))
	snap, err := a.At(t.Context(), ssmbak.NameTarget("/app/db"), ssmbak.MaxTime-1, archive.NoValues)
	if err != nil || len(snap.States) != 1 || snap.States[0].Certainty == ssmbak.Proved {
		t.Errorf("got %+v, %v", snap, err)
	}
}
