package ssmbak_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
)

func TestParseNameForms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text     string
		want     ssmbak.Name
		reported string
		fail     string
	}{
		{"/app/db", "/app/db", "/app/db", ""},
		{"db", "/db", "db", ""},
		{"/db", "/db", "db", ""},
		{"/A.b-c_d/9", "/A.b-c_d/9", "/A.b-c_d/9", ""},
		{"/" + strings.Repeat("l/", 14) + "l", ssmbak.Name("/" + strings.Repeat("l/", 14) + "l"), "/" + strings.Repeat("l/", 14) + "l", ""},
		{"", "", "", "empty"},
		{"/", "", "", "ends with a slash"},
		{"/app/", "", "", "ends with a slash"},
		{"app/db", "", "", "must begin with a slash: /app/db"},
		{"/app//db", "", "", "two slashes"},
		{"//db", "", "", "two slashes"},
		{"/app/d b", "", "", "' ' is not allowed"},
		{"/app/dé", "", "", "'é' is not allowed"},
		{"/app/db:3", "", "", "it means version 3 of /app/db"},
		{"db:007", "", "", "it means version 007 of /db"},
		{"/app/db:prod-1", "", "", "it means the version of /app/db with the label prod-1"},
		{"/app/db:", "", "", "':' is not allowed"},
		{"/app/db:3:4", "", "", "':' is not allowed"},
		{"/app/:3", "", "", "':' is not allowed"},
		{"app/db:3", "", "", "must begin with a slash"},
		{"/aws/db:3", "", "", "':' is not allowed"},
		{"/app/db ", "", "", "' ' is not allowed"},
		{"/" + strings.Repeat("l/", 15) + "l", "", "", "16 levels, Parameter Store allows 15"},
		{"/" + strings.Repeat("x", 967), "", "", "longer than"},
		{"/aws/service/ami", "", "", "belong to AWS"},
		{"/AWS", "", "", "belong to AWS"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			got, err := ssmbak.ParseName(test.text)
			if test.fail != "" {
				var refused *ssmbak.NameError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.fail) || refused.Selector != "" && !strings.HasSuffix(test.text, ":"+refused.Selector) {
					t.Fatalf("got %q, %v, want an error that says %q", got, err, test.fail)
				}
				return
			}
			if err != nil || got != test.want || reported(got) != test.reported {
				t.Errorf("got %q, reported %q, %v, want %q, %q", got, reported(got), err, test.want, test.reported)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text      string
		recursive bool
		below     []ssmbak.Name
		not       []ssmbak.Name
		name      ssmbak.Name // the parameter that the text could mean
	}{
		{"/app", false, []ssmbak.Name{"/app/db"}, []ssmbak.Name{"/app", "/app/db/x", "/app2", "/app2/db", "/ap"}, "/app"},
		{"/app/", false, []ssmbak.Name{"/app/db"}, []ssmbak.Name{"/app", "/app/db/x", "/app-x/y"}, ""},
		{"/app", true, []ssmbak.Name{"/app/db", "/app/db/x"}, []ssmbak.Name{"/app", "/app2/db"}, "/app"},
		{"/app/db", true, []ssmbak.Name{"/app/db/x"}, []ssmbak.Name{"/app/db", "/app/db2", "/app/db2/x"}, "/app/db"},
		{"/", false, []ssmbak.Name{"/db"}, []ssmbak.Name{"/app/db"}, ""},
		{"/", true, []ssmbak.Name{"/db", "/app/db"}, nil, ""},
		{"db", false, []ssmbak.Name{"/db/x"}, []ssmbak.Name{"/db"}, "/db"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.text, test.recursive), func(t *testing.T) {
			t.Parallel()
			target, err := ssmbak.ParseTarget(test.text, test.recursive)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range test.below {
				if !target.Below(n) || !strings.HasPrefix(string(n), target.Prefix()) {
					t.Errorf("%s is not below", n)
				}
			}
			for _, n := range test.not {
				if target.Below(n) {
					t.Errorf("%s is below", n)
				}
			}
			if name, possible := target.Name(); possible != (test.name != "") || possible && name != test.name {
				t.Errorf("it could mean %q, %v", name, possible)
			}
			if target.Root() != (test.text == "/") || target.Recursive() != test.recursive {
				t.Errorf("root %v, recursive %v", target.Root(), target.Recursive())
			}
		})
	}
	for _, bad := range []string{"", "//", "/app//", "/app/d b/", "app/db/"} {
		_, err := ssmbak.ParseTarget(bad, false)
		var refused *ssmbak.NameError
		if !errors.As(err, &refused) || refused.Text != bad {
			t.Errorf("%q: %v, want a NameError that quotes it", bad, err)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text                    string
		recursive, named, below bool
		want                    bool
	}{
		{"/app", false, true, true, true}, // the parameter comes before the path
		{"/app", false, false, true, false},
		{"/app/", false, true, true, false},
		{"/app", true, true, true, false},
		{"/app", true, true, false, true}, // nothing below: the parameter
		{"/app", true, false, false, false},
		{"/", true, true, true, false},
	}
	for _, test := range tests {
		target, err := ssmbak.ParseTarget(test.text, test.recursive)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.Resolve(test.named, test.below); got != test.want {
			t.Errorf("%+v: one is %v", test, got)
		}
	}
}

// TestValueRedactsItself tries every way of printing a value that there is.
func TestValueRedactsItself(t *testing.T) {
	t.Parallel()
	v := ssmbak.NewValue("hunter2")
	type holder struct {
		Name  string
		Value ssmbak.Value
		Inner *ssmbak.Value
		All   map[string]ssmbak.Value
		state ssmbak.State
	}
	h := holder{"/a", v, &v, map[string]ssmbak.Value{"a": v}, ssmbak.State{Value: ssmbak.Know(v, ssmbak.Proved)}}
	var said strings.Builder
	for _, x := range []any{v, &v, h, &h, []ssmbak.Value{v}, h.state} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
			fmt.Fprintf(&said, verb, x)
		}
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(text)
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "x", x)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "x", x)
		said.Write(log.Bytes())
		fmt.Fprint(&said, fmt.Errorf("wrapped %v", x))
	}
	for _, secret := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2"), fmt.Sprint([]byte("hunter2"))} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("%q was printed", secret)
		}
	}
	if text, err := json.Marshal(v); err != nil || string(text) != "null" {
		t.Errorf("JSON %s, %v, want null", text, err)
	}
	if v.Reveal() != "hunter2" || v.Len() != 7 || !v.Equal(ssmbak.NewValue("hunter2")) || v.Equal(ssmbak.NewValue("hunter2 ")) {
		t.Error("the value is not what it was made of")
	}
}

func TestTimeJSON(t *testing.T) {
	t.Parallel()
	for _, at := range []ssmbak.Time{0, 1, 1_718_309_454_123, -1} {
		text, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var again ssmbak.Time
		if err := json.Unmarshal(text, &again); err != nil || again != at {
			t.Errorf("%d became %s and then %d, %v", at, text, again, err)
		}
	}
	var at ssmbak.Time
	if err := json.Unmarshal([]byte(`"hunter2"`), &at); err == nil {
		t.Error("a text that is not a time was accepted")
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		at   ssmbak.Time
		want int64
	}{{0, 0}, {999, 0}, {1000, 1}, {-1, -1}, {-1000, -1}, {-1001, -2}}
	for _, test := range tests {
		if got := test.at.Second(); got != test.want {
			t.Errorf("%d ms is in second %d, want %d", test.at, got, test.want)
		}
	}
}

func TestCertaintyWords(t *testing.T) {
	t.Parallel()
	for c, want := range map[ssmbak.Certainty]string{ssmbak.Unknown: "unknown", ssmbak.LastKnown: "last-known", ssmbak.Proved: "proved"} {
		if text, err := json.Marshal(c); err != nil || string(text) != `"`+want+`"` || c.String() != want {
			t.Errorf("%d is %s in JSON and %q, want %q", c, text, c, want)
		}
	}
}

// FuzzParseName checks that a name has one canonical form, and what is said about NAME:3.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"/app/db", "db", "/", "//", "/aws/x", "app/db", "/é", "/app/db:3", "db:prod", "a:b:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ssmbak.ParseName(text)
		var selects *ssmbak.NameError
		if errors.As(err, &selects) && selects.Selector != "" {
			if again, err := ssmbak.ParseName(string(selects.Name)); err != nil || again != selects.Name {
				t.Errorf("%q selects a version of %q, which is %q, %v", text, selects.Name, again, err)
			}
		}
		if err != nil {
			return
		}
		for _, form := range []string{n.String(), reported(n)} {
			if again, err := ssmbak.ParseName(form); err != nil || again != n {
				t.Errorf("%q becomes %q, and %q becomes %q, %v", text, n, form, again, err)
			}
		}
		target, err := ssmbak.ParseTarget(text, true)
		if err != nil || target.Below(n) {
			t.Errorf("%q is below itself, or no target: %v", text, err)
		}
	})
}

// reported returns a name as Parameter Store reports it: one of a single level
// without its slash.
func reported(n ssmbak.Name) string {
	if strings.Count(string(n), "/") == 1 {
		return string(n[1:])
	}
	return string(n)
}
