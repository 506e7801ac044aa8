package restore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/restore"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern string
		name    ssmbak.Name
		want    bool
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
		// With a slash: the whole name.
		{"/app/db", "/app/db", true},
		{"/app/db", "/x/app/db", false},
		{"app/db", "/app/db", false},
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
		{"/app/", "/app/db", false},
	}
	for _, test := range tests {
		if got := restore.Matches(test.pattern, test.name); got != test.want {
			t.Errorf("Matches(%q, %s): got %v, want %v", test.pattern, test.name, got, test.want)
		}
	}
}

// TestChosen restores a part of a path, and deletes nothing that it leaves out.
func TestChosen(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/db", "/a/db2", "/a/sub/db", "/a/sub/web"} {
			w.put(name, "one")
		}
		w.record()
		then := w.pass()
		for _, name := range []string{"/a/db", "/a/db2", "/a/new", "/a/sub/db", "/a/sub/web"} {
			w.put(name, "two")
		}
		w.record()
		w.pass()
		tests := []struct {
			only, exclude []string
			want          string
			excluded      int
		}{
			{nil, nil, "/a/db /a/db2 /a/new /a/sub/db /a/sub/web", 0},
			{[]string{"db"}, nil, "/a/db /a/sub/db", 3},
			{[]string{"db", "web"}, nil, "/a/db /a/sub/db /a/sub/web", 2},
			{[]string{"/a/sub/**"}, nil, "/a/sub/db /a/sub/web", 3},
			{nil, []string{"/a/sub/**"}, "/a/db /a/db2 /a/new", 2},
			{[]string{"db*"}, []string{"db"}, "/a/db2", 4},
			{[]string{"none"}, nil, "", 5},
			{nil, []string{"*"}, "", 5},
		}
		for _, test := range tests {
			plan := w.plan("/a/", true, then, restore.Options{Only: test.only, Exclude: test.exclude, Exact: true})
			var names []string
			for _, item := range plan.Items {
				names = append(names, string(item.Name))
			}
			if got := strings.Join(names, " "); got != test.want || plan.Excluded != test.excluded {
				t.Errorf("only %v, exclude %v: got %s and %d left out, want %s and %d", test.only, test.exclude, got, plan.Excluded, test.want, test.excluded)
			}
		}
		o := restore.Options{Only: []string{"db"}, Exact: true}
		w.restored(w.plan("/a/", true, then, o), o)
		for name, want := range map[string]int64{"/a/db": 3, "/a/db2": 2, "/a/new": 1, "/a/sub/db": 3, "/a/sub/web": 2} {
			if got := w.number(name); got != want {
				t.Errorf("%s has version %d, want %d", name, got, want)
			}
		}
		// One parameter by its name is left out like any other.
		if plan := w.plan("/a/db", false, then, restore.Options{Exclude: []string{"db"}}); len(plan.Items) != 0 || plan.Excluded != 1 {
			t.Errorf("one by its name: %v and %d left out", actions(plan), plan.Excluded)
		}
	})
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, pattern := range []string{"", "[", "[a", "{a", "a[]", `a\`} {
			for _, o := range []restore.Options{
				{Only: []string{"a", pattern}}, {Exclude: []string{pattern}}, {Only: []string{pattern}, To: "/b"},
			} {
				_, err := w.restorer(o).Plan(w.Context(), target(w, "/a/", true), ssmbak.Time(1))
				var bad *restore.PatternError
				if !errors.As(err, &bad) || bad.Pattern != pattern {
					t.Errorf("%q: %v, want a PatternError", pattern, err)
				}
			}
		}
		if n := w.aws.Counts()["s3:ListObjectsV2"]; n != 0 {
			t.Errorf("%d listings for patterns that cannot be read", n)
		}
	})
}
