package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

func TestValueLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, before, after string
		want                []string
	}{
		{"short", "one", "two", []string{`value: "one" -> "two"`}},
		{"JSON by key", `{"db":{"host":"a","port":1},"old":[1,2],"x":1.0}`, `{"x":1.0,"db":{"port":2,"host":"a"},"old":[1],"new":{}}`, []string{
			"value:", "  ~ db.port: 1 -> 2", "  - old[1]: 2", "  + new: {}",
		}},
		{"odd keys and control characters", `{"a.b":"\u001b[2J"}`, `{"a.b":"\u202e"}`, []string{"value:", `  ~ ["a.b"]: "\u001b[2J" -> "\u202e"`}},
		{"large numbers are not rounded", `{"n":12345678901234567890}`, `{"n":12345678901234567891}`, []string{"value:", "  ~ n: 12345678901234567890 -> 12345678901234567891"}},
		{"only the format of JSON", `{"a":1}`, "{ \"a\": 1 }\n", []string{"value:", "  the same JSON, formatted differently"}},
		{"a key that is there twice", `{"a":1,"a":2}`, `{"a":1}`, []string{`value: "{\"a\":1,\"a\":2}" -> "{\"a\":1}"`}},
		{"only one side is JSON", `{"a":1}`, "[", []string{`value: "{\"a\":1}" -> "["`}},
		{"more than one JSON value", `{} {}`, `{}`, []string{`value: "{} {}" -> "{}"`}},
		{"text by line", "1\n2\x1b[2J\n3\n4\n5\n6\n7\n8\n", "1\ntwo\n3\n4\n5\n6\n7\n8\n", []string{
			"value:", "  @@ -1,5 +1,5 @@", "   1", `  -2\x1b[2J`, "  +two", "   3", "   4", "   5",
		}},
		{"an end without a line feed", "a\nb\n", "a\nb", []string{"value:", "  @@ -1,2 +1,2 @@", "   a", "  -b", "  +b", `  \ No newline at end of file`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(valueLines(tt.before, tt.after, View{}), tt.want); diff != "" {
				t.Errorf("got -, want +\n%s", diff)
			}
		})
	}
}

// TestSecretsAreOnlyCompared checks that a comparison with a SecureString on either side
// shows one of three results and nothing else: no key and no length.
func TestSecretsAreOnlyCompared(t *testing.T) {
	t.Parallel()
	const before, after = `{"user":"alice","password":"hunter2"}`, `{"user":"alice","password":"hunter3-longer"}`
	for _, types := range [][2]ssmbak.Type{{ssmbak.TypeSecureString, ssmbak.TypeString}, {ssmbak.TypeString, ssmbak.TypeSecureString}, {ssmbak.TypeSecureString, ssmbak.TypeSecureString}} {
		for _, tt := range []struct {
			d    []plan.Difference
			want string
		}{
			{[]plan.Difference{{Attribute: ssmbak.AttributeValue, Value: true, BeforeValue: ssmbak.NewValue(before), AfterValue: ssmbak.NewValue(after)}}, "value: differs\n"},
			{[]plan.Difference{{Attribute: ssmbak.AttributeValue, Value: true, NoBefore: true, AfterValue: ssmbak.NewValue(after)}}, "value: not compared\n"},
			{[]plan.Difference{{Attribute: ssmbak.AttributeTier, Before: "Standard", After: "Advanced"}}, "value: same\n"},
		} {
			var out strings.Builder
			item := plan.Item{
				Name: "/app/db", Action: plan.ActionUpdate, Differences: tt.d,
				Before: &plan.Parameter{Version: ssmbak.Version{Attributes: ssmbak.Attributes{Type: types[0]}}},
				After:  ssmbak.State{Version: ssmbak.Version{Attributes: ssmbak.Attributes{Type: types[1]}}},
			}
			if err := Items(&out, "title", "summary", []plan.Item{item}, View{}); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if !strings.Contains(text, tt.want) || strings.Contains(text, "hunter") || strings.Contains(text, "password") || strings.Contains(text, "{") {
				t.Errorf("%v: got %q, want %q", types, text, tt.want)
			}
		}
	}
}
