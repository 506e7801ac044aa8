package archive_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// lines writes changes as lines, with times in ms since second.
func lines(all []ssmbak.Change) (lines []string) {
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("%s %s %d [%d, %d]", c.Name, c.Operation, c.Version.Number, c.From-second, c.Until-second))
	}
	return lines
}

// grow adds facts to an index that is there.
func grow(t *testing.T, a *archive.Writer, name ssmbak.Name, more timeline.Facts) {
	t.Helper()
	x, err := a.Index(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, more) }); err != nil {
		t.Fatal(err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	for _, r := range runners() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := place{r.start(t), "log", r.encryption, r.page}
			p.make(t.Context(), t, true)
			a := p.ready(t)
			late := version(2)
			late.Time = second + 60_000
			record(t, a, "/app/db", version(1))
			grow(t, a, "/app/db", timeline.Facts{Versions: []timeline.Version{late}})
			record(t, a, "/app/a", version(1))
			record(t, a, "/app/deep/url", version(1))
			grow(t, a, "/app/a", timeline.Facts{Deletions: []timeline.Deletion{{Event: "e", Second: second.Second() + 60}}})
			p.put(t, ".ssmbak/index/app/damaged", "nonsense")

			const gap = "/app/db Gap 0 [2, 60000]"
			tests := []struct {
				name         string
				text         string
				recursive    bool
				since, until ssmbak.Time
				want         []string
				names        int
				problems     int
			}{
				{"one parameter", "/app/db", false, 0, 0, []string{"/app/db Update 2 [60000, 60000]", gap, "/app/db Create 1 [1, 1]"}, 1, 0},
				{"a path", "/app/", false, 0, 0, []string{
					"/app/a Delete 0 [60000, 61000]", "/app/db Update 2 [60000, 60000]", gap, "/app/a Create 1 [1, 1]", "/app/db Create 1 [1, 1]",
				}, 2, 1},
				{"everything below", "/app", true, 0, second + 1, []string{"/app/a Create 1 [1, 1]", "/app/db Create 1 [1, 1]", "/app/deep/url Create 1 [1, 1]"}, 3, 1},
				{"since a moment", "/app/db", false, second + 60_000, 0, []string{"/app/db Update 2 [60000, 60000]"}, 1, 0},
				{"since within a deletion's second", "/app/a", false, second + 60_999, 0, []string{"/app/a Delete 0 [60000, 61000]"}, 1, 0},
				{"since the end of a deletion's second", "/app/a", false, second + 61_000, 0, nil, 1, 0},
				{"until within a gap", "/app/db", false, 0, second + 2, []string{gap, "/app/db Create 1 [1, 1]"}, 1, 0},
				{"until before a gap", "/app/db", false, second + 1, second + 1, []string{"/app/db Create 1 [1, 1]"}, 1, 0},
				{"nothing in that time", "/app/db", false, second + 70_000, second + 80_000, nil, 1, 0},
				{"nothing at all", "/other", false, 0, 0, nil, 0, 0},
			}
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					got, err := a.Log(t.Context(), testworld.Target(t, tt.text, tt.recursive), tt.since, tt.until)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(lines(slices.Collect(got.Changes.All())), tt.want); diff != "" {
						t.Errorf("got -, want +\n%s", diff)
					}
					if got.Names != tt.names || len(got.Problems) != tt.problems || got.Complete != 0 {
						t.Errorf("%d names, problems %v, complete up to %v", got.Names, got.Problems, got.Complete)
					}
				})
			}

			// It reports the last complete listing.
			if err := a.MarkReconciled(t.Context(), archive.Listing{Began: (second + 90_000).Std()}); err != nil {
				t.Fatal(err)
			}
			got, err := a.Log(t.Context(), testworld.Target(t, "/app/a", false), 0, 0)
			if err != nil || got.Complete != second+90_000 || !got.One {
				t.Errorf("one: %v, complete up to %v, %v", got.One, got.Complete, err)
			}
		})
	}
}

// TestLogOfLegacy checks that the log has legacy records too, without an index and an
// identity.
func TestLogOfLegacy(t *testing.T) {
	t.Parallel()
	p := place{client: runners()[0].start(t), bucket: "original"}
	p.make(t.Context(), t, true)
	putLegacy(t, p, "/app/db", "one")
	a, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Log(t.Context(), testworld.Target(t, "/app/", false), 0, 0)
	if err != nil || got.Changes.Len() != 1 || got.Changes.At(0).Name != "/app/db" || got.Changes.At(0).Time != ssmbak.Seconds(1718309000) {
		t.Errorf("%+v, %v", got, err)
	}
}
