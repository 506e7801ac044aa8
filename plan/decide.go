package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Case is the input of [Decide] for one parameter.
type Case struct {
	Name ssmbak.Name // of the parameter that is written
	// Now is when the plan is made. Policies that have expired by then are not written.
	Now ssmbak.Time
	// Before is the parameter now, nil if it does not exist.
	Before *Parameter
	// After is the state that is restored. Its name differs from Name if a copy is
	// restored. AfterObjects are the object versions that hold its value, oldest first.
	After        ssmbak.State
	AfterObjects []timeline.ObjectRef
	// Gone is the last recorded state if Before is nil.
	Gone ssmbak.State
	// Existed says that the archive has a fact about the parameter from the restored time
	// or earlier. It distinguishes a deleted parameter from one that was created later.
	Existed bool
	// Covered says that a complete listing, or an observation that the parameter did
	// not exist, was made at or before the restored time, so that an absence at that
	// time is certain.
	Covered bool
	// Unsaved is the reason why the archive does not hold the live version with its
	// value, "" if it does. TagsUnsaved is the same for the live tags and labels.
	Unsaved, TagsUnsaved string
	// Undone are the attributes that the undone restore changed; no other tags and
	// labels are changed. It is nil if the plan is not for an undo.
	Undone []ssmbak.Attribute
	// Conflict is the reason why the live parameter must not be changed, "" if it may be.
	Conflict string
	// Move is set if After is the state of a parameter in another account or region, or
	// from another archive.
	Move *Move
}

// noteLastKnown adds a notice if tags or labels among the differences are only last
// known.
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

// verdict classifies the parameter at the restored time.
type verdict int8

const (
	verdictUnknown    verdict = iota
	verdictDeleted            // it had existed and was deleted
	verdictNotCreated         // it had never existed
	verdictPresent
)

// Reasons of items.
const (
	reasonDeleted      = "it had been deleted"
	reasonCreated      = "it did not exist before the restore"
	reasonNotCreated   = "it did not exist yet"
	reasonKeep         = reasonNotCreated + "; only --exact deletes it"
	reasonNotCopied    = "it is not one of the copies; only --exact deletes it"
	reasonNotThere     = "it did not exist there; only --exact deletes it"
	reasonUnlisted     = "whether it existed is unknown: no complete listing is that old"
	reasonKeepUnlisted = reasonUnlisted + "; only --exact needs to know"
	reasonRecreated    = "deleted and recreated: "
	reasonGone         = "it is already deleted"
	reasonSame         = "nothing differs"
	reasonRestart      = "its version numbers start at 1 again"
)

// copied reports whether the state of another parameter is restored: one with another name,
// or in another place.
func (c *Case) copied() bool { return c.Name != c.After.Name || c.Move != nil }

// current reports whether the restored version is the live one, so that only tags and
// labels can differ.
func (c *Case) current() bool {
	return c.Before != nil && !c.copied() && c.After.Version.Number != 0 && c.Before.Version.Same(c.After.Version)
}

// classify returns the verdict about the parameter, with a reason if it is unknown.
func (c *Case) classify(o Options) (verdict, string) {
	w := &c.After
	if c.current() {
		// A live version that is older than the restored time existed at that time,
		// whatever else is unknown.
		return verdictPresent, ""
	}
	if w.Certainty == ssmbak.Unknown {
		unrecorded := !w.Deleted && w.Version.Time == 0
		if unrecorded || !o.AssumeLastKnown {
			return verdictUnknown, w.Reason
		}
	}
	switch {
	case w.Deleted && c.Existed:
		return verdictDeleted, ""
	case w.Deleted && (c.Covered || c.Before == nil || o.AssumeLastKnown || !o.Exact):
		return verdictNotCreated, ""
	case w.Deleted:
		return verdictUnknown, reasonUnlisted
	case w.Value.Reason != "":
		return verdictUnknown, "its value is unavailable: " + w.Value.Reason
	case !known(w.Version.Type) && (c.Before == nil || !legacyOnly(*w)):
		return verdictUnknown, "its type was not recorded"
	}
	return verdictPresent, ""
}

func known(t ssmbak.Type) bool {
	return t == ssmbak.TypeString || t == ssmbak.TypeStringList || t == ssmbak.TypeSecureString
}

// deletes reports whether a live parameter that did not exist is deleted.
func (c *Case) deletes(v verdict, o Options) bool {
	return o.Exact || v == verdictDeleted && !c.copied()
}

// Needs reports which values [Decide] requires: that of After to compare and write it,
// and that of Before to compare it and to ensure that the archive holds it.
func (c *Case) Needs(o Options) (after, before bool) {
	switch v, _ := c.classify(o); {
	case c.current():
		return false, false
	case v == verdictPresent:
		return true, c.Before != nil
	case v != verdictUnknown && c.deletes(v, o):
		return false, c.Before != nil
	}
	return false, false
}

// needsReplacement reports whether the parameter is replaced, because a new version
// cannot change its tier or data type.
func (c *Case) needsReplacement(o Options) bool {
	return o.Replace && c.Before != nil && len(c.inPlaceLimits()) > 0
}

// Decide returns what a restore does to one parameter. It is a pure function of the
// case and the options. The case must contain the values that [Case.Needs] reports. A
// value that is nevertheless unknown makes the action [ActionSkip], or is compared as
// different.
func Decide(c Case, o Options) Item {
	c.preserveTags()
	item := Item{Name: c.Name, After: c.After, AfterObjects: c.AfterObjects, Before: c.Before, Gone: c.Gone}
	if c.Name != c.After.Name && c.After.Version.Time != 0 {
		item.Source = c.After.Name
	}
	v, reason := c.classify(o)
	switch v {
	case verdictUnknown:
		item.Action, item.Reason = ActionSkip, reason
		return item
	case verdictDeleted, verdictNotCreated:
		c.decideAbsent(&item, v, o)
	case verdictPresent:
		c.decidePresent(&item, o)
	}
	if item.Action == ActionDelete {
		item.Differences = removed(*c.Before)
	}
	if item.Action == ActionDelete || item.Action == ActionReplace {
		item.Refused = cmp.Or(item.Refused, c.Unsaved, c.TagsUnsaved)
	}
	if item.NewVersion() {
		if why := c.refuseKey(item.Write, o); why != "" {
			item.Refused, item.Remedy = why, RemedyFix
		}
	}
	if why := c.namesLeft(); why != "" {
		item.Notices = append(item.Notices, why)
	}
	if item.Action.Writes() && c.Conflict != "" {
		item.Refused, item.Remedy = c.Conflict, RemedyNone
	}
	noteLastKnown(&item, c.After)
	if c.After.Certainty == ssmbak.Unknown && item.Action.Writes() && !c.current() {
		item.Notices = append(item.Notices, "this is the last known state: "+c.After.Reason)
	}
	return item
}

// Unchanged returns the item of a parameter that does not differ, without anything of its
// states but the live version.
func Unchanged(name ssmbak.Name, live ssmbak.Version) Item {
	return Item{Name: name, Action: ActionNone, Reason: reasonSame, After: ssmbak.State{Name: name, Version: live}, Before: &Parameter{Version: live}}
}

// Unreverted is [Unchanged] for a revert of a period in which the parameter did not change.
func Unreverted(name ssmbak.Name, live ssmbak.Version) Item {
	item := Unchanged(name, live)
	item.Reason = reasonUnchanged
	return item
}

// decideAbsent decides about a parameter that did not exist.
func (c *Case) decideAbsent(item *Item, v verdict, o Options) {
	item.Action, item.Reason = ActionNone, reasonDeleted
	switch {
	case c.Undone != nil:
		item.Reason = reasonCreated
	case v == verdictNotCreated:
		item.Reason = reasonNotCreated
	}
	switch {
	case c.Before == nil:
	case c.deletes(v, o):
		item.Action = ActionDelete
	case c.Name != c.After.Name:
		item.Action, item.Reason = ActionKeep, reasonNotCopied
	case c.Move != nil:
		item.Action, item.Reason = ActionKeep, reasonNotThere
	case !c.Covered && !o.AssumeLastKnown:
		item.Action, item.Reason = ActionKeep, reasonKeepUnlisted
	default:
		item.Action, item.Reason = ActionKeep, reasonKeep
	}
}

// decidePresent decides about a parameter that existed.
func (c *Case) decidePresent(item *Item, o Options) {
	base := c.Before
	if c.needsReplacement(o) {
		base = nil
	}
	var notices []string
	item.Write, notices = c.resolve(base, o)
	recorded := c.After.Version.Policies
	if c.Before == nil {
		item.Action, item.Notices = ActionCreate, notices
		item.Differences = append(compare(nil, item.Write, recorded), compareTags(nil, item.Write.Tags)...)
		if !c.After.Tags.IsKnown() {
			item.Notices = append(item.Notices, "its tags are unknown: it is created without tags")
		}
		c.moveLabels(item)
		return
	}
	item.Action = ActionUpdate
	if c.needsReplacement(o) {
		item.Action, item.Reason = ActionReplace, reasonRecreated+reasonTier
		if c.Before.Version.Tier != advanced || c.After.Version.Tier != standard {
			item.Reason = reasonRecreated + reasonDataType
		}
		notices = append(notices, reasonRestart+", and a resource policy that shares it is lost")
		c.keepTags(&item.Write)
	}
	if !c.current() {
		item.Differences = compare(c.Before, item.Write, recorded)
		if c.differsOnlyInKey(item, o) {
			item.Differences = nil
		}
	}
	if item.Action == ActionUpdate {
		item.Notices = c.inPlaceLimits()
	}
	if len(item.Differences) > 0 {
		item.Refused = c.Unsaved
		item.Notices = append(item.Notices, notices...)
		if why := c.dataTypeConflict(item.Write); why != "" && item.Action == ActionUpdate {
			item.Refused, item.Remedy = why, RemedyReplace
		}
	}
	if c.After.Tags.IsKnown() && c.Before.Tags.IsKnown() {
		if tags := compareTags(UserTags(c.Before.Tags.V), UserTags(c.After.Tags.V)); len(tags) > 0 {
			item.Differences = append(item.Differences, tags...)
			item.Refused = cmp.Or(item.Refused, c.TagsUnsaved)
		}
	}
	c.moveLabels(item)
	c.addFallback(item, o)
	if len(item.Differences) == 0 {
		item.Action, item.Reason = ActionNone, reasonSame
	}
}

// differsOnlyInKey reports whether an item differs in nothing but a key that the options
// name instead of the recorded one, which the parameter has.
func (c *Case) differsOnlyInKey(item *Item, o Options) bool {
	recorded := Defaulted(c.After.Version.Attributes).KeyID
	return o.key(recorded) != recorded && len(item.Differences) == 1 &&
		item.Differences[0].Attribute == ssmbak.AttributeKeyID && item.Differences[0].Before == recorded
}

// keepTags gives a replaced parameter its live tags if those to restore are unknown.
func (c *Case) keepTags(w *Write) {
	if !c.After.Tags.IsKnown() && c.Before.Tags.IsKnown() {
		w.Tags = UserTags(c.Before.Tags.V)
	}
}

// preserveTags adds the live tags that the undone restore did not change to After, so
// that a replaced parameter keeps them.
func (c *Case) preserveTags() {
	if c.Undone == nil || c.Before == nil || !c.After.Tags.IsKnown() || !c.Before.Tags.IsKnown() {
		return
	}
	tags := map[string]string{}
	for _, key := range union(c.After.Tags.V, c.Before.Tags.V) {
		from := c.After.Tags.V
		if c.isUntouched(ssmbak.TagAttribute(key)) {
			from = c.Before.Tags.V
		}
		if value, ok := from[key]; ok {
			tags[key] = value
		}
	}
	c.After.Tags.V = tags
}

// isUntouched reports whether the plan is for the undo of a restore that did not change
// the tag or label.
func (c *Case) isUntouched(attribute ssmbak.Attribute) bool {
	return c.Undone != nil && !slices.Contains(c.Undone, attribute)
}

// addFallback plans the replacement for an update that Parameter Store may refuse
// because it changes the type. A change between String and SecureString works in place;
// according to the documentation, one from or to StringList does not.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (c *Case) addFallback(item *Item, o Options) {
	if item.Action != ActionUpdate || !item.NewVersion() || item.Write.Type == c.Before.Version.Type {
		return
	}
	if !o.Replace {
		if item.Write.Type == ssmbak.TypeStringList || c.Before.Version.Type == ssmbak.TypeStringList {
			item.Warnings = append(item.Warnings, "Parameter Store may refuse to change its type in place; "+orReplace+" then")
		}
		return
	}
	fallback := Item{Name: item.Name, Source: item.Source, Action: ActionReplace, After: item.After, AfterObjects: item.AfterObjects, Before: item.Before}
	fallback.Refused = cmp.Or(c.Conflict, c.Unsaved, c.TagsUnsaved)
	fallback.Write, _ = c.resolve(nil, o)
	c.keepTags(&fallback.Write)
	c.moveLabels(&fallback)
	item.Fallback = &fallback
	item.Warnings = append(item.Warnings, "if Parameter Store refuses to change its type in place, it is deleted and recreated, and "+reasonRestart)
}

// UserTags returns the tags that a client may set and remove. Keys that begin with
// aws:, in upper or lower case, are reserved for AWS.
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
func UserTags(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	maps.DeleteFunc(out, func(key, _ string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") })
	return out
}
