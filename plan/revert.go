package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reversal is the input of [Revert] for one parameter.
type Reversal struct {
	Name ssmbak.Name
	// Now is when the plan is made. Policies that have expired by then are not written.
	Now ssmbak.Time
	// From and To are the parameter at the two times: what changed in between is taken
	// back. SameLife says that it was not deleted in between.
	From, To Side
	SameLife bool
	// Before is the parameter now, nil if it does not exist. If [Reversal.NeedsAttributes]
	// reports so, it has its live tags, and its live labels with its history.
	Before *Parameter
	// Gone is the last recorded state if Before is nil.
	Gone ssmbak.State
	// Existed, Covered, Unsaved and TagsUnsaved are as in a [Case] that restores From.
	Existed, Covered     bool
	Unsaved, TagsUnsaved string
	// Others are the changes in between that the revert must not take back. With any, the
	// parameter is not changed.
	Others []Conflict
}

// side returns the parameter at one of the times, nil if it did not exist. The live value
// is also that of an equal version.
func (c *Reversal) side(s Side) *Parameter {
	if s.State.Deleted {
		return nil
	}
	p := &Parameter{Version: s.State.Version, Objects: s.Objects, Value: s.State.Value, Tags: s.State.Tags, Labels: s.State.Labels}
	if c.Before != nil && c.Before.Version.Same(p.Version) {
		p.Value = c.Before.Value
	}
	return p
}

// unknown returns the reason why the parameter is skipped whatever it is now, "" if there
// is none: its state at one of the times is unknown.
func (c *Reversal) unknown() string {
	for _, s := range []Side{c.From, c.To} {
		// A version that is live at present was live at any time after it was made.
		if c.Before != nil && s.State.Version.Number != 0 && s.State.Version.Same(c.Before.Version) {
			continue
		}
		if why := incomplete(s); why != "" {
			return why
		}
	}
	return ""
}

// NeedsValues reports which values [Revert] requires: those at the two times and that of
// Before.
func (c *Reversal) NeedsValues() (from, to, before bool) {
	f, t := c.From.State, c.To.State
	if c.unknown() != "" || f.Deleted && t.Deleted || !f.Deleted && !t.Deleted && f.Version.Same(t.Version) {
		return false, false, false
	}
	apart := func(s ssmbak.State) bool { return !s.Deleted && (c.Before == nil || !s.Version.Same(c.Before.Version)) }
	return apart(f), apart(t), c.Before != nil
}

// Changed reports whether anything about the parameter may differ between the two times,
// so that there may be something to take back. The values that [Reversal.NeedsValues]
// reports must be set.
func (c *Reversal) Changed() bool {
	from, to := c.side(c.From), c.side(c.To)
	switch {
	case c.unknown() != "":
		return false
	case from == nil || to == nil:
		return from != to
	case slices.ContainsFunc(versionUnits, func(u versionUnit) bool { same, known := u.same(from, to); return !same || !known }):
		return true
	}
	tags, labels := c.changedAttributes()
	return tags || labels
}

// changedAttributes reports whether tags and labels of a parameter that existed at both times
// are known to differ between them.
func (c *Reversal) changedAttributes() (tags, labels bool) {
	from, to := c.From.State, c.To.State
	tags = from.Tags.IsKnown() && to.Tags.IsKnown() && len(compareTags(UserTags(from.Tags.V), UserTags(to.Tags.V))) > 0
	labels = from.Labels.IsKnown() && to.Labels.IsKnown() && slices.ContainsFunc(union(from.Labels.V, to.Labels.V), func(label string) bool {
		return !c.sameLabel(from.Labels.V[label], to.Labels.V[label])
	})
	return tags, labels
}

// NeedsAttributes reports whether [Revert] requires the live tags and the live labels with the
// history. item is its result with those that the archive has. It requires neither to take
// back what else differs between two times at both of which the parameter existed, unless the
// archive does not have them, all of them can be lost, or a label can prevent a new version.
func (c *Reversal) NeedsAttributes(item *Item) (tags, labels bool) {
	if c.From.State.Deleted || c.To.State.Deleted || item.Removes() {
		return true, true
	}
	tags, labels = c.changedAttributes()
	return tags || !c.Before.Tags.IsKnown(), labels || !c.Before.Labels.IsKnown() || item.OldestIsLost()
}

// sameLabel reports whether a label was on the same version at both times. The numbers are
// 0 for no version.
func (c *Reversal) sameLabel(from, to int64) bool { return from == to && (from == 0 || c.SameLife) }

// Revert returns what a revert does to one parameter: units that are as at To become what
// they were at From, units that changed in between and are not as at To are conflicts, and
// all others are not changed. A unit that is already as at From is neither. Revert is a
// pure function. Of the options it uses KeyID and Replace.
func Revert(c Reversal, o Options) Item {
	item := Item{Name: c.Name, Action: ActionNone, After: c.From.State, AfterObjects: c.From.Objects, Before: c.Before, Gone: c.Gone}
	if why := c.unknown(); why != "" {
		if c.Before == nil && c.From.State.Deleted && incomplete(c.From) == "" { // all of it is as at From
			item.Reason = reasonGone
			return item
		}
		item.Action, item.Reason = ActionSkip, why
		return item
	}
	from, to := c.side(c.From), c.side(c.To)
	switch {
	case !c.Changed():
		item.Reason = reasonUnchanged
		item.After, item.AfterObjects = c.live()
		if from != nil && to != nil {
			noteUnknown(&item, c.From, c.To)
		}
	case len(c.Others) > 0:
		item.Conflicts = c.Others
	case from == nil:
		c.created(&item, to)
	case to == nil:
		c.deleted(&item, from, o)
	case c.Before == nil:
		c.gone(&item, from, to)
	default:
		c.units(&item, from, to, o)
	}
	if item.Action == ActionNone && len(item.Conflicts) > 0 {
		item.Action, item.Reason = ActionSkip, conflictReason(item.Conflicts)
		item.After, item.AfterObjects = c.From.State, c.From.Objects
	}
	return item
}

// live returns the present state of the parameter.
func (c *Reversal) live() (ssmbak.State, []timeline.ObjectRef) {
	if c.Before == nil {
		return ssmbak.State{Name: c.Name, Deleted: true, Certainty: ssmbak.Proved}, nil
	}
	v := c.Before.Version
	return ssmbak.State{
		Name: c.Name, Version: v, Value: c.Before.Value, Modified: v.Time, By: v.User, Certainty: ssmbak.Proved, Tags: c.Before.Tags, Labels: c.Before.Labels,
	}, c.Before.Objects
}

// restored returns the item of a restore of a state over what is live.
func (c *Reversal) restored(after ssmbak.State, objects []timeline.ObjectRef, o Options) Item {
	return Decide(Case{
		Name: c.Name, Now: c.Now, Before: c.Before, Gone: c.Gone, After: after, AfterObjects: objects,
		Existed: c.Existed, Covered: c.Covered, Unsaved: c.Unsaved, TagsUnsaved: c.TagsUnsaved,
	}, Options{Exact: true, KeyID: o.KeyID, Replace: o.Replace})
}

// created decides about a parameter that was created in between: it is deleted if all of
// it is as at To.
func (c *Reversal) created(item *Item, to *Parameter) {
	switch {
	case c.Before == nil:
		item.Reason = reasonGone
		return
	case !c.lives(to):
		item.Conflicts = []Conflict{{Unit: UnitExistence, Reason: reasonCreatedAgain}}
		return
	}
	var changed []string
	for _, u := range versionUnits {
		same, known := u.same(c.Before, to)
		if !known {
			item.Action, item.Reason = ActionSkip, c.unavailable(to)
			return
		}
		if !same {
			changed = append(changed, string(u.unit))
		}
	}
	if !to.Tags.IsKnown() || !to.Labels.IsKnown() || !c.Before.Tags.IsKnown() || !c.Before.Labels.IsKnown() {
		item.Action, item.Reason = ActionSkip, fmt.Sprintf("whether all of it is as at %s is unknown: its tags or labels are", c.To.At)
		return
	}
	for _, d := range compareTags(to.Tags.V, c.Before.Tags.V) {
		changed = append(changed, string(d.Attribute))
	}
	for _, label := range union(to.Labels.V, c.Before.Labels.V) {
		if !c.onVersion(to, to.Labels.V[label], c.Before.Labels.V[label]) {
			changed = append(changed, string(ssmbak.LabelAttribute(label)))
		}
	}
	if len(changed) > 0 {
		item.Conflicts = []Conflict{{Unit: UnitExistence, Reason: reasonCreatedSince + strings.Join(changed, ", ")}}
		return
	}
	if *item = c.restored(c.From.State, nil, Options{}); item.Action == ActionDelete {
		item.Reason = reasonCreatedBetween
	}
}

// deleted decides about a parameter that was deleted in between: it is created unless
// that happened since.
func (c *Reversal) deleted(item *Item, from *Parameter, o Options) {
	again := c.restored(c.From.State, from.Objects, Options{KeyID: o.KeyID})
	if c.Before != nil && again.Action != ActionSkip && (again.Action.Writes() || Differ(*c.Before, *from) != "" && Differ(*c.Before, *rekeyed(from, o)) != "") {
		item.Conflicts = []Conflict{{Unit: UnitExistence, Reason: reasonRecreatedSince}}
		return
	}
	*item = again
}

// gone decides about a parameter that existed at both times and does not now.
func (c *Reversal) gone(item *Item, from, to *Parameter) {
	if _, known := sameValue(from, to); !known {
		item.Action, item.Reason = ActionSkip, c.unavailable(from, to)
		return
	}
	item.Conflicts = []Conflict{{Unit: UnitExistence, Reason: reasonDeletedSince}}
}

// unavailable returns the reason why values cannot be compared: the first of the
// parameters without its value, or the live one.
func (c *Reversal) unavailable(of ...*Parameter) string {
	for _, p := range append(of, c.Before) {
		if p != nil && !p.Value.IsKnown() {
			return fmt.Sprintf("the value of version %d is unavailable: %s", p.Version.Number, cmp.Or(p.Value.Reason, c.Unsaved))
		}
	}
	return "a value is unavailable"
}

// units decides about a parameter that existed at both times and exists now.
func (c *Reversal) units(item *Item, from, to *Parameter, o Options) {
	after := c.From.State
	after.Certainty = max(after.Certainty, ssmbak.LastKnown) // see [Reversal.Unknown]
	after.Version.Attributes, after.Value = c.Before.Version.Attributes, c.Before.Value
	objects, taken := c.Before.Objects, map[Unit]bool{}
	var conflicts []Conflict
	for _, u := range versionUnits {
		if same, known := u.same(from, to); same && known {
			continue
		}
		isFrom, known := c.asFrom(u, from, o)
		isTo, toKnown := u.same(c.Before, to)
		valueConflicts := len(conflicts) > 0 && conflicts[0].Unit == UnitValue
		stays := u.unit == UnitTier && !o.Replace && c.tierStays(from)
		switch {
		case !known || !toKnown:
			item.Action, item.Reason = ActionSkip, c.unavailable(from, to)
			return
		case isFrom, stays && valueConflicts:
		case valueConflicts:
			conflicts = append(conflicts, Conflict{Unit: u.unit, Reason: reasonWithValue})
		case !isTo && !stays:
			conflicts = append(conflicts, Conflict{Unit: u.unit, Reason: reasonChangedSince})
		case u.unit == UnitTier && c.tooLong(from, taken[UnitValue], o):
			conflicts = append(conflicts, Conflict{Unit: u.unit, Reason: reasonTooLong})
		case u.unit == UnitValue && !o.Replace && fixed(Defaulted(c.Before.Version.Attributes).DataType, Defaulted(from.Version.Attributes).DataType):
			conflicts = append(conflicts, Conflict{Unit: u.unit, Reason: reasonDataType + "; " + orReplace})
		default:
			u.take(&after.Version.Attributes, from.Version.Attributes)
			taken[u.unit] = true
		}
	}
	if taken[UnitValue] {
		after.Value, objects = from.Value, from.Objects
	}
	if len(taken) == 0 {
		after.Version = c.Before.Version
	}
	written := o
	if !taken[UnitValue] {
		written.KeyID = "" // the live key stays with the live value
	}
	var tags []Conflict
	after.Tags, tags = c.tags(from.Tags, to.Tags)
	after.Labels = ssmbak.Known[map[string]int64]{} // they are moved below
	if len(taken) > 0 && !after.Value.IsKnown() {
		item.Action, item.Reason = ActionSkip, c.unavailable(from)
		return
	}
	*item = c.restored(after, objects, written)
	if _, expired := Unexpired(c.Before.Version.Policies, c.Now); expired != "" && item.NewVersion() && !taken[UnitTier] {
		item.Refused = "its expiration has passed, so that Parameter Store is about to delete it"
	}
	labels := c.moveLabels(item, from, to, o)
	item.Conflicts = slices.Concat(conflicts, tags, labels)
	noteUnknown(item, c.From, c.To)
}

// tierStays reports whether the live policies are those of From and only the tier is
// not, because Parameter Store does not lower it in place.
func (c *Reversal) tierStays(from *Parameter) bool {
	policies, _ := Unexpired(from.Version.Policies, c.Now)
	live := c.Before.Version
	return live.Tier == advanced && SamePolicies(live.Policies, policies)
}

// tags returns the tags after the revert, unknown if they are not changed.
func (c *Reversal) tags(from, to ssmbak.Known[map[string]string]) (after ssmbak.Known[map[string]string], conflicts []Conflict) {
	live := c.Before.Tags
	if !from.IsKnown() || !to.IsKnown() || !live.IsKnown() {
		return after, nil
	}
	all := map[string]string{}
	maps.Copy(all, live.V)
	for _, d := range compareTags(UserTags(from.V), UserTags(to.V)) {
		key, _ := d.Attribute.Tag()
		value, exists := live.V[key]
		switch {
		case value == d.Before && exists != d.NoBefore: // as at From
		case value != d.After || exists == d.NoAfter:
			conflicts = append(conflicts, Conflict{Unit: Unit(d.Attribute), Reason: reasonChangedSince})
		case d.NoBefore:
			delete(all, key)
		default:
			all[key] = d.Before
		}
	}
	return ssmbak.Know(all, min(from.Certainty, to.Certainty)), conflicts
}

// noteUnknown adds a notice if tags or labels were not compared because they are unknown
// at one of the times.
func noteUnknown(item *Item, from, to Side) {
	for _, a := range []struct {
		what     string
		from, to bool
	}{
		{"tags", from.State.Tags.IsKnown(), to.State.Tags.IsKnown()},
		{"labels", from.State.Labels.IsKnown(), to.State.Labels.IsKnown()},
	} {
		at := from.At
		if a.from {
			at = to.At
		}
		if !a.from || !a.to {
			item.Notices = append(item.Notices, fmt.Sprintf("its %s are not changed: they are unknown at %s", a.what, at))
		}
	}
}
