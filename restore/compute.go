package restore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// circumstances are all that decides about one parameter.
type circumstances struct {
	name ssmbak.Name // of the parameter that is written
	// now is when the plan is made, for policies that expire.
	now    ssmbak.Time
	wanted ssmbak.State // at the moment
	// objects are the copies of the wanted value.
	objects []timeline.ObjectRef
	// existed says that the archive knows anything of the parameter at or
	// before the moment. Where it was absent, that makes the difference between
	// one that was deleted and one that had not begun.
	existed bool
	// covered says that a complete listing, or a look that found nothing, is
	// not later than the moment, so that an absence then is known.
	covered bool
	live    *Live
	// unheld says why the archive does not hold the live version with its
	// value, "" if it does.
	unheld string
	// untagged is the same for the live tags and labels.
	untagged string
	// touched are the attributes that a restore changed which is taken back: of
	// tags and labels no others are. nil for any other restore.
	touched []ssmbak.Attribute
	// foreign says why the live parameter must not be touched, "" if it may be.
	foreign string
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

// same reports whether both are one version.
func same(a, b ssmbak.Version) bool { return a.Number == b.Number && a.Time == b.Time }

// moved reports whether the state of another parameter is restored.
func (c *circumstances) moved() bool { return c.name != c.wanted.Name }

// current reports whether the wanted version is the live one, so that nothing
// but tags and labels can differ.
func (c *circumstances) current() bool {
	return c.live != nil && !c.moved() && c.wanted.Version.Number != 0 && same(c.live.Version, c.wanted.Version)
}

// judge says what the parameter is to be, and where that is undecided, why.
func (c *circumstances) judge(o Options) (verdict, string) {
	w := &c.wanted
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
	case w.Deleted && c.existed:
		return ended, ""
	case w.Deleted && (c.covered || c.live == nil || o.AssumeLastKnown || !o.Exact):
		return unborn, ""
	case w.Deleted:
		return undecided, "whether it existed is not known: no complete listing is that old"
	case w.Value.Reason != "":
		return undecided, "its value cannot be had: " + w.Value.Reason
	case !known(w.Version.Type) && (c.live == nil || !original(*w)):
		return undecided, "its type was not recorded"
	}
	return held, ""
}

func known(t ssmbak.Type) bool {
	return t == ssmbak.String || t == ssmbak.StringList || t == ssmbak.SecureString
}

// deletes reports whether a parameter that is live and was not there is to be
// deleted.
func (c *circumstances) deletes(v verdict, o Options) bool {
	return o.Exact || v == ended && !c.moved()
}

// needs says which values have to be read before the action can be computed:
// the wanted one to compare and to write it, the live one to compare it and to
// be sure that the archive holds it.
func (c *circumstances) needs(o Options) (wanted, live bool) {
	switch v, _ := c.judge(o); {
	case c.current():
		return false, false
	case v == held:
		return true, c.live != nil
	case v != undecided && c.deletes(v, o):
		return false, c.live != nil
	}
	return false, false
}

// replaced reports whether only a new parameter has the wanted tier or data type.
func (c *circumstances) replaced(o Options) bool {
	return o.Replace && c.live != nil && len(c.stays()) > 0
}

// compute decides about one parameter. It reads no clock and talks to nobody:
// the same circumstances and options give the same item.
func compute(c circumstances, o Options) Item {
	c.leaveTags()
	item := Item{Name: c.name, Wanted: c.wanted, WantedObjects: c.objects, Live: c.live}
	if c.moved() && c.wanted.Version.Time != 0 {
		item.Source = c.wanted.Name
	}
	v, reason := c.judge(o)
	switch v {
	case undecided:
		item.Action, item.Reason = Unknown, reason
		return item
	case ended, unborn:
		c.absent(&item, v, o)
	case held:
		c.hold(&item, o)
	}
	if item.Action == Delete {
		item.Differences = listed(*c.live)
	}
	if item.Action == Delete || item.Action == Replace {
		item.Refused = cmp.Or(item.Refused, c.unheld, c.untagged)
	}
	if item.Action.Writes() && c.foreign != "" {
		item.Refused, item.remedy = c.foreign, RemedyNone
	}
	noteLastKnown(&item, c.wanted)
	if c.wanted.Certainty == ssmbak.Unknown && item.Action.Writes() && !c.current() {
		item.Notices = append(item.Notices, "this is the last known state: "+c.wanted.Reason)
	}
	return item
}

// absent decides about a parameter that was not there.
func (c *circumstances) absent(item *Item, v verdict, o Options) {
	item.Action, item.Reason = None, reasonEnded
	switch {
	case c.touched != nil:
		item.Reason = reasonNot
	case v == unborn:
		item.Reason = "it did not exist yet"
	}
	switch {
	case c.live == nil:
	case c.deletes(v, o):
		item.Action = Delete
	case c.moved():
		item.Action, item.Reason = Kept, reasonBeside
	case !c.covered && !o.AssumeLastKnown:
		item.Action, item.Reason = Kept, reasonUnlisted
	default:
		item.Action, item.Reason = Kept, reasonUnborn
	}
}

// hold decides about a parameter that was there.
func (c *circumstances) hold(item *Item, o Options) {
	live := c.live
	if c.replaced(o) {
		live = nil // what is written begins anew
	}
	var notices []string
	item.write, notices = c.resolve(live, o)
	recorded := c.wanted.Version.Policies
	if c.live == nil {
		item.Action, item.Notices = Create, notices
		item.Differences = append(compare(item.write, nil, recorded), compareTags(item.write.Tags, nil)...)
		if !c.wanted.Tags.IsKnown() {
			item.Notices = append(item.Notices, "its tags are not known: it gets none")
		}
		c.moveLabels(item)
		return
	}
	item.Action = Update
	if c.replaced(o) {
		item.Action, item.Reason = Replace, "deleted and created anew: "+reasonTier
		if c.live.Version.Tier != advanced || c.wanted.Version.Tier != standard {
			item.Reason = "deleted and created anew: " + reasonDataType + " in place"
		}
		notices = append(notices, "its version numbers begin at 1 again, and a resource policy that shares it is lost")
		c.keepTags(&item.write)
	}
	if !c.current() {
		item.Differences = compare(item.write, c.live, recorded)
		if o.KeyID != "" && len(item.Differences) == 1 && item.Differences[0].Attribute == ssmbak.AttributeKeyID && item.Differences[0].Live == defaulted(c.wanted.Version.Attributes).KeyID {
			item.Differences = nil
		}
	}
	if item.Action == Update {
		item.Notices = c.stays()
	}
	if len(item.Differences) > 0 {
		item.Refused = c.unheld
		item.Notices = append(item.Notices, notices...)
		if why := c.misfit(item.write); why != "" && item.Action == Update {
			item.Refused, item.remedy = why, RemedyReplace
		}
	}
	if c.wanted.Tags.IsKnown() && c.live.Tags.IsKnown() {
		if tags := compareTags(restorable(c.wanted.Tags.V), restorable(c.live.Tags.V)); len(tags) > 0 {
			item.Differences = append(item.Differences, tags...)
			item.Refused = cmp.Or(item.Refused, c.untagged)
		}
	}
	c.moveLabels(item)
	c.orReplace(item, o)
	if len(item.Differences) == 0 {
		item.Action, item.Reason = None, "nothing differs"
	}
}

// keepTags gives a parameter that replaces a live one the live tags where the
// wanted ones are not known.
func (c *circumstances) keepTags(w *write) {
	if !c.wanted.Tags.IsKnown() && c.live.Tags.IsKnown() {
		w.Tags = restorable(c.live.Tags.V)
	}
}

// leaveTags makes the live tags that a restore did not change part of what is
// wanted when it is taken back, so that a parameter that is replaced keeps them.
func (c *circumstances) leaveTags() {
	if c.touched == nil || c.live == nil || !c.wanted.Tags.IsKnown() || !c.live.Tags.IsKnown() {
		return
	}
	tags := map[string]string{}
	for _, key := range union(c.wanted.Tags.V, c.live.Tags.V) {
		from := c.wanted.Tags.V
		if c.untouched(ssmbak.TagAttribute(key)) {
			from = c.live.Tags.V
		}
		if value, ok := from[key]; ok {
			tags[key] = value
		}
	}
	c.wanted.Tags.V = tags
}

// untouched reports whether a tag or label is none of those that a restore
// changed which is taken back.
func (c *circumstances) untouched(attribute ssmbak.Attribute) bool {
	return c.touched != nil && !slices.Contains(c.touched, attribute)
}

// orReplace plans what becomes of an Update that Parameter Store refuses because
// it changes the type. Between String and SecureString that works in place; for
// StringList the documentation says that it does not.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (c *circumstances) orReplace(item *Item, o Options) {
	if item.Action != Update || !item.newVersion() || item.write.Type == c.live.Version.Type {
		return
	}
	if !o.Replace {
		if item.write.Type == ssmbak.StringList || c.live.Version.Type == ssmbak.StringList {
			item.Warnings = append(item.Warnings, "Parameter Store may refuse to change its type in place; --replace deletes it and creates it anew then")
		}
		return
	}
	instead := Item{Name: item.Name, Source: item.Source, Action: Replace, Wanted: item.Wanted, WantedObjects: item.WantedObjects, Live: item.Live}
	instead.Refused = cmp.Or(c.foreign, c.unheld, c.untagged)
	instead.write, _ = c.resolve(nil, o)
	c.keepTags(&instead.write)
	c.moveLabels(&instead)
	item.instead = &instead
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

// changed says whose change a version is, for reasons.
func changed(v ssmbak.Version) string {
	who := v.User
	if who == "" {
		who = "someone"
	}
	return fmt.Sprintf("%s made version %d at %s", who, v.Number, v.Time)
}
