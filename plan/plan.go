// Package plan decides what a restore does to each parameter, from what it is
// before and what it is to be after. It is pure: the same states and options give
// the same plan, and nothing here reads a clock or talks to anyone.
//
// [Decide] decides about one parameter, [Compare] says what changed between two
// states. A [File] is a plan that is kept for review.
package plan

import (
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Action is what a restore does to one parameter.
type Action string

// The actions of an [Item].
const (
	// ActionCreate: it was there and is not now.
	ActionCreate Action = "create"
	// ActionUpdate: it is there and differs. If only tags or labels differ, no new
	// version is written.
	ActionUpdate Action = "update"
	// ActionReplace: it is there and differs in what no new version can change, so it
	// is deleted and created anew. Only with [Options.Replace].
	ActionReplace Action = "replace"
	// ActionDelete: it is there and was not; with [Options.Exact] also if it had not
	// begun yet.
	ActionDelete Action = "delete"
	// ActionNone: nothing differs, or nothing that can be changed.
	ActionNone Action = "none"
	// ActionKept: it is there and was not, and only an exact restore deletes it.
	ActionKept Action = "kept"
	// ActionUnknown: what it was is not known, or its value cannot be had. Nothing is
	// done.
	ActionUnknown Action = "unknown"
)

// Writes reports whether the action changes Parameter Store.
func (a Action) Writes() bool {
	return a == ActionCreate || a == ActionUpdate || a == ActionReplace || a == ActionDelete
}

// Plan is what a restore would do.
type Plan struct {
	// At is the moment that is restored; for the way back from a restore, when
	// that began.
	At     ssmbak.Time
	Target ssmbak.Target
	// Undoes is the id of the restore that the plan takes back, "" for any other.
	Undoes string
	// Items has one item for each parameter of the target that is there now,
	// was there at the moment, or was deleted by then, and for each of which
	// that is not known, by name. A plan of the way back has one for each that
	// the restore meant to change.
	Items []Item
	// LeftOut are ssmbak's own parameters that the target means and that are
	// left out, see [Options.Own].
	LeftOut []ssmbak.Name
	// Unrecorded are the parameters that the target means and that the recorder
	// leaves out, by name: they are left out unless the target is one of them.
	Unrecorded []ssmbak.Name
	// Excluded counts the parameters that [Options.Only] and [Options.Exclude]
	// leave out.
	Excluded int
	// Trusted counts the items whose live tags and labels were not read: those
	// of parameters that are as they should be otherwise, in a plan for more
	// than 100 of them. What was recorded last of them is compared.
	Trusted int
	// Unlisted counts the items that are Kept although it is not known whether they
	// existed at the moment, for want of a complete listing that old.
	Unlisted int
	// Complete is the start of the last complete listing of live parameters, up
	// to which no change was missed; zero if there was none. Since is when
	// recording began, zero if it has not.
	Complete, Since ssmbak.Time
}

// Count returns how many items have the action.
func (p *Plan) Count(a Action) int { return Count(p.Items, a) }

// Count returns how many items have the action.
func Count(items []Item, a Action) int {
	n := 0
	for i := range items {
		if items[i].Action == a {
			n++
		}
	}
	return n
}

// Changes counts the items that the plan wants to change.
func (p *Plan) Changes() int {
	return p.Count(ActionCreate) + p.Count(ActionUpdate) + p.Count(ActionReplace) + p.Count(ActionDelete)
}

// Asks reports whether a person should agree before the plan is applied: it
// deletes or replaces something, or may have to, or its target is the root
// path.
func (p *Plan) Asks() bool {
	return p.Target.Root() || slices.ContainsFunc(p.Items, func(i Item) bool {
		return i.Action == ActionDelete || i.Action == ActionReplace || i.Instead != nil
	})
}

// Waits returns the moment until which Apply waits before it creates the last of
// what was deleted just now, see [Options.Recreation]; zero if there is nothing to
// wait for.
func (p *Plan) Waits() ssmbak.Time {
	var last ssmbak.Time
	for i := range p.Items {
		last = max(last, p.Items[i].NotBefore)
	}
	return last
}

// Item is what a restore does to one parameter, and why.
type Item struct {
	Name ssmbak.Name
	// Source is the parameter whose state is restored where that is another
	// one, see [Options.To]; "" where it is not.
	Source ssmbak.Name
	Action Action
	// After is the parameter at the moment. Its value was read only where it
	// had to be compared or written.
	After ssmbak.State
	// AfterObjects are the object versions that hold the value of After, oldest
	// first.
	AfterObjects []timeline.ObjectRef
	// Before is the parameter now, nil if there is none.
	Before *Parameter
	// Differences are what a write changes, attribute by attribute: all that is
	// there for a Create or a Delete, nothing where nothing is written.
	Differences []Difference
	// Reason says in one clause why the action is None, Kept or Unknown, or why
	// a Delete or a Replace; it is empty where the differences say it.
	Reason string
	// Refused says in one clause why Apply will refuse the action; empty if it
	// will try.
	Refused string
	// Notices say what cannot come back, or not as it was, one clause each.
	Notices []string
	// Warnings say what may be met while the action is done, one clause each. They
	// mean nothing once it was.
	Warnings []string

	// Remedy is what helps where Refused is set, "" for [RemedyFix].
	Remedy Remedy
	// Write is the version that the action makes, if it makes one, and Labels are
	// the labels that it moves.
	Write  Write
	Labels []LabelMove
	// Instead is the replacement that an update becomes if Parameter Store refuses
	// it for the type; nil if there is none.
	Instead *Item
	// NotBefore is the moment from which on the name may be created again; zero if
	// it always may.
	NotBefore ssmbak.Time
}

// Unlisted reports whether the parameter is kept although it is not known whether
// it existed at the moment, for want of a complete listing that old.
func (i *Item) Unlisted() bool { return i.Action == ActionKept && i.Reason == reasonUnlisted }

// Origin returns the parameter whose state is restored.
func (i *Item) Origin() ssmbak.Name {
	if i.Source != "" {
		return i.Source
	}
	return i.Name
}

// NewVersion reports whether the item's action writes a version, and not only
// tags or labels.
func (i *Item) NewVersion() bool {
	return i.Action == ActionCreate || i.Action == ActionReplace || i.Action == ActionUpdate && slices.ContainsFunc(i.Differences, func(d Difference) bool {
		return d.Attribute.OfVersion()
	})
}

// Expected returns the number that the version which the action writes has to get.
func (i *Item) Expected() int64 {
	if i.Before == nil || i.Action == ActionReplace {
		return 1
	}
	return i.Before.Version.Number + 1
}

// Versions returns the versions before and after the action as a restore records
// them, nil where there is none. A new version has no time yet, and the number that
// it has to get.
func (i *Item) Versions() (before, after *timeline.Version) {
	if b := i.Before; b != nil {
		before = &timeline.Version{Version: b.Version, Objects: b.Objects}
	}
	switch {
	case i.Action == ActionDelete:
		return before, nil
	case i.NewVersion():
		return before, &timeline.Version{Version: ssmbak.Version{Number: i.Expected(), Attributes: i.Write.Attributes}, Objects: i.AfterObjects}
	}
	return before, before
}

// Parameter is a parameter as Parameter Store holds it.
type Parameter struct {
	Version ssmbak.Version
	// Objects are the object versions that hold the value, oldest first.
	Objects []timeline.ObjectRef
	// Value comes from the archive. It is read only if it is to be compared or
	// overwritten.
	Value ssmbak.Known[ssmbak.Value]
	// Tags are the parameter's tags, and Labels the versions that each of its
	// labels is on: read live for what will be written, the last recorded ones
	// otherwise.
	Tags   ssmbak.Known[map[string]string]
	Labels ssmbak.Known[map[string]int64]
	// Kept are the versions that Parameter Store holds, oldest first; nil if
	// they were not read.
	Kept []timeline.Ref
}

// Difference is one attribute that a write changes.
type Difference struct {
	Attribute ssmbak.Attribute
	// Before and After are the attribute before and after the write; empty for
	// the value, which is in BeforeValue and AfterValue. Of a label they are
	// the numbers of the versions that it is on.
	Before, After           string
	BeforeValue, AfterValue ssmbak.Value
	// Value says that the attribute is the value.
	Value bool
	// NoBefore and NoAfter say that there is nothing on that side, as an empty
	// text may be something: the parameter, the tag or the label is not there,
	// or its value is not known.
	NoBefore, NoAfter bool
}
