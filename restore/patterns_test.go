package restore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestPatterns checks that Only and Exclude restrict what is restored and deleted.
func TestPatterns(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/db", "/a/db2", "/a/sub/db", "/a/sub/web"} {
			w.put(name, "one")
		}
		w.Record()
		then := w.pass()
		for _, name := range []string{"/a/db", "/a/db2", "/a/new", "/a/sub/db", "/a/sub/web"} {
			w.put(name, "two")
		}
		w.Record()
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
			{[]string{"/a/sub"}, nil, "/a/sub/db /a/sub/web", 3},
			{nil, []string{"sub/*"}, "/a/db /a/db2 /a/new", 2},
		}
		for _, test := range tests {
			p := w.plan("/a/", true, then, restore.Options{Options: plan.Options{Only: test.only, Exclude: test.exclude, Exact: true}})
			var names []string
			for _, item := range p.Items {
				names = append(names, string(item.Name))
			}
			if got := strings.Join(names, " "); got != test.want || p.Excluded != test.excluded {
				t.Errorf("only %v, exclude %v: got %s and %d excluded, want %s and %d", test.only, test.exclude, got, p.Excluded, test.want, test.excluded)
			}
		}
		o := restore.Options{Options: plan.Options{Only: []string{"db"}, Exact: true}}
		w.restored(w.plan("/a/", true, then, o), o)
		for name, want := range map[string]int64{"/a/db": 3, "/a/db2": 2, "/a/new": 1, "/a/sub/db": 3, "/a/sub/web": 2} {
			if got := w.number(name); got != want {
				t.Errorf("%s has version %d, want %d", name, got, want)
			}
		}
	})
}

// TestUnmatched checks that patterns that match nothing are an error.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/db", "one")
		w.put("/a/web", "one")
		w.Record()
		then := w.pass()
		w.put("/a/db", "two")
		w.put("/a/new", "one")
		w.Record()
		w.pass()
		res := w.restored(w.plan("/a/", true, then, restore.Options{}), restore.Options{})
		tests := []struct {
			text string
			o    restore.Options
			want string
		}{
			{"/a/", restore.Options{Options: plan.Options{Only: []string{"none"}}}, `--only "none" matches none of the 3 names`},
			{"/a/", restore.Options{Options: plan.Options{Only: []string{"db", "none"}}}, `--only "none" matches none of the 3 names`},
			{"/a/", restore.Options{Options: plan.Options{Exclude: []string{"/b"}}}, `--exclude "/b" matches none of the 3 names`},
			{"/a/", restore.Options{Options: plan.Options{Exclude: []string{"*"}}}, "--only and --exclude exclude all 3 names"},
			{"/a/", restore.Options{Options: plan.Options{Only: []string{"db"}, Exclude: []string{"d*"}}}, "--only and --exclude exclude all 3 names"},
			{"/a/", restore.Options{Options: plan.Options{Only: []string{"none"}, To: "/b"}}, `--only "none" matches none of the 3 names`},
			// The patterns also apply to a target that is one parameter.
			{"/a/db", restore.Options{Options: plan.Options{Exclude: []string{"db"}}}, "--only and --exclude exclude all 1 name"},
		}
		for _, test := range tests {
			_, err := w.restorer(test.o).Plan(w.Context(), testworld.Target(w, test.text, test.text == "/a/"), then)
			var unmatched *plan.UnmatchedError
			if !errors.As(err, &unmatched) || err.Error() != test.want {
				t.Errorf("%s %+v: got %v, want %s", test.text, test.o, err, test.want)
			}
		}
		o := restore.Options{Options: plan.Options{Only: []string{"none"}}}
		if _, err := w.restorer(o).Compare(w.Context(), testworld.Target(w, "/a/", true), then, ssmbak.TimeOf(time.Now())); err == nil {
			t.Error("Compare returned no error")
		}
		if _, err := w.restorer(o).Undo(w.Context(), res.ID); err == nil {
			t.Error("Undo returned no error")
		}
		// Without parameters, no pattern is an error.
		if p := w.plan("/none/", true, then, o); len(p.Items) != 0 {
			t.Errorf("below a path without parameters: %v", actions(p))
		}
	})
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, text := range []string{"", "[", "[a", "{a", "a[]", `a\`} {
			for _, o := range []restore.Options{
				{Options: plan.Options{Only: []string{"a", text}}}, {Options: plan.Options{Exclude: []string{text}}}, {Options: plan.Options{Only: []string{text}, To: "/b"}},
			} {
				_, err := w.restorer(o).Plan(w.Context(), testworld.Target(w, "/a/", true), ssmbak.Time(1))
				var bad *pattern.Error
				if !errors.As(err, &bad) || bad.Pattern != text {
					t.Errorf("%q: %v, want a pattern.Error", text, err)
				}
			}
		}
		if n := w.AWS.Counts()["s3:ListObjectsV2"]; n != 0 {
			t.Errorf("%d listings for invalid patterns", n)
		}
	})
}

// TestExcludedFromRecording checks that parameters that are excluded from recording are
// skipped, even by an exact restore of the account, and that a restore of such a parameter
// by name does not delete it.
func TestExcludedFromRecording(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/db", "one")
		w.Record()
		w.Must(archive.NewWriter(w.Archive).MarkReconciled(w.Context(), archive.Listing{Began: time.Now(), Excluded: []string{"/ci/**"}}))
		then := w.pass()
		w.put("/ci/run", "one")
		w.put("/a/new", "one")
		p := w.plan("/", true, then, restore.Options{Options: plan.Options{Exact: true}})
		if diff := cmp.Diff([]string{"none /a/db", "delete /a/new"}, actions(p)); diff != "" || len(p.Unrecorded) != 1 || p.Unrecorded[0] != "/ci/run" {
			t.Errorf("excluded %v, items (-want +got):\n%s", p.Unrecorded, diff)
		}
		p = w.plan("/ci/run", false, then, restore.Options{Options: plan.Options{Exact: true}})
		if got := actions(p); len(got) != 1 || strings.HasPrefix(got[0], "delete") {
			t.Errorf("by name: %v", got)
		}
	})
}
