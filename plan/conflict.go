package plan

import (
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

// Unit is a part of a parameter that a revert takes back completely or not at all: one of
// the constants, or a tag or a label, named as in [ssmbak.TagAttribute] and
// [ssmbak.LabelAttribute].
type Unit string

// The units that every parameter has.
const (
	// UnitExistence is whether the parameter exists. If it existed at only one of the two
	// times, everything else about it belongs to this unit.
	UnitExistence Unit = "existence"
	// UnitValue is the value with its type, key and all attributes that no other unit has:
	// no value is written under another type than the one that it was recorded with.
	UnitValue Unit = "value"
	// UnitTier is the tier with the policies.
	UnitTier        Unit = "tier"
	UnitDescription Unit = "description"
)

// Conflict is a unit that a revert does not take back. As JSON it is part of a [Document].
type Conflict struct {
	Unit Unit `json:"unit"`
	// Reason is one clause that says why.
	Reason string `json:"reason"`
	// By is the ARN of who changed the unit, "" if that is unknown. Version is the number
	// of the version that changed it, 0 if there is none or it is unknown.
	By      string `json:"by,omitempty"`
	Version int64  `json:"version,omitempty"`
	// From and Until bound the time of that change as in a [ssmbak.Change]. Both are zero
	// if no change was found.
	From  ssmbak.Time `json:"from,omitempty"`
	Until ssmbak.Time `json:"until,omitempty"`
}

// Reasons of the items of a revert and of conflicts.
const (
	reasonUnchanged      = "nothing changed in between"
	reasonChangedSince   = "it changed since"
	reasonDeletedSince   = "the parameter was deleted since"
	reasonRecreatedSince = "the parameter was deleted in between and created again since"
	reasonCreatedBetween = "it was created in between"
	reasonCreatedAgain   = "the parameter was created in between, and deleted and created again since"
	reasonCreatedSince   = "the parameter was created in between and changed since: "
	reasonTooLong        = "the value is too long for the Standard tier"
	reasonWithValue      = "it is not changed while the value is in conflict"
)

// conflictReason names the units in conflict.
func conflictReason(all []Conflict) string {
	var units []string
	for _, c := range all {
		units = append(units, string(c.Unit))
	}
	return "conflict: " + strings.Join(units, ", ")
}

// Conflicts returns the number of units that a revert does not take back.
func (p *Plan) Conflicts() (n int) {
	for i := range p.Items {
		n += len(p.Items[i].Conflicts)
	}
	return n
}

// IncludesPrincipal reports whether [Options.Principals] include a principal. An unknown
// one, "", is included only if there are no patterns.
func (o Options) IncludesPrincipal(arn string) bool {
	for _, p := range o.Principals {
		if pattern.MatchPrincipal(p, arn) {
			return true
		}
	}
	return len(o.Principals) == 0
}

// Differ returns the unit that the second of two consecutive versions changed: the value
// unless it is the same, or else the tier or the description, or "" if none differs.
// Values that are not known count as different.
func Differ(a, b Parameter) Unit {
	for _, u := range versionUnits {
		if same, known := u.same(&a, &b); !same || !known {
			return u.unit
		}
	}
	return ""
}

// Unchanged reports whether a unit of a version is the same in two versions. It must be
// one of the units that a version has. A value that is not known is not the same.
func (u Unit) Unchanged(a, b Parameter) bool {
	for _, v := range versionUnits {
		if v.unit == u {
			same, known := v.same(&a, &b)
			return same && known
		}
	}
	return true
}

// versionUnit is a unit that only a new version changes.
type versionUnit struct {
	unit Unit
	// same reports whether a and b have the same, and whether that is known.
	same func(a, b *Parameter) (same, known bool)
	// take sets the unit in to.
	take func(to *ssmbak.Attributes, from ssmbak.Attributes)
}

// versionUnits are the units of a version. The value is first, because the others are not
// changed if it is in conflict.
var versionUnits = []versionUnit{
	{UnitValue, sameValue, func(to *ssmbak.Attributes, from ssmbak.Attributes) {
		from.Tier, from.Policies, from.Description = to.Tier, to.Policies, to.Description
		*to = from
	}},
	{
		UnitTier, func(a, b *Parameter) (same, known bool) { return sameTier(a.Version, b.Version), true },
		func(to *ssmbak.Attributes, from ssmbak.Attributes) {
			to.Policies = from.Policies
			if from.Tier != "" {
				to.Tier = from.Tier
			}
		},
	},
	{
		UnitDescription, func(a, b *Parameter) (same, known bool) { return a.Version.Description == b.Version.Description, true },
		func(to *ssmbak.Attributes, from ssmbak.Attributes) { to.Description = from.Description },
	},
}

func sameValue(a, b *Parameter) (same, known bool) {
	x, y := Defaulted(a.Version.Attributes), Defaulted(b.Version.Attributes)
	y.Tier, y.Policies, y.Description = x.Tier, x.Policies, x.Description
	switch {
	case a.Version.Same(b.Version):
		return true, true
	case x != y:
		return false, true
	case !a.Value.IsKnown() || !b.Value.IsKnown():
		return false, false
	}
	return a.Value.V.Equal(b.Value.V), true
}

// sameTier reports whether the versions have the same tier and policies. An unrecorded
// tier is not compared.
func sameTier(a, b ssmbak.Version) bool {
	return (a.Tier == b.Tier || a.Tier == "" || b.Tier == "") && SamePolicies(a.Policies, b.Policies)
}

// incomplete returns the reason why a state at one of the two times does not suffice for
// a revert, "" if it does.
func incomplete(s Side) string {
	why := ""
	switch {
	case s.State.Certainty == ssmbak.Unknown:
		why = s.State.Reason
	case s.State.Deleted:
	case legacyOnly(s.State):
		why = "the legacy ssmbak recorded only value, type and description"
	case !known(s.State.Version.Type):
		why = "its type was not recorded"
	}
	if why == "" {
		return ""
	}
	return fmt.Sprintf("at %s: %s", s.At, why)
}
