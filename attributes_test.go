package ssmbak_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestAttributesEverywhere checks that every package and document that handles all
// attributes of a version handles each of them.
func TestAttributesEverywhere(t *testing.T) {
	t.Parallel()
	docs := make(map[string]string)
	for _, file := range []string{"archive-format", "output", "plan-file"} {
		text, err := os.ReadFile("docs/" + file + ".md")
		if err != nil {
			t.Fatal(err)
		}
		docs[file] = string(text)
	}
	kind := reflect.TypeFor[ssmbak.Attributes]()
	listed := 0
	for range new(ssmbak.Attributes).All() {
		listed++
	}
	if listed != kind.NumField() {
		t.Errorf("All gives %d attributes, and there are %d", listed, kind.NumField())
	}
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		t.Run(field.Name, func(t *testing.T) {
			t.Parallel()
			version := ssmbak.Version{Number: 1, Time: 1718309454000, Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString}}
			with := version
			reflect.ValueOf(&with.Attributes).Elem().Field(i).SetString("one of its own")
			if got := with.Get(ssmbak.Attribute(name)); got != "one of its own" {
				t.Errorf("All gives %q as %s", got, name)
			}

			facts := func(v ssmbak.Version) timeline.Facts {
				return timeline.Facts{Versions: []timeline.Version{{Version: v}}}
			}
			lacking := with
			reflect.ValueOf(&lacking.Attributes).Elem().Field(i).SetString("")
			for _, merged := range []timeline.Facts{timeline.Union(facts(with), facts(lacking)), timeline.Union(facts(lacking), facts(with))} {
				if merged.Versions[0].Version != with {
					t.Errorf("timeline.Union loses it: %+v", merged.Versions[0])
				}
			}
			state, _ := timeline.New("/a", facts(with), timeline.Coverage{}).At(with.Time)
			if state.Version != with {
				t.Errorf("a timeline loses it: %+v", state.Version)
			}

			var index timeline.Facts
			if text := marshal(t, facts(with)); json.Unmarshal([]byte(text), &index) != nil || index.Versions[0].Version != with || !strings.Contains(text, fmt.Sprintf("%q:%q", name, "one of its own")) {
				t.Errorf("an index does not hold it as %s: %s", name, text)
			}

			without := lacking
			without.Number++
			c := plan.Case{Name: "/a", After: state, Before: &plan.Parameter{Version: without}}
			c.After.Value, c.Before.Value = ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved), ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)
			if name == "tier" { // a tier that is not known is no difference
				c.Before.Version.Tier = "Standard"
			}
			if name == "type" { // Parameter Store has no other types
				c.After.Version.Type, c.Before.Version.Type = ssmbak.TypeSecureString, ssmbak.TypeString
			}
			want := c.After.Version.Get(ssmbak.Attribute(name))
			item := plan.Decide(c, plan.Options{})
			differs := func(d plan.Difference) bool { return string(d.Attribute) == name && d.After == want }
			if !slices.ContainsFunc(item.Differences, differs) || item.Write.Get(ssmbak.Attribute(name)) != want {
				t.Errorf("a plan does not write it: %+v", item)
			}
			if between := plan.Compare(plan.Side{State: ssmbak.State{Version: c.Before.Version}}, plan.Side{State: c.After}, false); !slices.ContainsFunc(between.Differences, differs) {
				t.Errorf("a comparison does not find it: %+v", between.Differences)
			}
			document := (&plan.Plan{Items: []plan.Item{item}}).Document(plan.Options{}, nil).Items[0]
			if !slices.Contains(document.Attributes, ssmbak.Attribute(name)) || !strings.Contains(marshal(t, document.After), fmt.Sprintf("%q:%q", name, want)) {
				t.Errorf("a plan file and the record of a restore do not hold it: %s", marshal(t, document))
			}
			var shown bytes.Buffer
			if err := render.Items(&shown, "", "", []plan.Item{item}, render.View{Reveal: true}); err != nil || !strings.Contains(shown.String(), fmt.Sprintf("-> %q", want)) {
				t.Errorf("a plan does not show it: %s, %v", shown.String(), err)
			}

			row := strings.ToUpper(name[:1]) + name[1:]
			if text := marshal(t, render.RowOf(state, true)); !strings.Contains(text, fmt.Sprintf("%q:%q", row, "one of its own")) {
				t.Errorf("the JSON of a row does not show it as %s: %s", row, text)
			}
			for file, words := range map[string][]string{"archive-format": {name}, "output": {name, row}, "plan-file": {name}} {
				for _, word := range words {
					if !strings.Contains(docs[file], "`"+word+"`") {
						t.Errorf("docs/%s.md does not name %s", file, word)
					}
				}
			}
		})
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
