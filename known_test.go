package ssmbak_test

import (
	"fmt"

	"github.com/ssmbak/ssmbak"
)

func ExampleKnown() {
	describe := func(tags ssmbak.Known[map[string]string]) {
		all, ok := tags.Get()
		fmt.Printf("%v %v %v %s %q\n", all, ok, tags.IsProved(), tags.Certainty, tags.Reason)
	}
	describe(ssmbak.Know(map[string]string{"team": "blue"}, ssmbak.Proved))
	describe(ssmbak.Know(map[string]string{"team": "red"}, ssmbak.LastKnown))
	describe(ssmbak.Known[map[string]string]{Reason: "its tags were not recorded"})
	// Output:
	// map[team:blue] true true proved ""
	// map[team:red] true false last-known ""
	// map[] false false unknown "its tags were not recorded"
}
