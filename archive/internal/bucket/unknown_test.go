package bucket_test

import (
	stdcmp "cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// shelf is an object as this program knows it: with an embedded struct, an
// object within, and a list whose elements have a list.
type shelf struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"`
	Name   string `json:"name,omitempty"`
	place
	Owner owner  `json:"owner,omitzero"`
	Books []book `json:"books,omitempty"`
}

type place struct {
	Room string `json:"room,omitempty"`
}

type owner struct {
	ID int `json:"id,omitempty"`
}

type book struct {
	Title  string   `json:"title"`
	Volume int      `json:"volume,omitempty"`
	Read   int      `json:"read,omitempty"` // not part of its identity
	Copies []copied `json:"copies,omitempty"`
}

type copied struct {
	ID string `json:"id"`
}

var kind = bucket.Kind[shelf]{Format: 1, Identities: map[string]bucket.Identity{
	"books": bucket.By("title", "volume"), "books.copies": bucket.By("id"),
}}

// same compares two JSON texts by what they say.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if diff := cmp.Diff(g, w); diff != "" {
		t.Errorf("encoded (-got +want):\n%s", diff)
	}
}

// TestUnknownFields changes an object of a newer program: unknown fields stay where they
// were.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	const future = `{"format":3,"reader":1,"name":"a","room":"b","light":{"watt":[1,2.50]},
		"owner":{"id":7,"since":"2031"},
		"books":[{"title":"x","volume":1,"read":1,"stars":5,"copies":[{"id":"p","lent":true},{"id":"q"}]},{"title":"x","volume":2}],
		"records":[{"title":"x"}]}`
	s, u, err := kind.Decode("key", []byte(future))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "a" || s.Room != "b" || s.Owner.ID != 7 || len(s.Books) != 2 || s.Books[0].Copies[1].ID != "q" {
		t.Errorf("what is known: got %+v", s)
	}
	if u.Empty() || u.Format != 3 || u.Reader != 1 {
		t.Errorf("what is unknown: empty %t, format %d, reader %d; want something of format 3, reader 1", u.Empty(), u.Format, u.Reader)
	}
	if diff := cmp.Diff(u.Fields(), []string{"light", "records"}); diff != "" {
		t.Errorf("unknown fields (-got +want):\n%s", diff)
	}
	s.Books = append([]book{{Title: "new"}}, s.Books...)
	s.Books[1].Read = 9
	s.Books[1].Copies = append(s.Books[1].Copies, copied{ID: "r"})
	text, err := kind.Encode(&s, u)
	if err != nil {
		t.Fatal(err)
	}
	same(t, text, `{"format":3,"name":"a","room":"b","light":{"watt":[1,2.50]},
		"owner":{"id":7,"since":"2031"},
		"books":[{"title":"new"},{"title":"x","volume":1,"read":9,"stars":5,"copies":[{"id":"p","lent":true},{"id":"q"},{"id":"r"}]},{"title":"x","volume":2}],
		"records":[{"title":"x"}]}`)
	if !strings.Contains(string(text), "2.50") {
		t.Errorf("an unknown number was written in another form: %s", text)
	}
}

// TestRefused says which objects are not read, and why.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		reader     int // that a NewerError names, 0 for another error
	}{
		{"of a greater reader", `{"format":2,"reader":2,"name":"a"}`, 2},
		{"of a greater reader, with another form", `{"format":9,"reader":4,"books":"none"}`, 4},
		{"no JSON", `{"format":1,`, 0},
		{"another type", `{"format":1,"name":7}`, 0},
		{"another type, in an object of the future", `{"format":2,"new":1,"books":{}}`, 0},
		{"no format", `{"name":"a"}`, 0},
		{"something behind it", `{"format":1}{}`, 0},
		{"a list", `[]`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := kind.Decode("key", []byte(test.text))
			var newer *bucket.NewerError
			switch {
			case err == nil:
				t.Error("it was read")
			case errors.As(err, &newer) != (test.reader != 0), newer != nil && newer.Reader != test.reader:
				t.Errorf("got %v, want a newer reader: %d", err, test.reader)
			}
		})
	}
}

// TestNoIdentity refuses what would lose a field: an element that could not be
// found again.
func TestNoIdentity(t *testing.T) {
	t.Parallel()
	blind := bucket.Kind[shelf]{Format: 1}
	if _, _, err := blind.Decode("key", []byte(`{"format":1,"books":[{"title":"x","stars":5}]}`)); err == nil {
		t.Error("an unknown field of an element without an identity was accepted")
	}
	if _, _, err := blind.Decode("key", []byte(`{"format":1,"books":[{"title":"x"}]}`)); err != nil {
		t.Errorf("without an unknown field: %v", err)
	}
}

// TestLeast takes both, and of two values of one field the lesser bytes, in either order.
func TestLeast(t *testing.T) {
	t.Parallel()
	read := func(text string) bucket.Unknown {
		_, u, err := kind.Decode("key", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	a := read(`{"format":2,"light":1,"books":[{"title":"x","stars":5}],"owner":{"since":1}}`)
	b := read(`{"format":3,"light":2,"sound":0,"books":[{"title":"x","stars":4,"mark":"m"},{"title":"y","stars":1}]}`)
	want := `{"format":3,"light":1,"sound":0,"owner":{"since":1},"books":[{"title":"x","stars":4,"mark":"m"},{"title":"y","stars":1}]}`
	for _, u := range []bucket.Unknown{bucket.Least(a, b), bucket.Least(b, a)} {
		s := shelf{Books: []book{{Title: "x"}, {Title: "y"}}}
		text, err := kind.Encode(&s, u)
		if err != nil {
			t.Fatal(err)
		}
		same(t, text, want)
	}
}

// FuzzDecode: whatever is read can be written and read again, and is the same
// then.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":2,"light":1,"owner":{"since":1},"books":[{"title":"x","stars":5,"copies":[{"id":"p","lent":true}]}]}`))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, u, err := kind.Decode("key", text)
		if err != nil {
			return
		}
		once, err := kind.Encode(&s, u)
		if err != nil {
			t.Fatal(err)
		}
		again, v, err := kind.Decode("key", once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		twice, err := kind.Encode(&again, v)
		if err != nil {
			t.Fatal(err)
		}
		same(t, twice, string(once))
	})
}

// TestDecodeOneAfterTheOther decodes texts with decoders that have decoded others: each is
// decoded as if it were the only one.
func TestDecodeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	texts := []struct {
		text, name string // no name if it is invalid
	}{
		{`{"format":1,"name":"a"}`, "a"},
		{"{\"format\":1,\"name\":\"b\"}\r\n\t ", "b"},
		{"\n {\"format\":1,\"name\":\"c\"}", "c"},
		{`{"format":1,"name":"` + strings.Repeat("long", 4000) + `"}`, strings.Repeat("long", 4000)},
		{`{"format":1,"name":"d"}}`, ""},
		{`{"format":1,"name":"e"}]`, ""},
		{`{"format":1,"name":"f"} {"format":1}`, ""},
		{`{"format":1,"name":"g"`, ""},
		{`{"format":1,"name":7}`, ""},
		{``, ""},
		{`{"format":1}`, "none"},
	}
	for range 3 {
		for i, first := range texts {
			for _, x := range slices.Concat(texts[i:], texts[:i]) {
				s, _, err := kind.Decode("key", []byte(x.text))
				if want := x.name; (err == nil) != (want != "") || err == nil && stdcmp.Or(s.Name, "none") != want {
					t.Fatalf("%.40q, first %.40q: %.40q, %v", x.text, first.text, s.Name, err)
				}
			}
		}
	}
}
