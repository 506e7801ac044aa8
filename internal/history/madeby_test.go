package history_test

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/history"
	"github.com/ssmbak/ssmbak/plan"
)

// TestMadeComparesAttributes checks that of a restore and its undo within the same second,
// each made the tags and the labels that it was to write, and not those of the other.
func TestMadeComparesAttributes(t *testing.T) {
	t.Parallel()
	began := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
	attributes := []ssmbak.Attribute{ssmbak.AttributeTag + "team", ssmbak.AttributeLabel + "live"}
	with := &plan.DocumentSide{Tags: map[string]string{"team": "blue"}, Labels: map[string]int64{"live": 1}}
	without := &plan.DocumentSide{Tags: map[string]string{}, Labels: map[string]int64{}}
	record := func(after *plan.DocumentSide) *plan.Document {
		item := plan.DocumentItem{Name: "/app/db", After: after, Attributes: attributes, AppliedItem: plan.AppliedItem{Status: plan.StatusRestored}}
		return &plan.Document{Applied: plan.Applied{Began: began, Ended: began.Add(time.Second)}, Items: []plan.DocumentItem{item}}
	}
	blue, red := "blue", "red"
	change := func(c ssmbak.Change) ssmbak.Change {
		c.Name, c.From, c.Until = "/app/db", ssmbak.TimeOf(began), ssmbak.TimeOf(began)
		return c
	}
	for _, test := range []struct {
		name   string
		change ssmbak.Change
		after  *plan.DocumentSide
		want   bool
	}{
		{"tag set", change(ssmbak.Change{Operation: ssmbak.OpTag, Tags: map[string]*string{"team": &blue}}), with, true},
		{"tag set, by the other", change(ssmbak.Change{Operation: ssmbak.OpTag, Tags: map[string]*string{"team": &blue}}), without, false},
		{"another value", change(ssmbak.Change{Operation: ssmbak.OpTag, Tags: map[string]*string{"team": &red}}), with, false},
		{"tag removed", change(ssmbak.Change{Operation: ssmbak.OpTag, Tags: map[string]*string{"team": nil}}), without, true},
		{"tag removed, by the other", change(ssmbak.Change{Operation: ssmbak.OpTag, Tags: map[string]*string{"team": nil}}), with, false},
		{"label moved", change(ssmbak.Change{Operation: ssmbak.OpLabel, Labels: map[string]int64{"live": 3}}), with, true},
		{"label moved, by the other", change(ssmbak.Change{Operation: ssmbak.OpLabel, Labels: map[string]int64{"live": 1}}), without, false},
		{"label removed", change(ssmbak.Change{Operation: ssmbak.OpLabel, Labels: map[string]int64{"live": 0}}), without, true},
		{"label removed, by the other", change(ssmbak.Change{Operation: ssmbak.OpLabel, Labels: map[string]int64{"live": 0}}), with, false},
		{"deleted", change(ssmbak.Change{Operation: ssmbak.OpTag, Tags: map[string]*string{"team": &blue}}), nil, false},
	} {
		if got := history.Made(record(test.after), test.change); got != test.want {
			t.Errorf("%s: made is %v, want %v", test.name, got, test.want)
		}
	}
}
