package plan

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Side is a parameter at one of the two times of a comparison.
type Side struct {
	At    ssmbak.Time
	State ssmbak.State
	// Objects are the object versions that hold the value, oldest first.
	Objects []timeline.ObjectRef
}

// Compare returns the changes in one parameter between two times, or nil if it existed
// at neither. Both states must be known. With recreated, the parameter did not exist at
// some time in between, and the action is [ActionReplace] unless the version is the same.
func Compare(from, to Side, recreated bool) *Item {
	before, after := from.State, to.State
	item := &Item{Name: after.Name, After: after, AfterObjects: to.Objects, Action: ActionUpdate}
	if !before.Deleted {
		item.Before = &Parameter{Version: before.Version, Objects: from.Objects, Value: before.Value, Tags: before.Tags, Labels: before.Labels}
	}
	switch {
	case before.Deleted && after.Deleted:
		return nil
	case before.Deleted:
		item.Action = ActionCreate
		item.Differences = created(after)
	case after.Deleted:
		item.Action = ActionDelete
		item.Differences = removed(*item.Before)
	case before.Version.Same(after.Version):
		item.Differences = compareAttributes(before, after)
	default:
		item.Differences = append(compareVersions(item.Before, after), compareAttributes(before, after)...)
		if recreated {
			item.Action, item.Reason = ActionReplace, "deleted and recreated"
		}
	}
	if item.Action == ActionUpdate && len(item.Differences) == 0 {
		item.Action, item.Reason = ActionNone, "nothing differs"
	}
	noteAttributes(item, from, to)
	return item
}

// created returns everything that a created parameter has.
func created(after ssmbak.State) []Difference {
	none := ssmbak.State{Tags: ssmbak.Know[map[string]string](nil, ssmbak.Proved), Labels: ssmbak.Know[map[string]int64](nil, ssmbak.Proved)}
	return append(compareVersions(nil, after), compareAttributes(none, after)...)
}

// compareVersions returns the attributes of a version that differ. before is nil if the
// parameter did not exist.
func compareVersions(before *Parameter, after ssmbak.State) []Difference {
	v := after.Version
	out := compare(before, Write{Value: after.Value.V, Attributes: Defaulted(v.Attributes)}, v.Policies)
	if !after.Value.IsKnown() {
		for i := range out {
			out[i].NoAfter = out[i].NoAfter || out[i].Value
		}
	}
	return out
}

// compareAttributes returns the tags and labels that differ, as far as both sides are
// proved or last known.
func compareAttributes(before, after ssmbak.State) (out []Difference) {
	if before.Tags.IsKnown() && after.Tags.IsKnown() {
		out = compareTags(before.Tags.V, after.Tags.V)
	}
	if before.Labels.IsKnown() && after.Labels.IsKnown() {
		for _, label := range union(before.Labels.V, after.Labels.V) {
			if b, a := before.Labels.V[label], after.Labels.V[label]; a != b {
				out = append(out, labelDifference(label, b, a))
			}
		}
	}
	return out
}

// MayDiffer reports whether the two sides differ, or may differ.
func (i *Item) MayDiffer() bool {
	return i.Action != ActionNone || len(i.Notices) > 0 || i.After.AttributesChanged
}

// noteAttributes adds notices about tags and labels that are only last known, and about
// those that were not compared because they are unknown at one of the times.
func noteAttributes(item *Item, from, to Side) {
	before, after := from.State, to.State
	noteLastKnown(item, before, after)
	if before.Deleted || after.Deleted {
		return
	}
	for _, a := range []struct {
		what          string
		before, after bool
	}{{"tags", before.Tags.IsKnown(), after.Tags.IsKnown()}, {"labels", before.Labels.IsKnown(), after.Labels.IsKnown()}} {
		switch {
		case a.before && !a.after:
			item.Notices = append(item.Notices, "its "+a.what+" are unknown at "+to.At.String())
		case a.after && !a.before && len(item.Differences) > 0:
			item.Notices = append(item.Notices, "its "+a.what+" are unknown at "+from.At.String())
		}
	}
}
