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
	// defaultKey is the key of a SecureString for which none was named.
	// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
	defaultKey = "alias/aws/ssm"
	// standardSize is the longest value of a standard parameter.
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
	standardSize = 4096
)

// original reports whether only the original ssmbak recorded the state: value,
// type and description are then all that is known of it.
func original(w ssmbak.State) bool { return w.Version.Number == 0 && w.Version.Time != 0 }

// Write is one PutParameter, with every attribute filled in.
type Write struct {
	Name ssmbak.Name
	ssmbak.Attributes
	Value ssmbak.Value
	// ClearPolicies takes away the policies that the parameter has now.
	ClearPolicies bool
	// Overwrite is set if the parameter is there.
	Overwrite bool
	// Tags go with the call that creates a parameter.
	Tags map[string]string
}

// Why a tier or a data type does not come back, or only by a replacement.
const (
	reasonTier     = "Parameter Store takes no advanced parameter back to Standard"
	noticeTier     = "its tier stays Advanced: " + reasonTier + " in place, --replace deletes it and creates it anew"
	reasonDataType = "Parameter Store changes no data type from or to " + DataTypeImage + " or " + integration
)

// resolve returns the write that gives a parameter the wanted state, every
// attribute filled in, and what cannot come back as it was. What the wanted
// state leaves open stays as live has it; live is nil for a parameter that
// begins anew.
func (c *Case) resolve(live *Parameter, o Options) (w Write, notices []string) {
	v := c.After.Version
	if original(c.After) {
		v = fill(v, live)
	}
	w = Write{Name: c.Name, Value: c.After.Value.V, Attributes: Defaulted(v.Attributes), Overwrite: live != nil}
	if live != nil && fixed(Defaulted(live.Version.Attributes).DataType, w.DataType) {
		w.DataType = Defaulted(live.Version.Attributes).DataType
	}
	if w.KeyID != "" && o.KeyID != "" && w.KeyID != o.KeyID {
		notices = append(notices, fmt.Sprintf("its key becomes %s instead of %s", o.KeyID, w.KeyID))
		w.KeyID = o.KeyID
	}
	switch {
	case live != nil && live.Version.Tier == advanced:
		// A downgrade is refused: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
		w.Tier = advanced
	case v.Tier != "":
	case w.Value.Len() > standardSize:
		w.Tier = advanced
	case live != nil:
		w.Tier = live.Version.Tier
	}
	var passed string
	if w.Policies, passed = Unexpired(v.Policies, c.Now); passed != "" {
		notices = append(notices, passed)
	}
	if live == nil {
		if tags := restorable(c.After.Tags.V); len(tags) > 0 {
			w.Tags = tags
		}
	} else {
		w.ClearPolicies = w.Policies == "" && canonical(live.Version.Policies) != ""
	}
	return w, notices
}

// stays says what of a live parameter a new version cannot change, though it was
// otherwise.
func (c *Case) stays() (notices []string) {
	if c.Before.Version.Tier == advanced && c.After.Version.Tier == standard {
		notices = append(notices, noticeTier)
	}
	if live, wanted := c.dataTypes(); fixed(live, wanted) {
		notices = append(notices, fmt.Sprintf("its data type stays %s instead of %s: %s in place, --replace deletes it and creates it anew", live, wanted, reasonDataType))
	}
	return notices
}

// fill completes what the original recorded of a version by what is live.
func fill(v ssmbak.Version, live *Parameter) ssmbak.Version {
	if live == nil {
		return v
	}
	filled := live.Version.Attributes
	filled.Tier = v.Tier
	if known(v.Type) {
		filled.Type = v.Type
	}
	if filled.Type != live.Version.Type {
		filled.KeyID, filled.DataType = v.KeyID, v.DataType
	}
	// The original kept of a description what an S3 tag can hold.
	if timeline.TagText(filled.Description) != timeline.TagText(v.Description) {
		filled.Description = v.Description
	}
	v.Attributes = filled
	return v
}

// Defaulted returns attributes with Parameter Store's defaults filled in: the key
// of a SecureString and the data type. Nothing else has a key.
func Defaulted(a ssmbak.Attributes) ssmbak.Attributes {
	a.DataType = cmp.Or(a.DataType, plain)
	if a.KeyID = cmp.Or(a.KeyID, defaultKey); a.Type != ssmbak.TypeSecureString {
		a.KeyID = ""
	}
	return a
}

// compare lists the attributes in which the write differs from what is live,
// nil for nothing, tags apart. recorded are the wanted policies before those
// that have expired were left out: they alone are no reason to write.
func compare(w Write, live *Parameter, recorded string) []Difference {
	var out []Difference
	var is ssmbak.Attributes
	if live != nil {
		is = Defaulted(live.Version.Attributes)
	}
	if live == nil || !live.Value.IsKnown() || !live.Value.V.Equal(w.Value) {
		d := Difference{Attribute: ssmbak.AttributeValue, Value: true, AfterValue: w.Value, NoBefore: true}
		if live != nil && live.Value.IsKnown() {
			d.BeforeValue, d.NoBefore = live.Value.V, false
		}
		out = append(out, d)
	}
	for attribute, text := range w.All() {
		was := is.Get(attribute)
		switch {
		case attribute == ssmbak.AttributeTier && live != nil && was == "":
			continue // it is not known
		case attribute == ssmbak.AttributePolicies && (canonical(was) == canonical(*text) || canonical(was) == canonical(recorded)):
			continue
		}
		if was != *text {
			out = append(out, Difference{Attribute: attribute, Before: was, After: *text, NoBefore: live == nil})
		}
	}
	return out
}

// removed lists what a delete takes away.
func removed(l Parameter) []Difference {
	out := compare(Write{}, &l, "")
	for i := range out {
		out[i].NoAfter = true
	}
	out = append(out, compareTags(nil, l.Tags.V)...)
	for _, label := range union(l.Labels.V, nil) {
		out = append(out, Difference{Attribute: ssmbak.LabelAttribute(label), Before: number(l.Labels.V[label]), NoAfter: true})
	}
	return out
}

// Makes reports whether a version has everything that the write gives it.
func (w Write) Makes(p Parameter) bool {
	if w.Tier == "" {
		w.Tier = p.Version.Tier // a write that names no tier gets the account's default
	}
	return len(compare(w, &p, w.Policies)) == 0
}

// Recreate returns the write and the labels that create a deleted parameter as it
// was, except that its versions begin at 1 again.
func Recreate(name ssmbak.Name, p Parameter, now ssmbak.Time) (w Write, labels []LabelMove) {
	c := Case{Name: name, Now: now, After: ssmbak.State{Name: name, Version: p.Version, Value: p.Value, Tags: p.Tags}}
	w, _ = c.resolve(nil, Options{})
	for _, label := range union(p.Labels.V, nil) {
		if p.Labels.V[label] == p.Version.Number {
			labels = append(labels, LabelMove{Label: label, To: 1, Fresh: true})
		}
	}
	return w, labels
}

// compareTags lists the tags that differ, by key.
func compareTags(wanted, live map[string]string) []Difference {
	var out []Difference
	for _, key := range union(wanted, live) {
		l, isLive := live[key]
		w, isWanted := wanted[key]
		if l != w || isLive != isWanted {
			out = append(out, Difference{Attribute: ssmbak.TagAttribute(key), Before: l, After: w, NoBefore: !isLive, NoAfter: !isWanted})
		}
	}
	return out
}
