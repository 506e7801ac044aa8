package ssmbak

import (
	"cmp"
	"iter"
	"strings"
)

// Attribute names one part of a parameter's state. A tag is named by
// [AttributeTag] followed by its key, a label by [AttributeLabel] followed by
// the label.
type Attribute string

// The attributes of a parameter. Those of a version have the names of their
// fields in the archive's JSON.
const (
	AttributeValue          Attribute = "value"
	AttributeType           Attribute = "type"
	AttributeKeyID          Attribute = "keyId"
	AttributeTier           Attribute = "tier"
	AttributeDataType       Attribute = "dataType"
	AttributeDescription    Attribute = "description"
	AttributeAllowedPattern Attribute = "allowedPattern"
	AttributePolicies       Attribute = "policies"
	AttributeTag            Attribute = "tag "
	AttributeLabel          Attribute = "label "
)

// TagAttribute returns the name of a tag.
func TagAttribute(key string) Attribute { return AttributeTag + Attribute(key) }

// LabelAttribute returns the name of a label.
func LabelAttribute(label string) Attribute { return AttributeLabel + Attribute(label) }

// Tag returns the key of a tag; ok is false for any other attribute.
func (a Attribute) Tag() (key string, ok bool) {
	return strings.CutPrefix(string(a), string(AttributeTag))
}

// Label returns the label; ok is false for any other attribute.
func (a Attribute) Label() (label string, ok bool) {
	return strings.CutPrefix(string(a), string(AttributeLabel))
}

// OfVersion reports whether only a new version can change the attribute: true for
// all attributes except tags and labels.
func (a Attribute) OfVersion() bool {
	_, tag := a.Tag()
	_, label := a.Label()
	return !tag && !label
}

// Attributes are what PutParameter sets of a version, except its value. Each is ""
// if it is not set or not known.
//
// This is the only list of them: a field that is added here and to [Attributes.All]
// is merged, compared, recorded and shown everywhere.
type Attributes struct {
	Type           Type   `json:"type"`
	KeyID          string `json:"keyId,omitempty"` // as given to PutParameter: key ID, ARN or alias; SecureString only
	Tier           string `json:"tier,omitempty"`  // Standard or Advanced
	DataType       string `json:"dataType,omitempty"`
	Description    string `json:"description,omitempty"`
	AllowedPattern string `json:"allowedPattern,omitempty"`
	Policies       string `json:"policies,omitempty"` // the JSON array that PutParameter takes, "" for none
}

// All returns the attributes in a fixed order, each with a pointer to its text in a.
func (a *Attributes) All() iter.Seq2[Attribute, *string] {
	return func(yield func(Attribute, *string) bool) {
		_ = yield(AttributeType, (*string)(&a.Type)) &&
			yield(AttributeKeyID, &a.KeyID) &&
			yield(AttributeTier, &a.Tier) &&
			yield(AttributeDataType, &a.DataType) &&
			yield(AttributeDescription, &a.Description) &&
			yield(AttributeAllowedPattern, &a.AllowedPattern) &&
			yield(AttributePolicies, &a.Policies)
	}
}

// Get returns the text of one attribute, "" if name is not one of [Attributes.All].
func (a Attributes) Get(name Attribute) string {
	for n, text := range a.All() {
		if n == name {
			return *text
		}
	}
	return ""
}

// Merge returns the attributes that are set in a or b. If both set one, the lesser
// text is used. Merge is commutative, associative and idempotent.
func (a Attributes) Merge(b Attributes) Attributes {
	for name, text := range a.All() {
		other := b.Get(name)
		if *text == "" || other == "" {
			*text = cmp.Or(*text, other)
		} else {
			*text = min(*text, other)
		}
	}
	return a
}
