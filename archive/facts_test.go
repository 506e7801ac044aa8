package archive

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/timeline"
)

// TestFactsEverywhere checks that everything that handles all kinds of facts handles each
// of them.
func TestFactsEverywhere(t *testing.T) {
	t.Parallel()
	spec, err := os.ReadFile("../docs/archive-format.md")
	if err != nil {
		t.Fatal(err)
	}
	kind := reflect.TypeFor[timeline.Facts]()
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		var facts timeline.Facts
		reflect.ValueOf(&facts).Elem().Field(i).Set(reflect.MakeSlice(field.Type, 1, 1))
		if got := timeline.Union(timeline.Facts{}, facts); reflect.ValueOf(got).Field(i).Len() != 1 {
			t.Errorf("%s: Union loses it", field.Name)
		}
		if field.Name != "Runs" && facts.Empty() { // a run is never alone
			t.Errorf("%s: facts with it are empty", field.Name)
		}
		if factIdentities[name] == nil {
			t.Errorf("%s has no identity", field.Name)
		}
		if lost := lostFacts(timeline.Facts{}, facts); !strings.HasSuffix(lost, " 1") {
			t.Errorf("%s: what is lost is %q", field.Name, lost)
		}
		if !strings.Contains(string(spec), "`"+name+"`") && !strings.Contains(string(spec), `"`+name+`":`) {
			t.Errorf("%s: docs/archive-format.md does not name %s", field.Name, name)
		}
	}
}
