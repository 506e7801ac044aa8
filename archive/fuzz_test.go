package archive

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// roundTrip checks that whatever is decoded can be written and read again as it was, and
// that errors report only damage or a newer format. A text is compressed if the kind is.
func roundTrip[T any](t *testing.T, kind *bucket.Kind[T], key string, text []byte, compare ...cmp.Option) {
	t.Helper()
	if kind.Gzip {
		text = zipped(string(text))
	}
	d, unknown, err := decode(kind, key, text)
	if err != nil {
		var format *FormatError
		var damaged *DamagedError
		if !errors.As(err, &format) && !errors.As(err, &damaged) {
			t.Errorf("an error of another type: %v", err)
		}
		return
	}
	body, err := kind.Encode(&d, unknown)
	if err != nil {
		return // a time that no JSON can hold
	}
	again, _, err := decode(kind, key, body)
	if err != nil {
		t.Fatalf("written and not read again: %v", err)
	}
	if diff := cmp.Diff(d, again, append(compare, cmpopts.EquateEmpty())...); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}

// FuzzNameOfKey checks that only the keys that this package writes belong to a name.
func FuzzNameOfKey(f *testing.F) {
	f.Add("/app/db")
	f.Add(".ssmbak/index/app/db")
	f.Add(".ssmbak/names/db")
	f.Fuzz(func(t *testing.T, key string) {
		if name, ok := nameOfValue(key); ok && string(name) != key {
			t.Errorf("%q has values of %q", key, name)
		}
		if name, ok := nameOfIndex(key); ok && indexKey(name) != key {
			t.Errorf("%q is the index of %q, whose key is %q", key, name, indexKey(name))
		}
		if name, ok := nameOfEntry(key); ok && entryKey(name) != key {
			t.Errorf("%q is the entry of %q, whose key is %q", key, name, entryKey(name))
		}
	})
}

func FuzzDecodePart(f *testing.F) {
	const key = ".ssmbak/parts/app/db/0123456789abcdef"
	f.Add([]byte(`{"format":1,"name":"/app/db","first":{"number":1,"time":"2024-06-13T20:10:54.123Z"},"last":{"number":3,"time":"2024-06-13T20:12:54.123Z"},` +
		`"versions":[{"number":2,"time":"2024-06-13T20:11:54.123Z","type":"String","objects":[{"id":"o","written":"2024-06-13T20:11:55.000Z"}]}]}`))
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, text []byte) { roundTrip(t, &partKind, key, text) })
}

func FuzzDecodeMark(f *testing.F) {
	f.Add([]byte(`{"format":1,"writer":"w","name":"deploy-41","at":"2024-06-13T20:10:54.123Z","made":"2024-06-13T20:10:55Z","by":"arn:aws:iam::123456789012:user/ci","message":"m"}`))
	f.Add([]byte(`{"format":1,"writer":"w","name":"deploy-41","made":"2024-06-13T20:10:55Z","by":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) { roundTrip(t, &markKind, ".ssmbak/marks/deploy-41", text) })
}

func FuzzDecodeAdopted(f *testing.F) {
	f.Add([]byte(`{"format":1,"at":"2024-06-13T20:10:55Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		roundTrip(t, &adoptedKind, ".ssmbak/adopted", text, cmp.AllowUnexported(adoption{}))
	})
}

func FuzzDecodeReconciled(f *testing.F) {
	f.Add([]byte(`{"format":1,"first":"2024-06-13T20:10:54Z","last":"2024-06-13T20:10:54Z","missed":[{"name":"/a","until":"2024-06-13T20:10:54Z"}],"once":[{"pattern":"tmp-*","until":"2024-06-13T20:10:54Z"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) { roundTrip(t, &reconciledKind, reconciledKey, text) })
}

// FuzzDecodeProgress decodes the progress of a listing: a line for itself, and one for each
// parameter.
func FuzzDecodeProgress(f *testing.F) {
	f.Add([]byte(`{"format":1,"writer":"w","id":"9f86d081884c7d65","began":"2024-06-13T20:10:54Z","tags":true,"total":2}` + "\n" +
		`{"name":"/a","todo":{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String"}}` + "\n" +
		`{"name":"/b","tried":"2024-06-13T20:10:54Z","failed":"AccessDenied","missed":true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		roundTrip(t, &progressKind, progressKey, text, cmp.AllowUnexported(progressDocument{}))
	})
}

// FuzzDecodeCheckpoint decodes a checkpoint, and an object of its leaves.
func FuzzDecodeCheckpoint(f *testing.F) {
	const key = ".ssmbak/checkpoints/0000000002"
	f.Add([]byte(`{"format":1,"writer":"w","sequence":2,"time":"2024-06-13T20:10:54.123Z","account":"123456789012","region":"us-east-1",` +
		`"before":{"sequence":1,"time":"2024-06-12T20:10:54.123Z","sha256":"00"},"lifecycle":[{"id":"values","prefix":"/","days":30}],"count":0,` +
		`"root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`))
	f.Add([]byte(`{"format":1}` + "\n" + `{"key":"/a","id":"o","size":1,"noncurrent":"2024-06-13T20:10:54.000Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		roundTrip(t, &checkpointKind, key, text, cmp.AllowUnexported(Checkpoint{}))
		roundTrip(t, &leavesKind, leavesPrefix, text, cmp.AllowUnexported(leavesDocument{}))
	})
}

// FuzzDecodeCache decodes the reconcile cache: a line for itself, and one for each
// parameter.
func FuzzDecodeCache(f *testing.F) {
	f.Add([]byte(`{"format":1,"writer":"w","labels":"2024-06-13T20:10:54Z"}` + "\n" +
		`{"name":"/a","newest":{"number":1,"time":"2024-06-13T20:10:54.123Z"},"etag":"e","id":"o","top":"2024-06-13T20:10:55Z","tags":"d"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		roundTrip(t, &cacheKind, cacheKey, text, cmp.AllowUnexported(cacheDocument{}))
	})
}
