package plan

import (
	"cmp"
	"fmt"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Values of attributes, in AWS's own words.
const (
	standard = "Standard"
	advanced = "Advanced"
	plain    = "text"
	// DefaultKey is the key of a SecureString for which none was named. Every caller may use
	// it through Parameter Store.
	// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
	DefaultKey = "alias/aws/ssm"
	// standardSize is the longest value of a standard parameter.
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
	standardSize = 4096
)

// legacyOnly reports whether only the legacy ssmbak recorded the state. Nothing but
// value, type and description is known then.
func legacyOnly(s ssmbak.State) bool { return s.Version.Number == 0 && s.Version.Time != 0 }

// Write is one PutParameter request, with every attribute filled in.
type Write struct {
	Name ssmbak.Name
	ssmbak.Attributes
	Value ssmbak.Value
	// ClearPolicies removes the policies that the parameter has now.
	ClearPolicies bool
	// Overwrite is set if the parameter exists.
	Overwrite bool
	// Tags are sent with the request that creates a parameter.
	Tags map[string]string
}

// Reasons why a tier or a data type is not restored, or only by a replacement.
const (
	orReplace      = "--replace deletes and recreates it"
	reasonTier     = "Parameter Store does not change the Advanced tier to Standard in place"
	noticeTier     = "its tier stays Advanced: " + reasonTier + "; " + orReplace
	reasonDataType = "Parameter Store does not change a data type from or to " + DataTypeImage + " or " + integration + " in place"
)

// resolve returns the write that gives a parameter the state After, and notices about
// attributes that it does not restore. Attributes that After does not contain keep
// their value in before; before is nil if the write creates the parameter.
func (c *Case) resolve(before *Parameter, o Options) (w Write, notices []string) {
	v := c.After.Version
	if legacyOnly(c.After) {
		v = fillLegacy(v, before)
	}
	w = Write{Name: c.Name, Value: c.After.Value.V, Attributes: Defaulted(v.Attributes), Overwrite: before != nil}
	if before != nil && fixed(Defaulted(before.Version.Attributes).DataType, w.DataType) {
		w.DataType = Defaulted(before.Version.Attributes).DataType
	}
	if key := o.key(w.KeyID); w.KeyID != "" && key != w.KeyID {
		notices = append(notices, fmt.Sprintf("its key becomes %s instead of %s", key, w.KeyID))
		w.KeyID = key
	}
	switch {
	case before != nil && before.Version.Tier == advanced:
		// A downgrade is refused: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
		w.Tier = advanced
	case v.Tier != "":
	case w.Value.Len() > standardSize:
		w.Tier = advanced
	case before != nil:
		w.Tier = before.Version.Tier
	}
	var expired string
	if w.Policies, expired = Unexpired(v.Policies, c.Now); expired != "" {
		notices = append(notices, expired)
	}
	if before == nil {
		if tags := UserTags(c.After.Tags.V); len(tags) > 0 {
			w.Tags = tags
		}
	} else {
		w.ClearPolicies = w.Policies == "" && canonical(before.Version.Policies) != ""
	}
	return w, notices
}

// inPlaceLimits returns notices about attributes that differ and that a new version
// cannot change.
func (c *Case) inPlaceLimits() (notices []string) {
	if c.Before.Version.Tier == advanced && c.After.Version.Tier == standard {
		notices = append(notices, noticeTier)
	}
	if before, after := c.dataTypes(); fixed(before, after) {
		notices = append(notices, fmt.Sprintf("its data type stays %s instead of %s: %s; %s", before, after, reasonDataType, orReplace))
	}
	return notices
}

// fillLegacy returns a version that the legacy ssmbak recorded, with the missing
// attributes from before, which may be nil.
func fillLegacy(v ssmbak.Version, before *Parameter) ssmbak.Version {
	if before == nil {
		return v
	}
	filled := before.Version.Attributes
	filled.Tier = v.Tier
	if known(v.Type) {
		filled.Type = v.Type
	}
	if filled.Type != before.Version.Type {
		filled.KeyID, filled.DataType = v.KeyID, v.DataType
	}
	// The legacy ssmbak stored descriptions in S3 tags, which cannot hold every character.
	if timeline.TagText(filled.Description) != timeline.TagText(v.Description) {
		filled.Description = v.Description
	}
	v.Attributes = filled
	return v
}

// Defaulted returns the attributes with Parameter Store's defaults for an empty data
// type and for the empty key ID of a SecureString. Other types get no key ID.
func Defaulted(a ssmbak.Attributes) ssmbak.Attributes {
	a.DataType = cmp.Or(a.DataType, plain)
	if a.KeyID = cmp.Or(a.KeyID, DefaultKey); a.Type != ssmbak.TypeSecureString {
		a.KeyID = ""
	}
	return a
}

// compare returns the attributes of the version that the write changes, tags excluded.
// before is nil if the parameter does not exist. recorded are the policies of the write
// before expired ones were removed: a difference in those alone is not returned.
func compare(before *Parameter, w Write, recorded string) []Difference {
	var out []Difference
	var old ssmbak.Attributes
	if before != nil {
		old = Defaulted(before.Version.Attributes)
	}
	if before == nil || !before.Value.IsKnown() || !before.Value.V.Equal(w.Value) {
		d := Difference{Attribute: ssmbak.AttributeValue, Value: true, AfterValue: w.Value, NoBefore: true}
		if before != nil && before.Value.IsKnown() {
			d.BeforeValue, d.NoBefore = before.Value.V, false
		}
		out = append(out, d)
	}
	for attribute, after := range w.All() {
		was := old.Get(attribute)
		switch {
		case attribute == ssmbak.AttributeTier && before != nil && was == "":
			continue // it is unknown
		case attribute == ssmbak.AttributePolicies && (canonical(was) == canonical(*after) || canonical(was) == canonical(recorded)):
			continue
		}
		if was != *after {
			out = append(out, Difference{Attribute: attribute, Before: was, After: *after, NoBefore: before == nil})
		}
	}
	return out
}

// removed returns everything that deleting the parameter removes.
func removed(p Parameter) []Difference {
	out := compare(&p, Write{}, "")
	for i := range out {
		out[i].NoAfter = true
	}
	out = append(out, compareTags(p.Tags.V, nil)...)
	for _, label := range union(p.Labels.V, nil) {
		out = append(out, labelDifference(label, p.Labels.V[label], 0))
	}
	return out
}

// Matches reports whether p has the value and the attributes of the write. Tags and
// labels are not compared. A write without a tier matches any tier, because it gets the
// account's default.
func (w Write) Matches(p Parameter) bool {
	if w.Tier == "" {
		w.Tier = p.Version.Tier
	}
	return len(compare(&p, w, w.Policies)) == 0
}

// Recreate returns the write that creates the deleted parameter p again, and the labels
// to put on the version that it creates, which is version 1. Policies that expired by
// now are removed.
func Recreate(name ssmbak.Name, p Parameter, now ssmbak.Time) (w Write, labels []LabelMove) {
	c := Case{Name: name, Now: now, After: ssmbak.State{Name: name, Version: p.Version, Value: p.Value, Tags: p.Tags}}
	w, _ = c.resolve(nil, Options{})
	for _, label := range union(p.Labels.V, nil) {
		if p.Labels.V[label] == p.Version.Number {
			labels = append(labels, LabelMove{Label: label, To: 1, ToNew: true})
		}
	}
	return w, labels
}

// compareTags returns the tags that differ, by key.
func compareTags(before, after map[string]string) []Difference {
	var out []Difference
	for _, key := range union(before, after) {
		b, hasBefore := before[key]
		a, hasAfter := after[key]
		if a != b || hasBefore != hasAfter {
			out = append(out, Difference{Attribute: ssmbak.TagAttribute(key), Before: b, After: a, NoBefore: !hasBefore, NoAfter: !hasAfter})
		}
	}
	return out
}
