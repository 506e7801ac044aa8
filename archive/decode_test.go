package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

func zipped(text string) []byte {
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	_, _ = io.WriteString(zip, text)
	_ = zip.Close()
	return buf.Bytes()
}

// decode decodes the bytes of an object as a read does.
func decode[T any](kind *bucket.Kind[T], key string, body []byte) (T, bucket.Unknown, error) {
	v, unknown, err := kind.Decode(key, body)
	return v, unknown, (&Archive{}).documentError(key, err)
}

const sample = `{"format":1,"name":"/app/db","swap":3,"writer":"w",
"versions":[{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String","tier":"Standard","events":["e1"],"objects":[{"id":"o1","written":"2024-06-13T20:10:55.000Z"}]},
            {"number":2,"time":"2024-06-13T20:11:54.123Z","type":"SecureString","keyId":"alias/aws/ssm","unreadable":"InvalidKeyId"}],
"deletions":[{"event":"e2","second":1718309600}],
"looks":[{"newest":{"number":2,"time":"2024-06-13T20:11:54.123Z"},"oldest":1,"sure":"2024-06-13T20:12:00.000Z","seen":"2024-06-13T20:12:10.000Z"},
         {"gone":true,"sure":"2024-06-13T20:20:00.000Z","seen":"2024-06-13T20:20:10.000Z"}],
"tags":[{"tags":{"a":"b"},"event":"e3","second":1718309500,"counter":2},{"tags":{},"sure":"2024-06-13T20:12:00.000Z","lastSure":"2024-06-13T20:13:30.000Z","lastSeen":"2024-06-13T20:13:40.000Z","seen":"2024-06-13T20:13:00.000Z"}],
"labels":[{"labels":{"prod":1},"seen":"2024-06-13T20:13:00.000Z"},{"event":"e5","second":1718309400}],
"traces":[{"event":"e4","second":1718309700,"operation":"Create"}],
"originals":[{"id":"o0","second":1718300000,"lastModified":"2024-06-13T17:33:21.000Z","type":"String"}]}`

func TestDecodeIndex(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		raw        bool
		format     bool // a FormatError, else a DamagedError
		says       string
	}{
		{name: "not compressed", text: sample, raw: true, says: "gzip"},
		{name: "cut short", text: string(zipped(sample)[:100]), raw: true, says: "EOF"},
		{name: "no JSON", text: "index", says: "not a JSON object"},
		{name: "no format", text: `{"name":"/app/db"}`, says: "no format"},
		{name: "for newer readers", text: `{"format":4,"reader":4,"versions":"in another shape"}`, format: true, says: "use a newer ssmbak"},
		{name: "another parameter's", text: strings.ReplaceAll(sample, "/app/db", "/app/x"), says: "/app/x"},
		{name: "wrong type", text: strings.ReplaceAll(sample, `"number":2,"time"`, `"number":"two","time"`), says: "number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			body := zipped(test.text)
			if test.raw {
				body = []byte(test.text)
			}
			_, _, err := decode(&indexKind, indexKey("/app/db"), body)
			var format *FormatError
			var damaged *DamagedError
			if errors.As(err, &format) != test.format || errors.As(err, &damaged) == test.format || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Fatalf("error %v", err)
			}
			if !test.format && damaged.Name != "/app/db" {
				t.Errorf("the damage is of %q", damaged.Name)
			}
		})
	}
}

// TestIndexRoundTrip checks that an index that is read and written again stays the same.
func TestIndexRoundTrip(t *testing.T) {
	t.Parallel()
	d, unknown, err := decode(&indexKind, indexKey("/app/db"), zipped(sample))
	if err != nil {
		t.Fatal(err)
	}
	if f := d.Facts; len(f.Versions) != 2 || len(f.Deletions) != 1 || len(f.Observations) != 2 || len(f.Tags) != 2 || len(f.Labels) != 2 || len(f.MissedChanges) != 1 || len(f.Legacy) != 1 {
		t.Fatalf("facts are missing: %+v", f)
	}
	if !unknown.Empty() {
		t.Errorf("unknown fields: %v", unknown.Fields())
	}
	body, err := indexKind.Encode(&d, unknown)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := decode(&indexKind, indexKey("/app/db"), body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}

// FuzzDecodeIndex checks that whatever is decoded can be written and read again
// as it was, and makes a timeline.
func FuzzDecodeIndex(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"format":1,"name":"/app/db"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, unknown, err := decode(&indexKind, indexKey("/app/db"), zipped(string(text)))
		if err != nil {
			var format *FormatError
			var damaged *DamagedError
			if !errors.As(err, &format) && !errors.As(err, &damaged) {
				t.Errorf("an error of another type: %v", err)
			}
			return
		}
		body, err := indexKind.Encode(&d, unknown)
		if err != nil {
			return // a time that no JSON can hold
		}
		again, _, err := decode(&indexKind, indexKey("/app/db"), body)
		if err != nil {
			t.Fatalf("written and not read again: %v", err)
		}
		if diff := cmp.Diff(d, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
		timeline.New("/app/db", d.Facts, timeline.Coverage{}).At(0)
	})
}

// FuzzDecode does the same for the two other objects.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"account":"123456789012","region":"us-east-1","created":"2024-06-13T20:10:54Z"}`))
	f.Add([]byte(`{"format":1,"account":"123456789012","region":"us-east-1","created":"2024-06-13T20:10:54Z","encryption":{"values":"AES256","indexes":"none"}}`))
	f.Add([]byte(`{"format":1,"first":"2024-06-13T20:10:54Z","last":"2024-06-13T20:10:54Z","failed":["/a"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _, err := decode(&identityKind, identityKey, text)
		_, _, err2 := decode(&reconciledKind, reconciledKey, text)
		for _, err := range []error{err, err2} {
			var format *FormatError
			var damaged *DamagedError
			if err != nil && !errors.As(err, &format) && !errors.As(err, &damaged) {
				t.Errorf("an error of another type: %v", err)
			}
		}
	})
}

// TestSpecifiedExample reads the example of docs/archive-format.md.
func TestSpecifiedExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/archive-format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "gzip over one JSON object:\n\n")
	example, _, ok2 := strings.Cut(rest, "\n\n`swap`")
	if !ok || !ok2 {
		t.Fatal("the specification has no example of an index")
	}
	d, unknown, err := decode(&indexKind, indexKey("/app/db"), zipped(example))
	if !unknown.Empty() {
		t.Errorf("the example has fields that are not known: %v", unknown.Fields())
	}
	if err != nil {
		t.Fatal(err)
	}
	line := timeline.New("/app/db", d.Facts, timeline.Coverage{})
	at := d.Versions[0].Time
	if state, refs := line.At(at); state.Version.Number != 1 || state.Certainty != ssmbak.Proved || len(refs) != 1 {
		t.Errorf("at its first version the example holds %+v", state)
	}
	if _, _, absent := line.Newest(); !absent {
		t.Error("the example does not end deleted")
	}
}
