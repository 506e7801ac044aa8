package restore

import (
	"cmp"
	"fmt"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
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

// write is one PutParameter.
type write = paramstore.Write

// Why a tier or a data type does not come back, or only by a replacement.
const (
	reasonTier     = "Parameter Store takes no advanced parameter back to Standard"
	noticeTier     = "its tier stays Advanced: " + reasonTier + " in place, --replace deletes it and creates it anew"
	reasonDataType = "Parameter Store changes no data type from or to " + image + " or " + integration
)

// resolve returns the write that gives a parameter the wanted state, every
// attribute filled in, and what cannot come back as it was. What the wanted
// state leaves open stays as live has it; live is nil for a parameter that
// begins anew.
func (c *circumstances) resolve(live *Live, o Options) (w write, notices []string) {
	v := c.wanted.Version
	if original(c.wanted) {
		v = fill(v, live)
	}
	w = write{Name: c.name, Value: c.wanted.Value.V, Attributes: defaulted(v.Attributes), Overwrite: live != nil}
	if live != nil && fixed(defaulted(live.Version.Attributes).DataType, w.DataType) {
		w.DataType = defaulted(live.Version.Attributes).DataType
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
	if w.Policies, passed = unexpired(v.Policies, c.now); passed != "" {
		notices = append(notices, passed)
	}
	if live == nil {
		if tags := restorable(c.wanted.Tags.V); len(tags) > 0 {
			w.Tags = tags
		}
	} else {
		w.ClearPolicies = w.Policies == "" && canonical(live.Version.Policies) != ""
	}
	return w, notices
}

// stays says what of a live parameter a new version cannot change, though it was
// otherwise.
func (c *circumstances) stays() (notices []string) {
	if c.live.Version.Tier == advanced && c.wanted.Version.Tier == standard {
		notices = append(notices, noticeTier)
	}
	if live, wanted := c.dataTypes(); fixed(live, wanted) {
		notices = append(notices, fmt.Sprintf("its data type stays %s instead of %s: %s in place, --replace deletes it and creates it anew", live, wanted, reasonDataType))
	}
	return notices
}

// fill completes what the original recorded of a version by what is live.
func fill(v ssmbak.Version, live *Live) ssmbak.Version {
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
	if archive.TagText(filled.Description) != archive.TagText(v.Description) {
		filled.Description = v.Description
	}
	v.Attributes = filled
	return v
}

// defaulted returns attributes with Parameter Store's defaults filled in: the key
// of a SecureString and the data type. Nothing else has a key.
func defaulted(a ssmbak.Attributes) ssmbak.Attributes {
	a.DataType = cmp.Or(a.DataType, plain)
	if a.KeyID = cmp.Or(a.KeyID, defaultKey); a.Type != ssmbak.SecureString {
		a.KeyID = ""
	}
	return a
}

// compare lists the attributes in which the write differs from what is live,
// nil for nothing, tags apart. recorded are the wanted policies before those
// that have expired were left out: they alone are no reason to write.
func compare(w write, live *Live, recorded string) []Difference {
	var out []Difference
	var is ssmbak.Attributes
	if live != nil {
		is = defaulted(live.Version.Attributes)
	}
	if live == nil || !live.Value.IsKnown() || !live.Value.V.Equal(w.Value) {
		d := Difference{Attribute: ssmbak.AttributeValue, Value: true, WantedValue: w.Value, NoLive: true}
		if live != nil && live.Value.IsKnown() {
			d.LiveValue, d.NoLive = live.Value.V, false
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
			out = append(out, Difference{Attribute: attribute, Live: was, Wanted: *text, NoLive: live == nil})
		}
	}
	return out
}

// listed lists what a delete takes away.
func listed(l Live) []Difference {
	out := compare(write{}, &l, "")
	for i := range out {
		out[i].NoWanted = true
	}
	out = append(out, compareTags(nil, l.Tags.V)...)
	for _, label := range union(l.Labels.V, nil) {
		out = append(out, Difference{Attribute: ssmbak.LabelAttribute(label), Live: number(l.Labels.V[label]), NoWanted: true})
	}
	return out
}

// compareTags lists the tags that differ, by key.
func compareTags(wanted, live map[string]string) []Difference {
	var out []Difference
	for _, key := range union(wanted, live) {
		l, isLive := live[key]
		w, isWanted := wanted[key]
		if l != w || isLive != isWanted {
			out = append(out, Difference{Attribute: ssmbak.TagAttribute(key), Live: l, Wanted: w, NoLive: !isLive, NoWanted: !isWanted})
		}
	}
	return out
}
