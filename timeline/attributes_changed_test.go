package timeline_test

import (
	"testing"

	"github.com/ssmbak/ssmbak/timeline"
)

// TestAttributesChanged checks that an event of tags counts as a change within its second
// only if it changed the tags, as far as is known.
func TestAttributesChanged(t *testing.T) {
	t.Parallel()
	one := v(1, 0)
	line := timeline.New("/n", timeline.Facts{
		Versions: []timeline.Version{one}, Observations: []timeline.Observation{observed(one, 1, 60_000)},
		Tags: []timeline.TagsFact{
			tagEvent("a", 10, 1, map[string]string{"team": "blue"}), tagEvent("b", 20, 2, map[string]string{"team": "blue"}),
			tagEvent("c", 30, 3, map[string]string{"team": "red"}),
		},
	}, timeline.Coverage{Since: at(-100_000)})
	for second, want := range map[int64]bool{5: false, 10: true, 20: false, 30: true, 40: false} {
		if state, _ := line.At(at(second*1000 + 999)); state.AttributesChanged != want {
			t.Errorf("in second %d: changed %v, want %v", second, state.AttributesChanged, want)
		}
	}
}
