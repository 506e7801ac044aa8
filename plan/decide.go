package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Case is all that decides about one parameter.
type Case struct {
	Name ssmbak.Name // of the parameter that is written
	// Now is when the plan is made, for policies that expire.
	Now ssmbak.Time
	// Before is the parameter now, nil if there is none.
	Before *Parameter
	// After is the state that is restored, and AfterObjects are the copies of its
	// value, oldest first.
	After        ssmbak.State
	AfterObjects []timeline.ObjectRef
	// Existed says that the archive knows anything of the parameter at or
	// before the moment. Where it was absent, that makes the difference between
	// one that was deleted and one that had not begun.
	Existed bool
	// Covered says that a complete listing, or a look that found nothing, is
	// not later than the moment, so that an absence then is known.
	Covered bool
	// Unheld says why the archive does not hold the live version with its
	// value, "" if it does.
	Unheld string
	// Untagged is the same for the live tags and labels.
	Untagged string
	// Touched are the attributes that a restore changed which is taken back: of
	// tags and labels no others are. nil for any other restore.
	Touched []ssmbak.Attribute
	// Foreign says why the live parameter must not be touched, "" if it may be.
	Foreign string
}

// noteLastKnown says which of what is written is only the last known.
func noteLastKnown(item *Item, states ...ssmbak.State) {
	writes := func(kind ssmbak.Attribute) bool {
		return slices.ContainsFunc(item.Differences, func(d Difference) bool { return strings.HasPrefix(string(d.Attribute), string(kind)) })
	}
	tags, labels := false, false
	for _, s := range states {
		tags = tags || s.Tags.Certainty == ssmbak.LastKnown && writes(ssmbak.AttributeTag)
		labels = labels || s.Labels.Certainty == ssmbak.LastKnown && writes(ssmbak.AttributeLabel)
	}
	switch {
	case tags && labels:
		item.Notices = append(item.Notices, "its tags and labels are the last known ones")
	case tags:
		item.Notices = append(item.Notices, "its tags are the last known ones")
	case labels:
		item.Notices = append(item.Notices, "its labels are the last known ones")
	}
}

// verdict is what a parameter is to be.
type verdict int8

const (
	undecided verdict = iota // nothing can be said
	ended                    // it had been deleted
	unborn                   // it had not begun
	held                     // it was there, as the wanted state says
)

// Reasons of items.
const (
	reasonEnded  = "it had been deleted"
	reasonNot    = "it was not there before the restore"
	reasonUnborn = "it did not exist yet; only an exact restore deletes it"
	reasonBeside = "it was not there under its own name; only an exact restore deletes it here"
	// reasonUnlisted is for what was created later as far as events tell, in an
	// archive without a complete listing that old.
	reasonUnlisted = "whether it existed then is not known: no complete listing is that old; only an exact restore needs to know"
)

// moved reports whether the state of another parameter is restored.
func (c *Case) moved() bool { return c.Name != c.After.Name }

// current reports whether the wanted version is the live one, so that nothing
// but tags and labels can differ.
func (c *Case) current() bool {
	return c.Before != nil && !c.moved() && c.After.Version.Number != 0 && c.Before.Version.Same(c.After.Version)
}

// judge says what the parameter is to be, and where that is undecided, why.
func (c *Case) judge(o Options) (verdict, string) {
	w := &c.After
	if c.current() {
		// A version that is older than the moment and is still there was there
		// at the moment, whatever else is not known.
		return held, ""
	}
	if w.Certainty == ssmbak.Unknown {
		nothing := !w.Deleted && w.Version.Time == 0
		if nothing || !o.AssumeLastKnown {
			return undecided, w.Reason
		}
	}
	switch {
	case w.Deleted && c.Existed:
		return ended, ""
	case w.Deleted && (c.Covered || c.Before == nil || o.AssumeLastKnown || !o.Exact):
		return unborn, ""
	case w.Deleted:
		return undecided, "whether it existed is not known: no complete listing is that old"
	case w.Value.Reason != "":
		return undecided, "its value cannot be had: " + w.Value.Reason
	case !known(w.Version.Type) && (c.Before == nil || !original(*w)):
		return undecided, "its type was not recorded"
	}
	return held, ""
}

func known(t ssmbak.Type) bool {
	return t == ssmbak.TypeString || t == ssmbak.TypeStringList || t == ssmbak.TypeSecureString
}

// deletes reports whether a parameter that is live and was not there is to be
// deleted.
func (c *Case) deletes(v verdict, o Options) bool {
	return o.Exact || v == ended && !c.moved()
}

// Needs says which values have to be read before the action can be computed:
// the wanted one to compare and to write it, the live one to compare it and to
// be sure that the archive holds it.
func (c *Case) Needs(o Options) (wanted, live bool) {
	switch v, _ := c.judge(o); {
	case c.current():
		return false, false
	case v == held:
		return true, c.Before != nil
	case v != undecided && c.deletes(v, o):
		return false, c.Before != nil
	}
	return false, false
}

// replaced reports whether only a new parameter has the wanted tier or data type.
func (c *Case) replaced(o Options) bool {
	return o.Replace && c.Before != nil && len(c.stays()) > 0
}

// Decide decides about one parameter. It reads no clock and talks to nobody:
// the same case and options give the same item.
func Decide(c Case, o Options) Item {
	c.leaveTags()
	item := Item{Name: c.Name, After: c.After, AfterObjects: c.AfterObjects, Before: c.Before}
	if c.moved() && c.After.Version.Time != 0 {
		item.Source = c.After.Name
	}
	v, reason := c.judge(o)
	switch v {
	case undecided:
		item.Action, item.Reason = ActionUnknown, reason
		return item
	case ended, unborn:
		c.absent(&item, v, o)
	case held:
		c.hold(&item, o)
	}
	if item.Action == ActionDelete {
		item.Differences = removed(*c.Before)
	}
	if item.Action == ActionDelete || item.Action == ActionReplace {
		item.Refused = cmp.Or(item.Refused, c.Unheld, c.Untagged)
	}
	if item.Action.Writes() && c.Foreign != "" {
		item.Refused, item.Remedy = c.Foreign, RemedyNone
	}
	noteLastKnown(&item, c.After)
	if c.After.Certainty == ssmbak.Unknown && item.Action.Writes() && !c.current() {
		item.Notices = append(item.Notices, "this is the last known state: "+c.After.Reason)
	}
	return item
}

// absent decides about a parameter that was not there.
func (c *Case) absent(item *Item, v verdict, o Options) {
	item.Action, item.Reason = ActionNone, reasonEnded
	switch {
	case c.Touched != nil:
		item.Reason = reasonNot
	case v == unborn:
		item.Reason = "it did not exist yet"
	}
	switch {
	case c.Before == nil:
	case c.deletes(v, o):
		item.Action = ActionDelete
	case c.moved():
		item.Action, item.Reason = ActionKept, reasonBeside
	case !c.Covered && !o.AssumeLastKnown:
		item.Action, item.Reason = ActionKept, reasonUnlisted
	default:
		item.Action, item.Reason = ActionKept, reasonUnborn
	}
}

// hold decides about a parameter that was there.
func (c *Case) hold(item *Item, o Options) {
	live := c.Before
	if c.replaced(o) {
		live = nil // what is written begins anew
	}
	var notices []string
	item.Write, notices = c.resolve(live, o)
	recorded := c.After.Version.Policies
	if c.Before == nil {
		item.Action, item.Notices = ActionCreate, notices
		item.Differences = append(compare(item.Write, nil, recorded), compareTags(item.Write.Tags, nil)...)
		if !c.After.Tags.IsKnown() {
			item.Notices = append(item.Notices, "its tags are not known: it gets none")
		}
		c.moveLabels(item)
		return
	}
	item.Action = ActionUpdate
	if c.replaced(o) {
		item.Action, item.Reason = ActionReplace, "deleted and created anew: "+reasonTier
		if c.Before.Version.Tier != advanced || c.After.Version.Tier != standard {
			item.Reason = "deleted and created anew: " + reasonDataType + " in place"
		}
		notices = append(notices, "its version numbers begin at 1 again, and a resource policy that shares it is lost")
		c.keepTags(&item.Write)
	}
	if !c.current() {
		item.Differences = compare(item.Write, c.Before, recorded)
		if o.KeyID != "" && len(item.Differences) == 1 && item.Differences[0].Attribute == ssmbak.AttributeKeyID && item.Differences[0].Before == Defaulted(c.After.Version.Attributes).KeyID {
			item.Differences = nil
		}
	}
	if item.Action == ActionUpdate {
		item.Notices = c.stays()
	}
	if len(item.Differences) > 0 {
		item.Refused = c.Unheld
		item.Notices = append(item.Notices, notices...)
		if why := c.misfit(item.Write); why != "" && item.Action == ActionUpdate {
			item.Refused, item.Remedy = why, RemedyReplace
		}
	}
	if c.After.Tags.IsKnown() && c.Before.Tags.IsKnown() {
		if tags := compareTags(restorable(c.After.Tags.V), restorable(c.Before.Tags.V)); len(tags) > 0 {
			item.Differences = append(item.Differences, tags...)
			item.Refused = cmp.Or(item.Refused, c.Untagged)
		}
	}
	c.moveLabels(item)
	c.orReplace(item, o)
	if len(item.Differences) == 0 {
		item.Action, item.Reason = ActionNone, "nothing differs"
	}
}

// keepTags gives a parameter that replaces a live one the live tags where the
// wanted ones are not known.
func (c *Case) keepTags(w *Write) {
	if !c.After.Tags.IsKnown() && c.Before.Tags.IsKnown() {
		w.Tags = restorable(c.Before.Tags.V)
	}
}

// leaveTags makes the live tags that a restore did not change part of what is
// wanted when it is taken back, so that a parameter that is replaced keeps them.
func (c *Case) leaveTags() {
	if c.Touched == nil || c.Before == nil || !c.After.Tags.IsKnown() || !c.Before.Tags.IsKnown() {
		return
	}
	tags := map[string]string{}
	for _, key := range union(c.After.Tags.V, c.Before.Tags.V) {
		from := c.After.Tags.V
		if c.untouched(ssmbak.TagAttribute(key)) {
			from = c.Before.Tags.V
		}
		if value, ok := from[key]; ok {
			tags[key] = value
		}
	}
	c.After.Tags.V = tags
}

// untouched reports whether a tag or label is none of those that a restore
// changed which is taken back.
func (c *Case) untouched(attribute ssmbak.Attribute) bool {
	return c.Touched != nil && !slices.Contains(c.Touched, attribute)
}

// orReplace plans what becomes of an Update that Parameter Store refuses because
// it changes the type. Between String and SecureString that works in place; for
// StringList the documentation says that it does not.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (c *Case) orReplace(item *Item, o Options) {
	if item.Action != ActionUpdate || !item.NewVersion() || item.Write.Type == c.Before.Version.Type {
		return
	}
	if !o.Replace {
		if item.Write.Type == ssmbak.TypeStringList || c.Before.Version.Type == ssmbak.TypeStringList {
			item.Warnings = append(item.Warnings, "Parameter Store may refuse to change its type in place; --replace deletes it and creates it anew then")
		}
		return
	}
	instead := Item{Name: item.Name, Source: item.Source, Action: ActionReplace, After: item.After, AfterObjects: item.AfterObjects, Before: item.Before}
	instead.Refused = cmp.Or(c.Foreign, c.Unheld, c.Untagged)
	instead.Write, _ = c.resolve(nil, o)
	c.keepTags(&instead.Write)
	c.moveLabels(&instead)
	item.Instead = &instead
	item.Warnings = append(item.Warnings, "if Parameter Store refuses to change its type in place, it is deleted and created anew: its version numbers begin at 1 again then")
}

// restorable returns the tags that a client may set and remove: keys that begin
// with aws: are reserved for AWS, in any case of letters.
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
func restorable(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	maps.DeleteFunc(out, func(key, _ string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") })
	return out
}
