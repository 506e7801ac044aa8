package pattern_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		name ssmbak.Name
		want bool
	}{
		// Without a slash: the last level.
		{"db", "/app/db", true},
		{"db", "/db", true},
		{"db", "/db/app", false},
		{"db", "/app/db2", false},
		{"DB", "/app/db", false},
		{"d*", "/app/db", true},
		{"*", "/app/db", true},
		{"**", "/app/db", true},
		{"*-db", "/app/my-db", true},
		{"d?", "/app/db", true},
		{"d?", "/app/d", false},
		{"d[a-c]", "/app/db", true},
		{"d[!a-c]", "/app/db", false},
		{"{db,cache}", "/app/cache", true},
		{"{db,cache}", "/app/queue", false},
		{"app.db", "/x/app-db", false},
		// With a leading slash: the complete name.
		{"/app/db", "/app/db", true},
		{"/app/db", "/x/app/db", false},
		{"**/db", "/app/sub/db", true},
		{"**/db", "/db", true},
		{"/app/*", "/app/db", true},
		{"/app/*", "/app/sub/db", false},
		{"/app/*", "/app", false},
		{"/app/**", "/app/sub/db", true},
		{"/app/**", "/app2/db", false},
		{"/app/**/db", "/app/db", true},
		{"/app/**/db", "/app/a/b/c/db", true},
		{"/app/**/db", "/app/a/db/c", false},
		{"/{app,web}/d*", "/web/db", true},
		{"/{app,web/**}/db", "/web/a/b/db", true},
		{"/*", "/db", true},
		{"/*", "/app/db", false},
		{"/app/db*/", "/app/db", false},
		// A path without a wildcard: that parameter and everything below it.
		{"/app", "/app", true},
		{"/app", "/app/db", true},
		{"/app", "/app/sub/db", true},
		{"/app", "/app2", false},
		{"/app", "/x/app/db", false},
		{"/app/", "/app/db", true},
		{"/app/db", "/app/db/host", true},
		{"/", "/app/db", true},
		// Without a slash at its beginning: at every depth.
		{"*/db/host", "/app/db/host", true},
		{"*/db/host", "/a/b/db/host", true},
		{"*/db/host", "/app/db/host/name", false},
		{"*/db/host", "/app/mydb/host", false},
		{"{/app,/web}/db", "/web/db", true},
		{"db/h*", "/app/db/host", true},
		{"db/h*", "/db/host", true},
		{"db/*", "/app/db/host/name", false},
		{"app/db", "/app/db", true},
		{"app/db", "/x/app/db", true},
		{"app/db", "/x/app/db/host", true},
		{"app/db", "/x/myapp/db", false},
	}
	for _, test := range tests {
		if got := pattern.Match(test.text, test.name); got != test.want {
			t.Errorf("Match(%q, %s): got %v, want %v", test.text, test.name, got, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "[", "[a", "{a", "a[]", `a\`} {
		var wrong *pattern.Error
		if err := pattern.Check("a", bad); !errors.As(err, &wrong) || wrong.Pattern != bad {
			t.Errorf("%q: %v, want an Error", bad, err)
		}
	}
	if err := pattern.Check("a", "/a/**"); err != nil {
		t.Error(err)
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	if !pattern.Any([]string{"x", "/app/**"}, "/app/a/b") || pattern.Any([]string{"x", "/app/**"}, "/web/a") || pattern.Any(nil, "/a") {
		t.Error("one of several patterns matches wrongly")
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                   {},
		" , ":                {},
		"/a":                 {"/a"},
		"/a,/b":              {"/a", "/b"},
		" /a , ,/b,":         {"/a", "/b"},
		"/{a,b}/c":           {"/{a,b}/c"},
		"/{a,{b,c}}/d,tmp-*": {"/{a,{b,c}}/d", "tmp-*"},
		"/a},/b":             {"/a}", "/b"},
		"/{a,/b":             {"/{a,/b"},
	} {
		if got := pattern.Split(text); got == nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
