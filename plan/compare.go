package plan

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Side is a parameter at one of the two moments that are compared.
type Side struct {
	At    ssmbak.Time
	State ssmbak.State
	// Objects are the object versions that hold the value, oldest first.
	Objects []timeline.ObjectRef
}

// Compare says what changed in one parameter from one moment to another, nil if it
// was there at neither. Both states are known. again says that the parameter was not
// there at some moment in between.
func Compare(from, to Side, again bool) *Item {
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
		item.Differences = appeared(after)
	case after.Deleted:
		item.Action = ActionDelete
		item.Differences = removed(*item.Before)
	case before.Version.Same(after.Version):
		item.Differences = attributesBetween(before, after)
	default:
		item.Differences = append(versionsBetween(item.Before, after), attributesBetween(before, after)...)
		if again {
			item.Action, item.Reason = ActionReplace, "deleted and created again"
		}
	}
	if item.Action == ActionUpdate && len(item.Differences) == 0 {
		item.Action, item.Reason = ActionNone, "nothing differs"
	}
	noteAttributes(item, from, to)
	return item
}

// appeared lists everything that a state has.
func appeared(is ssmbak.State) []Difference {
	return append(versionsBetween(nil, is), attributesBetween(ssmbak.State{Tags: ssmbak.Know[map[string]string](nil, ssmbak.Proved), Labels: ssmbak.Know[map[string]int64](nil, ssmbak.Proved)}, is)...)
}

// versionsBetween lists the attributes of a version that differ, was being nil
// for nothing.
func versionsBetween(was *Parameter, is ssmbak.State) []Difference {
	v := is.Version
	out := compare(Write{Value: is.Value.V, Attributes: Defaulted(v.Attributes)}, was, v.Policies)
	if !is.Value.IsKnown() {
		for i := range out {
			out[i].NoAfter = out[i].NoAfter || out[i].Value
		}
	}
	return out
}

// attributesBetween lists the tags and labels that differ, where both are known or
// last known.
func attributesBetween(was, is ssmbak.State) (out []Difference) {
	if was.Tags.IsKnown() && is.Tags.IsKnown() {
		out = compareTags(is.Tags.V, was.Tags.V)
	}
	if was.Labels.IsKnown() && is.Labels.IsKnown() {
		for _, label := range union(is.Labels.V, was.Labels.V) {
			if a, b := was.Labels.V[label], is.Labels.V[label]; a != b {
				out = append(out, Difference{Attribute: ssmbak.LabelAttribute(label), Before: number(a), After: number(b), NoBefore: a == 0, NoAfter: b == 0})
			}
		}
	}
	return out
}

// noteAttributes says which tags and labels were compared by the last known ones,
// and which could not be compared since they are unknown at one of the moments.
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
