package ssmbak_test

import (
	"testing"

	"github.com/ssmbak/ssmbak"
)

// TestDrillPath checks that no target includes the parameters of drills.
func TestDrillPath(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"/", "/newvoll", "/newvoll/ssmbak/"} {
		target, err := ssmbak.ParseTarget(text, true)
		if err != nil {
			t.Fatal(err)
		}
		if target.Below("/newvoll/ssmbak/drill/x/app/db") || !target.Below("/newvoll/ssmbak/drill") || !target.Below("/newvoll/ssmbak/drills/x") {
			t.Errorf("%s includes drills, or lacks others", text)
		}
	}
	for text, refused := range map[string]bool{
		"/newvoll/ssmbak/drill": true, "/newvoll/ssmbak/drill/": true, "/newvoll/ssmbak/drill/x": true, "/newvoll/ssmbak/drills": false, "/newvoll/ssmbak/": false,
	} {
		if _, err := ssmbak.ParseTarget(text, true); (err != nil) != refused {
			t.Errorf("target %s: %v", text, err)
		}
	}
}
