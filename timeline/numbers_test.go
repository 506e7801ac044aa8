package timeline_test

import (
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestNumbered checks that a number means a version of the newest life, and that a version
// whose life is not known is not taken for one of it.
func TestNumbered(t *testing.T) {
	t.Parallel()
	version := func(number int64, at ssmbak.Time) timeline.Version {
		return timeline.Version{Version: ssmbak.Version{Number: number, Time: at}}
	}
	observation := func(number int64, at ssmbak.Time, oldest int64) timeline.Observation {
		return timeline.Observation{Newest: timeline.Ref{Number: number, Time: at}, Oldest: oldest, AsOf: at, At: at + 1000}
	}
	facts := timeline.Facts{
		Versions:     []timeline.Version{version(1, 100_000), version(2, 200_000), version(3, 300_000), version(1, 400_000), version(2, 500_000)},
		Deletions:    []timeline.Deletion{{Event: "d", Second: 350}},
		Observations: []timeline.Observation{observation(3, 300_000, 1), observation(2, 500_000, 1)},
	}
	line := timeline.New("/app/db", facts, timeline.Coverage{})
	tests := []struct {
		number        int64
		newest, older ssmbak.Time // 0 if there is none
	}{{1, 400_000, 100_000}, {2, 500_000, 200_000}, {3, 0, 300_000}, {4, 0, 0}}
	for _, test := range tests {
		newest, older := line.Numbered(test.number)
		for _, side := range []struct {
			got  *timeline.Version
			want ssmbak.Time
		}{{newest, test.newest}, {older, test.older}} {
			if (side.got == nil) != (side.want == 0) || side.got != nil && (side.got.Time != side.want || side.got.Number != test.number) {
				t.Errorf("version %d: got %v, want the one of %s", test.number, side.got, side.want)
			}
		}
	}
	// Without an observation of both, version 5 may belong to another life than 3.
	facts = timeline.Facts{
		Versions:     []timeline.Version{version(3, 300_000), version(5, 500_000)},
		Observations: []timeline.Observation{observation(3, 300_000, 3), observation(5, 500_000, 5)},
	}
	if newest, older := timeline.New("/app/db", facts, timeline.Coverage{}).Numbered(3); newest != nil || older == nil {
		t.Errorf("version 3 of an unproved life: got %v and %v", newest, older)
	}
}
