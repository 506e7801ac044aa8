package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// checkDocument checks that the sides of an item in a document have both texts of each of its
// differences, and that an item is as planned if nothing has changed.
func checkDocument(t *rapid.T, item Item) {
	x := documentItem(&item, false)
	differences := item.Differences
	if item.Fallback != nil {
		differences = slices.Concat(differences, item.Fallback.Differences)
	}
	for _, d := range differences {
		if !slices.Contains(x.Attributes, d.Attribute) {
			t.Fatalf("%s is not among %q", d.Attribute, x.Attributes)
		}
	}
	for _, d := range item.Differences {
		if d.Value {
			continue
		}
		for _, side := range []struct {
			what   string
			of     *DocumentSide
			want   string
			absent bool
		}{{"before", x.Before, d.Before, d.NoBefore}, {"after", x.After, d.After, d.NoAfter}} {
			got, ok := side.of.Text(d.Attribute)
			if ok == side.absent || ok && got != side.want {
				t.Fatalf("%s: the side %s has %s %q (%v), want %q (%v)", item.Action, side.what, d.Attribute, got, ok, side.want, !side.absent)
			}
		}
	}
	if (x.After == nil) != (item.Action == ActionDelete || !item.Action.Writes() && item.After.Version.Time == 0) {
		t.Fatalf("%s to %+v", item.Action, x.After)
	}
	if why := x.changed(&item); why != "" {
		t.Fatalf("nothing changed, and it is refused: %s", why)
	}
}

// planned returns an item that changes the description, a tag and a label, and the plan of it.
func planned(change func(*Case)) (*Document, Item) {
	after := ssmbak.State{
		Name: "/a", Certainty: ssmbak.Proved, Value: ssmbak.Know(ssmbak.NewValue("one"), ssmbak.Proved),
		Version: ssmbak.Version{Number: 1, Time: moment - 1, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: standard, DataType: plain, Description: "first"}},
		Tags:    ssmbak.Know(map[string]string{"team": "red"}, ssmbak.Proved), Labels: ssmbak.Know(map[string]int64{"live": 1}, ssmbak.Proved),
	}
	v := after.Version
	v.Number, v.Time, v.Description = 2, later, "second"
	c := Case{Name: "/a", Now: later, After: after, Existed: true, AfterObjects: []timeline.ObjectRef{{ID: "o1"}}, Before: &Parameter{
		Version: v, Objects: []timeline.ObjectRef{{ID: "o2"}}, Value: after.Value, History: []timeline.Ref{{Number: 1, Time: moment - 1}, {Number: 2, Time: later}},
		Tags: ssmbak.Know(map[string]string{"team": "blue", "aws:x": "1"}, ssmbak.Proved), Labels: ssmbak.Know(map[string]int64{"live": 2}, ssmbak.Proved),
	}}
	if change != nil {
		change(&c)
	}
	item := Decide(c, Options{})
	return (&Plan{At: moment, Target: ssmbak.NameTarget("/a"), Items: []Item{item}}).Document(Options{}, nil), item
}

// TestSelect checks which changes since the plan was made prevent that it is applied.
func TestSelect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Case)
		want   string
	}{
		{"nothing", func(*Case) {}, ""},
		{"applied", func(c *Case) {
			c.Before.Version.Description, c.Before.Tags, c.Before.Labels.V = "first", c.After.Tags, map[string]int64{"live": 1}
		}, ""},
		{"another copy of a value", func(c *Case) { c.AfterObjects = append(c.AfterObjects, timeline.ObjectRef{ID: "o3"}) }, ""},
		{"a tag of AWS", func(c *Case) { c.Before.Tags.V["aws:x"] = "2" }, ""},
		{"a version", func(c *Case) { c.Before.Version.Number = 3 }, "it was version 2 of " + later.String() + " and is now version 3 of " + later.String()},
		{"the recorded version", func(c *Case) { c.After.Version.Time-- }, "the version to restore was version 1 of " + (moment - 1).String() + " and is now version 1 of " + (moment - 2).String()},
		{"deleted", func(c *Case) { c.Before = nil }, "it was version 2 of " + later.String() + " and is now absent"},
		{"a tag before", func(c *Case) { c.Before.Tags.V["team"] = "green" }, "other attributes differ now"},
		{"a tag after", func(c *Case) { c.After.Tags.V["team"] = "green" }, "other attributes differ now"},
		{"a label before", func(c *Case) { delete(c.Before.Labels.V, "live") }, "other attributes differ now"},
		{"another tag", func(c *Case) { c.Before.Tags.V["owner"] = "me" }, "other attributes differ now"},
		{"an attribute that is written", func(c *Case) {
			c.After.Version.AllowedPattern, c.Before.Version.AllowedPattern = ".*", ".*"
		}, "other attributes differ now"},
	} {
		f, _ := planned(nil)
		_, now := planned(test.change)
		want := test.want
		if want != "" {
			want = "it changed since the plan was made: " + want
		}
		items, err := f.Select([]Item{now})
		if err != nil || len(items) != 1 || items[0].Refused != want {
			t.Errorf("%s: refused is %q, %v, want %q", test.name, items[0].Refused, err, want)
		}
	}
}

// TestSelectUnknown checks what is applied of parameters that the new plan does not have.
func TestSelectUnknown(t *testing.T) {
	t.Parallel()
	d := &Document{Items: []DocumentItem{
		{Name: "/deleted", Action: ActionDelete, Before: &DocumentSide{Source: "/deleted"}},
		{Name: "/a", Action: ActionCreate, After: &DocumentSide{Source: "/a"}},
		{Name: "/copy", Action: ActionCreate, After: &DocumentSide{Source: "/b"}},
	}}
	items, err := d.Select(nil)
	var got []string
	for _, item := range items {
		got = append(got, fmt.Sprintf("%s <- %q: %s, %s%s", item.Name, item.Source, item.Action, item.Reason, item.Refused))
	}
	want := []string{
		`/deleted <- "": none, it is already deleted`, `/a <- "": create, nothing is known about it now`, `/copy <- "/b": create, nothing is known about it now`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestSelectEdited checks that an item is refused if the file says otherwise.
func TestSelectEdited(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		edit func(*DocumentItem)
		want string
	}{
		{"the action", func(x *DocumentItem) { x.Action = ActionReplace }, "the action was replace and is now update"},
		{"a replacement", func(x *DocumentItem) { x.Replaces = true }, "other attributes differ now"},
		{"the source", func(x *DocumentItem) { x.After.Source = "/b" }, "other attributes differ now"},
		{"no side", func(x *DocumentItem) { x.After = nil }, "the version to restore was absent and is now version 1 of " + (moment - 1).String()},
		{"an empty tag", func(x *DocumentItem) { delete(x.After.Tags, "team") }, "other attributes differ now"},
	} {
		f, now := planned(func(c *Case) { c.After.Tags.V["team"] = "" })
		test.edit(&f.Items[0])
		items, err := f.Select([]Item{now})
		if want := "it changed since the plan was made: " + test.want; err != nil || items[0].Refused != want {
			t.Errorf("%s: refused is %q, %v, want %q", test.name, items[0].Refused, err, want)
		}
	}
}

// TestDocumentFields checks that the table in docs/plan-file.md has every field.
func TestDocumentFields(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/plan-file.md")
	if err != nil {
		t.Fatal(err)
	}
	var check func(of reflect.Type)
	check = func(of reflect.Type) {
		for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]() || of == reflect.TypeFor[timeline.Version]() {
			return
		}
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && !strings.Contains(string(docs), "`"+name+"`") {
				t.Errorf("docs/plan-file.md does not name %s of %s", name, of)
			}
			check(field.Type)
		}
	}
	check(reflect.TypeFor[Document]())
}

// TestParseFile checks that a plan file is read as it was written, and that everything is
// refused that is not a plan file.
func TestParseFile(t *testing.T) {
	t.Parallel()
	f, item := planned(nil)
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if items, err := read.Select([]Item{item}); err != nil || items[0].Refused != "" {
		t.Errorf("refused is %q, %v", items[0].Refused, err)
	}
	const edited, other = "it was edited or is damaged", "it is not a plan file; `ssmbak restore --dry-run --out FILE` writes one"
	for _, test := range []struct{ name, from, to, want string }{
		{"an unknown field", `{"name"`, `{"later":1,"name"`, edited},
		{"an unknown field of a version", `{"number"`, `{"later":1,"number"`, edited},
		{"a newer format", `"format":1`, `"format":2`, "it has format 2, this ssmbak reads up to format 1: use a newer ssmbak"},
		{"no format", `"format":1`, `"format":0`, edited},
		{"another kind", `"kind":"ssmbak`, `"kind":"else`, other},
		{"no kind", `"kind":"ssmbak restore plan",`, ``, other},
		{"a restore record", `"kind":"ssmbak restore plan",`, `"id":"20240613T201054Z-k3x9f2",`, "it is the record of a restore, not a plan"},
		{"a status", `{"name"`, `{"status":"restored","name"`, edited},
		{"a written version", `{"name"`, `{"written":1,"name"`, edited},
		{"an error", `{"name"`, `{"error":"no","name"`, edited},
		{"a reader", `"format":1`, `"format":1,"reader":1`, edited},
		{"a writer", `"format":1`, `"format":1,"writer":"w"`, edited},
		{"a beginning", `"format":1`, `"format":1,"began":"2024-06-13T20:10:54Z"`, edited},
		{"an end", `"format":1`, `"format":1,"ended":"2024-06-13T20:10:54Z"`, edited},
		{"arguments", `"format":1`, `"format":1,"arguments":"restore"`, edited},
		{"a message", `"format":1`, `"format":1,"message":"m"`, edited},
		{"an undo", `"format":1`, `"format":1,"undoes":"20240613T201054Z-k3x9f2"`, edited},
	} {
		changed := strings.Replace(string(text), test.from, test.to, 1)
		if _, err := ParseFile([]byte(changed)); changed == string(text) || err == nil || err.Error() != (&FileError{test.want}).Error() {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}
