package timeline_test

import (
	"testing"

	"github.com/ssmbak/ssmbak/timeline"
)

func TestSameLife(t *testing.T) {
	t.Parallel()
	first, second, again := v(1, 0), v(2, 100_000), v(1, 300_500)
	line := timeline.New("/a", timeline.Facts{
		Versions:     []timeline.Version{first, second, again},
		Deletions:    []timeline.Deletion{deletion(200)},
		Observations: []timeline.Observation{observed(second, 1, 150_000)},
	}, timeline.Coverage{})
	for _, test := range []struct {
		a, b int64
		want bool
	}{{1000, 50_000, true}, {1000, 150_000, true}, {1000, 250_000, false}, {1000, 400_000, false}, {250_000, 260_000, false}, {350_000, 400_000, true}} {
		if got := line.SameLife(at(test.a), at(test.b)); got != test.want {
			t.Errorf("%d and %d: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}
