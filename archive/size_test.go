package archive_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/timeline"
)

// tagged returns facts about n changes of tags, of about 150 bytes each, which no part takes.
func tagged(n int) timeline.Facts {
	var f timeline.Facts
	for i := range n {
		f.Tags = append(f.Tags, timeline.TagsFact{
			Tags: map[string]string{"team": fmt.Sprintf("blue-%040d", i)}, Event: fmt.Sprintf("6a7e4feb-b491-4cf7-a9f1-%012d", i), Second: 1718309000 + int64(i), Counter: int64(i + 1),
		})
	}
	return f
}

// TestIndexIsBounded adds facts until an index would exceed its greatest size. Where indexes
// are divided, it is refused and stays as it was, by default above 4 MiB; elsewhere it is
// written as long as readers accept it.
func TestIndexIsBounded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		parts   *archive.PartLimits
		facts   int
		refused int64 // the limit, 0 if it is written
	}{
		{"divided", &archive.PartLimits{Most: 64 << 10, Versions: 300}, 1000, 64 << 10},
		{"divided, by default", &archive.PartLimits{}, 40_000, 4 << 20},
		{"divided, below the limit", &archive.PartLimits{Most: 64 << 10, Versions: 300}, 100, 0},
		{"not divided", nil, 40_000, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := testworld.New(t, testworld.Options{AWS: emulator.New(emulator.Options{}), Parts: test.parts})
			a := archive.NewWriter(w.Archive)
			x, err := beginIndex(t.Context(), a, "/a")
			if err != nil {
				t.Fatal(err)
			}
			first := tagged(1)
			out, err := a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, first) })
			if err != nil {
				t.Fatal(err)
			}
			x = out.Index
			more := tagged(test.facts)
			_, err = a.Update(t.Context(), x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, more) })
			stored, readErr := a.Index(t.Context(), "/a")
			if readErr != nil {
				t.Fatal(readErr)
			}
			var large *archive.TooLargeError
			switch errors.As(err, &large); {
			case test.refused == 0 && (err != nil || len(stored.Facts.Tags) != test.facts):
				t.Errorf("%v, with %d tags", err, len(stored.Facts.Tags))
			case test.refused != 0 && (large == nil || large.Most != test.refused || large.Name != "/a" || stored.ETag() != x.ETag()):
				t.Errorf("%v, want it refused above %d", err, test.refused)
			}
		})
	}
}
