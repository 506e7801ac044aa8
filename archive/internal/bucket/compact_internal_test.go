package bucket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// facts is a document as the index of a parameter is.
type facts struct {
	Format int         `json:"format"`
	Reader int         `json:"reader,omitempty"`
	Name   ssmbak.Name `json:"name"`
	timeline.Facts
}

// full returns a value of which no field is zero: texts have characters that JSON escapes,
// and lists have two elements.
func full(t *testing.T, into reflect.Value, n *int) {
	t.Helper()
	*n++
	switch kind := into.Kind(); {
	case into.Type() == reflect.TypeFor[ssmbak.Time]():
		into.SetInt(ssmbak.Seconds(1_700_000_000).Add(1).Second()*1000 + int64(*n))
	case kind == reflect.String:
		into.SetString(fmt.Sprintf("%d <\"\\\u00e9\u2028>", *n))
	case kind == reflect.Bool:
		into.SetBool(true)
	case kind == reflect.Int, kind == reflect.Int64:
		into.SetInt(int64(-*n))
	case kind == reflect.Slice:
		into.Set(reflect.MakeSlice(into.Type(), 2, 2))
		full(t, into.Index(0), n)
		full(t, into.Index(1), n)
	case kind == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		full(t, into.Elem(), n)
	case kind == reflect.Map:
		into.Set(reflect.MakeMap(into.Type()))
		value := reflect.New(into.Type().Elem()).Elem()
		full(t, value, n)
		into.SetMapIndex(reflect.ValueOf("a"), value)
		into.SetMapIndex(reflect.ValueOf("b"), reflect.Zero(value.Type()))
	case kind == reflect.Struct:
		for i := range into.NumField() {
			full(t, into.Field(i), n)
		}
	default:
		t.Fatalf("no value of %v", into.Type())
	}
}

// TestCompact reads documents of facts that were just written: each field of each fact, and
// one document after the other, of which none has a trace of those before.
func TestCompact(t *testing.T) {
	t.Parallel()
	var everything, nothing facts
	full(t, reflect.ValueOf(&everything).Elem(), new(int))
	half := everything
	half.Versions = []timeline.Version{{Objects: []timeline.ObjectRef{}}, everything.Versions[0], {Unreadable: "x"}}
	half.Calls = nil
	large := half
	for range 200 {
		large.Versions = append(large.Versions, everything.Versions[0], timeline.Version{})
	}
	for i, d := range []facts{everything, nothing, half, everything, half, large, half} {
		for _, end := range []string{"", "\n"} {
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var want, got facts
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if !compactly([]byte(string(text)+end), weigh(text), &got) {
				t.Fatalf("document %d is left to the slow decoder:\n%s", i, text)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("document %d (-got +want):\n%s", i, diff)
			}
		}
	}
}

// kinds has a field of each kind that compact reads.
type kinds struct {
	Format int    `json:"format"`
	Text   string `json:"text,omitempty"`
	inner
	Is      bool               `json:"is,omitempty"`
	At      ssmbak.Time        `json:"at"`
	Numbers []int64            `json:"numbers,omitempty"`
	Below   []inner            `json:"below,omitempty"`
	Lists   [][]string         `json:"lists,omitempty"`
	Maybe   map[string]*string `json:"maybe,omitempty"`
	Of      map[string]inner   `json:"of,omitempty"`
	_       int
	Not     int `json:"-"`
}

type inner struct {
	A int    `json:"a,omitempty"`
	B string `json:"b,omitempty"`
}

// unlike are documents that compact must not read, and some that it may.
var unlike = []string{
	`{"format":1,"text":"a\u00e9\ud83d\ude00\n","a":1,"b":"x","is":true,"at":"2026-11-27T10:00:00.123Z","numbers":[1,-2,0],"below":[{},{"a":1,"b":"y"}],"lists":[[],["a","a"]],"maybe":{"k":null,"l":"m"},"of":{"n":{"a":2}}}`,
	`{"format":1,"at":null}`, `{"format":01,"at":null}`, `{"format":-0,"at":null}`, `{"format":-,"at":null}`, `{"format":1e2,"at":null}`,
	`{"format":1.0,"at":null}`, `{"format":999999999999999999,"at":null}`, `{"format":9223372036854775808,"at":null}`,
	`{"at":null,"format":1}`, `{"format":1,"format":2,"at":null}`, `{"Format":1,"at":null}`, `{"format": 1,"at":null}`, ` {"format":1,"at":null}`,
	`{"format":1,"at":null}x`, "{\"format\":1,\"at\":null}\n\n", `{"format":1,"at":null`, `{"format":1,"at":null,}`, `{"format":1,,"at":null}`, `{"format":null,"at":null}`,
	`{"format":1,"text":null,"at":null}`, `{"format":1,"text":"` + "\x01" + `","at":null}`, `{"format":1,"text":"` + "\xff" + `","at":null}`, `{"format":1,"text":"\x","at":null}`,
	`{"format":1,"text":"\ud800","at":null}`, `{"format":1,"text":"a`, `{"format":1,"text":"a\`, `{"format":1,"at":"yesterday"}`, `{"format":1,"at":7}`, `{"format":1,"at":"2026-11-27T10:00:00\u005a"}`,
	`{"format":1,"is":false,"at":null}`, `{"format":1,"is":1,"at":null}`, `{"format":1,"at":null,"numbers":[]}`, `{"format":1,"at":null,"numbers":[1,]}`, `{"format":1,"at":null,"numbers":[,1]}`,
	`{"format":1,"at":null,"numbers":[1 ,2]}`, `{"format":1,"at":null,"numbers":null}`, `{"format":1,"at":null,"numbers":[null]}`, `{"format":1,"at":null,"below":[{"c":1}]}`, `{"format":1,"at":null,"below":[{"b":"x","a":1}]}`,
	`{"format":1,"at":null,"maybe":{"a":"x","a":"y"}}`, `{"format":1,"at":null,"maybe":{"a":"x",}}`, `{"format":1,"at":null,"maybe":{}}`, `{"format":1,"at":null,"of":{"a":{"b":"x"},"b":{"a":1}}}`,
	`{"format":1,"at":null,"_":1}`, `{"format":1,"at":null,"Not":1}`, `{"format":1,"at":null,"-":1}`, `[]`, `null`, `{}`, ``,
}

// sameAsSlowly fails if compact reads a text that [json.Decoder] refuses or reads otherwise.
func sameAsSlowly(t *testing.T, text []byte) (read bool) {
	t.Helper()
	var got, want kinds
	if read = compactly(text, weigh(text), &got); !read {
		return false
	}
	slow := json.NewDecoder(bytes.NewReader(text))
	slow.DisallowUnknownFields()
	err := slow.Decode(&want)
	if rest := strings.TrimSpace(string(text[slow.InputOffset():])); err != nil || rest != "" {
		t.Fatalf("%q is read, although: %v, %q follows", text, err, rest)
	}
	if diff := cmp.Diff(got, want, cmp.AllowUnexported(kinds{}), cmpopts.EquateComparable()); diff != "" {
		t.Fatalf("%q (-compact +slow):\n%s", text, diff)
	}
	return true
}

// TestCompactIsExact decodes documents that are not as this package writes them.
func TestCompactIsExact(t *testing.T) {
	t.Parallel()
	read := 0
	for _, text := range unlike {
		if sameAsSlowly(t, []byte(text)) {
			read++
		}
	}
	if !sameAsSlowly(t, []byte(unlike[0])) || read > len(unlike)/3 {
		t.Errorf("%d of %d documents are read, the first one: %t", read, len(unlike), sameAsSlowly(t, []byte(unlike[0])))
	}
}

// FuzzCompact: what compact reads, the slow decoder reads the same.
func FuzzCompact(f *testing.F) {
	for _, text := range unlike {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { sameAsSlowly(t, text) })
}
