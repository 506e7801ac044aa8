package restore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// circumstances are all that decides about one parameter.
type circumstances struct {
	// now is when the plan is made, for policies that expire.
	now    ssmbak.Time
	wanted ssmbak.State // at the moment
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
	// untagged is the same for the live tags.
	untagged string
	// labels are the last recorded labels, nil if they are not known.
	labels map[string]int64
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
	reasonUnborn = "it did not exist yet; only an exact restore deletes it"
)

// same reports whether both are one version.
func same(a, b ssmbak.Version) bool { return a.Number == b.Number && a.Time == b.Time }

// current reports whether the wanted version is the live one, so that nothing
// but tags can differ.
func (c *circumstances) current() bool {
	return c.live != nil && c.wanted.Version.Number != 0 && same(c.live.Version, c.wanted.Version)
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
	case w.Deleted && (c.covered || c.live == nil || o.AssumeLastKnown):
		return unborn, ""
	case w.Deleted:
		return undecided, "whether it existed is not known: no complete listing is that old"
	case w.NoValue != "":
		return undecided, "its value cannot be had: " + w.NoValue
	case !known(w.Version.Type) && (c.live == nil || !original(*w)):
		return undecided, "its type was not recorded"
	}
	return held, ""
}

func known(t ssmbak.Type) bool {
	return t == ssmbak.String || t == ssmbak.StringList || t == ssmbak.SecureString
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
	case v == ended, v == unborn && o.Exact:
		return false, c.live != nil
	}
	return false, false
}

// compute decides about one parameter. It reads no clock and talks to nobody:
// the same circumstances and options give the same item.
func compute(c circumstances, o Options) Item {
	item := Item{Name: c.wanted.Name, Wanted: c.wanted, Live: c.live}
	v, reason := c.judge(o)
	switch v {
	case undecided:
		item.Action, item.Reason = Unknown, reason
		return item
	case ended:
		item.Reason = reasonEnded
		item.Action = None
		if c.live != nil {
			item.Action = Delete
		}
	case unborn:
		item.Reason = reasonUnborn
		switch {
		case c.live == nil:
			item.Action, item.Reason = None, "it did not exist yet"
		case o.Exact:
			item.Action, item.Reason = Delete, "it did not exist yet"
		default:
			item.Action = Kept
		}
	case held:
		c.hold(&item)
	}
	if item.Action == Delete {
		item.Differences = listed(*c.live)
		item.Refused = cmp.Or(c.unheld, c.untagged)
	}
	if c.wanted.Certainty == ssmbak.Unknown && item.Action.writes() && !c.current() {
		item.Notices = append(item.Notices, "this is the last known state: "+c.wanted.Reason)
	}
	return item
}

// hold decides about a parameter that was there.
func (c *circumstances) hold(item *Item) {
	write, notices := resolve(c.wanted, c.live, c.now)
	if c.live == nil {
		item.Action = Create
		item.Notices = notices
		item.Differences = append(compare(write, nil, c.wanted.Version.Policies), compareTags(write.Tags, nil)...)
		if !c.wanted.TagsKnown {
			item.Notices = append(item.Notices, "its tags are not known: it gets none")
		}
		c.noteLabels(item)
		return
	}
	if !c.current() {
		item.Differences = compare(write, c.live, c.wanted.Version.Policies)
	}
	if len(item.Differences) > 0 {
		item.Refused = c.unheld
		item.Notices = notices
		c.noteLabels(item)
	}
	if c.wanted.TagsKnown && c.live.TagsKnown {
		if tags := compareTags(restorable(c.wanted.Tags), restorable(c.live.Tags)); len(tags) > 0 {
			item.Differences = append(item.Differences, tags...)
			item.Refused = cmp.Or(item.Refused, c.untagged)
		}
	}
	item.Action = Update
	if len(item.Differences) == 0 {
		item.Action, item.Reason = None, "nothing differs"
	}
}

// noteLabels says which labels of the wanted state are no longer where they
// were.
func (c *circumstances) noteLabels(item *Item) {
	var lost []string
	for label, number := range c.wanted.Labels {
		if c.live == nil || c.labels != nil && c.labels[label] != number {
			lost = append(lost, label)
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		item.Notices = append(item.Notices, "labels are not restored: "+strings.Join(lost, ", "))
	}
}

// newVersion reports whether the item's action writes a version, and not only
// tags.
func (i *Item) newVersion() bool {
	return i.Action == Create || i.Action == Update && slices.ContainsFunc(i.Differences, func(d Difference) bool {
		return !strings.HasPrefix(d.Attribute, AttributeTag)
	})
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
