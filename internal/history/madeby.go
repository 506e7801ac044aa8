package history

import (
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// Made reports whether a restore made a change: it was to change that of the parameter while
// the restore ran, and a version has the number, a tag the value, that the restore recorded.
// Of a label it is compared whether it was moved or removed: the numbers of versions differ if
// the parameter was recreated.
func Made(r *plan.Document, c ssmbak.Change) bool {
	from, until := ssmbak.TimeOf(r.Began).Add(-timeline.Skew), ssmbak.MaxTime
	if !r.Ended.IsZero() {
		until = ssmbak.TimeOf(r.Ended).Add(timeline.Skew)
	}
	if !c.Within(from, until) {
		return false
	}
	i := slices.IndexFunc(r.Items, func(x plan.DocumentItem) bool { return x.Name == c.Name })
	if i < 0 {
		return false
	}
	x := &r.Items[i]
	changes := func(kind ssmbak.Attribute, name string) bool {
		return x.Status != plan.StatusRefused && slices.Contains(x.Attributes, kind+ssmbak.Attribute(name))
	}
	switch c.Operation {
	case ssmbak.OpCreate, ssmbak.OpUpdate:
		return c.Version.Number != 0 && c.Version.Number == x.Written
	case ssmbak.OpDelete:
		return x.After == nil && (x.Status == plan.StatusDeleted || x.Status == plan.StatusRestored) || x.Replaces && x.Written == 1
	case ssmbak.OpTag:
		for key, value := range c.Tags {
			planned, kept := x.After.Text(ssmbak.TagAttribute(key))
			if changes(ssmbak.AttributeTag, key) && (value != nil) == kept && (value == nil || *value == planned) {
				return true
			}
		}
	case ssmbak.OpLabel:
		for label, number := range c.Labels {
			_, kept := x.After.Text(ssmbak.LabelAttribute(label))
			if changes(ssmbak.AttributeLabel, label) && (number != 0) == kept {
				return true
			}
		}
	case ssmbak.OpGap:
	}
	return false
}
