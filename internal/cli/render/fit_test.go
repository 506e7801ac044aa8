package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// valued returns an item that updates a String.
func valued(name ssmbak.Name, before, after string) plan.Item {
	return plan.Item{
		Name: name, Action: plan.ActionUpdate, After: ssmbak.State{Name: name, Version: ssmbak.Version{Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}},
		Before: &plan.Parameter{Version: ssmbak.Version{
			Number: 12, Time: 1718309454417, User: "arn:aws:sts::123456789012:assumed-role/deploy-production/alice@example.com",
			Attributes: ssmbak.Attributes{Type: ssmbak.TypeString},
		}},
		Differences: []plan.Difference{{Attribute: ssmbak.AttributeValue, Value: true, BeforeValue: ssmbak.NewValue(before), AfterValue: ssmbak.NewValue(after)}},
	}
}

// longPlan has each kind of line of a plan, most of them longer than a terminal.
func longPlan() []plan.Item {
	host := "postgres://user@" + strings.Repeat("replica-", 20) + "eu-west-1.example.com:"
	updated := valued("/app/production/backend/database/connection", host+"5432/app", host+"6432/app")
	updated.Differences = append(updated.Differences,
		plan.Difference{Attribute: ssmbak.AttributeDescription, Before: strings.Repeat("where it is ", 20), After: "short"},
		plan.Difference{Attribute: "tag team", NoBefore: true, After: strings.Repeat("core ", 30)})
	updated.Notices = []string{"the label prod stays at version 11, because version 9 is no longer in Parameter Store, which keeps the newest 100 versions"}
	keyed := valued("/app/config", `{"a":{"url":"`+strings.Repeat("x", 200)+`"},"same":1}`, `{"a":{"url":"`+strings.Repeat("y", 200)+`"},"same":1,"new":"`+strings.Repeat("z", 200)+`"}`)
	lines := valued("/app/certificate", "-----BEGIN-----\n"+strings.Repeat("A", 64)+"\n", "-----BEGIN-----\n"+strings.Repeat("B", 64)+"\n")
	made := valued("/app/made", "", strings.Repeat("0123456789 ", 20))
	made.Action, made.Before, made.Differences[0].NoBefore = plan.ActionCreate, nil, true
	return []plan.Item{updated, keyed, lines, made, {
		Name: "/app/unknown/parameter/with/a/long/name", Action: plan.ActionSkip,
		Reason: "it was deleted and recreated within the same second, 2024-06-13T20:10:54Z, order unknown",
	}}
}

// TestPlansFit checks for random values that no line of a plan but its title and summary is
// wider than the terminal, that differences are visible, and that nothing is cut without a
// terminal.
func TestPlansFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-zé世 ]{0,20}([a-z]{100})?[ab世]{1,20}([a-z]{100})?`)
		begin := strings.Repeat("x", rapid.IntRange(0, 300).Draw(t, "same"))
		item := valued("/app/db", begin+value.Draw(t, "before"), begin+value.Draw(t, "after"))
		width := rapid.IntRange(60, 250).Draw(t, "width")
		if item.Differences[0].BeforeValue.Reveal() == item.Differences[0].AfterValue.Reveal() {
			return
		}
		var cut, complete bytes.Buffer
		if err := Items(&cut, "plan", "done", []plan.Item{item}, View{Width: width, Live: true}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(cut.String()) {
			if w := text.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Fatalf("a line has %d columns, the terminal %d:\n%s", w, width, cut.String())
			}
			if sides, ok := strings.CutPrefix(line, "    value: "); ok {
				if before, after, _ := strings.Cut(strings.TrimSpace(sides), " -> "); before == after {
					t.Fatalf("the difference of %q and %q is cut:\n%s", item.Differences[0].BeforeValue.Reveal(), item.Differences[0].AfterValue.Reveal(), cut.String())
				}
			}
		}
		for _, view := range []View{{}, {Width: width, Format: Markdown}} {
			complete.Reset()
			if err := Items(&complete, "plan", "done", []plan.Item{item}, view); err != nil {
				t.Fatal(err)
			}
			for _, side := range []ssmbak.Value{item.Differences[0].BeforeValue, item.Differences[0].AfterValue} {
				if !strings.Contains(complete.String(), side.Reveal()) {
					t.Fatalf("%q is cut:\n%s", side.Reveal(), complete.String())
				}
			}
		}
	})
}
