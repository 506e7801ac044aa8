package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// noticeLabelLost is the notice about a label that cannot be taken back.
const noticeLabelLost = "label %s cannot be taken back: it was on version %d, which no longer exists"

// onVersion reports whether a live label is on the version on which it was when the
// parameter was p: live and number are version numbers, 0 for none.
func (c *Reversal) onVersion(p *Parameter, number, live int64) bool {
	return number == live && (number == 0 || c.lives(p))
}

// lives reports whether a version belongs to the life of the live parameter.
func (c *Reversal) lives(p *Parameter) bool {
	return p.Version.Same(c.Before.Version) || slices.Contains(c.Before.History, timeline.Ref{Number: p.Version.Number, Time: p.Version.Time})
}

// moveLabels adds the labels to move to an item whose other changes are decided.
func (c *Reversal) moveLabels(item *Item, from, to *Parameter, o Options) (conflicts []Conflict) {
	if item.Fallback != nil {
		c.recreateLabels(item.Fallback, from, to, o)
	}
	if item.Action == ActionReplace {
		return c.recreateLabels(item, from, to, o)
	}
	live := c.Before.Labels
	if !from.Labels.IsKnown() || !to.Labels.IsKnown() || !live.IsKnown() {
		return nil
	}
	moves := len(item.Labels)
	for _, label := range union(from.Labels.V, to.Labels.V) {
		old, on := from.Labels.V[label], live.V[label]
		if c.sameLabel(old, to.Labels.V[label]) {
			continue
		}
		target, fresh, ok := c.labelTarget(item, from, old, o)
		switch {
		case ok && !fresh && target == on: // as at From
		case !c.onVersion(to, to.Labels.V[label], on):
			conflicts = append(conflicts, Conflict{Unit: Unit(ssmbak.LabelAttribute(label)), Reason: reasonChangedSince})
		case !ok:
			item.Notices = append(item.Notices, fmt.Sprintf(noticeLabelLost, label, old))
		default:
			item.move(LabelMove{Label: label, From: on, To: target, ToNew: fresh})
		}
	}
	if len(item.Labels) > moves {
		if item.Action == ActionNone {
			item.Action, item.Reason = ActionUpdate, ""
		}
		item.Refused = cmp.Or(item.Refused, c.TagsUnsaved)
		noteLastKnown(item, ssmbak.State{Labels: ssmbak.Know[map[string]int64](nil, min(from.Labels.Certainty, to.Labels.Certainty))})
	}
	if item.NewVersion() {
		item.Refused = cmp.Or(item.Refused, blocked(item))
	}
	return conflicts
}

// recreateLabels adds the labels of a parameter that is deleted and recreated. Of its
// versions only the one that the item writes exists then, so that an item which would lose
// a label that it does not take back is refused.
func (c *Reversal) recreateLabels(item *Item, from, to *Parameter, o Options) (conflicts []Conflict) {
	written := &Parameter{Version: ssmbak.Version{Attributes: item.Write.Attributes}, Value: ssmbak.Know(item.Write.Value, ssmbak.Proved)}
	item.Labels = nil
	item.Differences = slices.DeleteFunc(item.Differences, func(d Difference) bool { _, ok := d.Attribute.Label(); return ok })
	if !c.Before.Labels.IsKnown() {
		item.Refused = cmp.Or(item.Refused, "its labels are unknown, and deleting it would lose them")
		return nil
	}
	for _, label := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(union(from.Labels.V, to.Labels.V), union(c.Before.Labels.V, nil))))) {
		old, on := from.Labels.V[label], c.Before.Labels.V[label]
		source, version := c.Before, on
		if from.Labels.IsKnown() && to.Labels.IsKnown() && !c.sameLabel(old, to.Labels.V[label]) {
			if c.onVersion(from, old, on) || c.onVersion(to, to.Labels.V[label], on) {
				source, version = from, old
			} else {
				conflicts = append(conflicts, Conflict{Unit: Unit(ssmbak.LabelAttribute(label)), Reason: reasonChangedSince})
			}
		}
		switch {
		case version == 0: // it is removed with the parameter
		case version == source.Version.Number && o.sameValueAs(written, source):
			item.move(LabelMove{Label: label, To: 1, ToNew: true})
		case on == 0:
			item.Notices = append(item.Notices, fmt.Sprintf(noticeLabelLost, label, version))
		default:
			item.Refused = cmp.Or(item.Refused, fmt.Sprintf("deleting and recreating it would lose label %s, which belongs to version %d", label, version))
		}
	}
	(&Case{Before: c.Before}).addLostLabels(item)
	return conflicts
}

// labelTarget returns the version on which a label is to be that was on a version at
// From, 0 for none. A version of the live parameter keeps its number. Otherwise only the
// version that was current at From may exist again: as the one that the item writes, or as
// the live one. ok is false if there is none.
func (c *Reversal) labelTarget(item *Item, from *Parameter, number int64, o Options) (target int64, fresh, ok bool) {
	kept := c.Before.History
	if item.NewVersion() && len(kept) >= maxVersions {
		kept = kept[1:] // the write removes the oldest
	}
	switch {
	case number == 0:
		return 0, false, true
	case c.lives(from):
		exists := slices.ContainsFunc(kept, func(r timeline.Ref) bool { return r.Number == number })
		return number, false, exists
	case number != from.Version.Number:
		return 0, false, false
	case item.NewVersion():
		written := Parameter{Version: ssmbak.Version{Attributes: item.Write.Attributes}, Value: ssmbak.Know(item.Write.Value, ssmbak.Proved)}
		return item.Expected(), true, o.sameValueAs(&written, from)
	}
	return c.Before.Version.Number, false, o.sameValueAs(c.Before, from)
}
