// Package plan determines what a restore does to each parameter, from its state before
// and the state to restore. Its functions are pure: they use no clock and do no I/O.
//
// [Decide] returns the [Item] of one parameter, [Compare] the changes between two states.
// A [Document] is a plan as JSON. The functions may be called concurrently.
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
	// ActionCreate: the parameter existed and does not now.
	ActionCreate Action = "create"
	// ActionUpdate: the parameter differs. A new version is written unless only tags or
	// labels differ.
	ActionUpdate Action = "update"
	// ActionReplace: the parameter differs in an attribute that a new version cannot
	// change, so it is deleted and recreated. Requires [Options.Replace].
	ActionReplace Action = "replace"
	// ActionDelete: the parameter exists and did not. Unless it had been deleted by
	// then, this requires [Options.Exact].
	ActionDelete Action = "delete"
	// ActionNone: nothing differs, or nothing that can be changed.
	ActionNone Action = "none"
	// ActionKeep: the parameter exists and did not, but only [Options.Exact] deletes it.
	ActionKeep Action = "keep"
	// ActionSkip: the state or the value is unknown, or all that a revert would take back
	// is in conflict, so the parameter is not changed.
	ActionSkip Action = "skip"
)

// Writes reports whether the action changes Parameter Store.
func (a Action) Writes() bool {
	return a == ActionCreate || a == ActionUpdate || a == ActionReplace || a == ActionDelete
}

// Plan is what a restore would do.
type Plan struct {
	// At is the time that is restored, in milliseconds of UTC; for an undo, the time at
	// which the undone restore began.
	At     ssmbak.Time
	Target ssmbak.Target
	// Undoes is the ID of the restore that the plan undoes, "" for any other plan.
	Undoes string
	// Until is set for a revert: what changed after At, up to and including Until, is
	// taken back.
	Until ssmbak.Time
	// Items has one item for each parameter of the target that exists now, existed at
	// the restored time, had been deleted by then, or may be one of these, sorted by
	// name. The plan of an undo has one for each parameter that the undone restore was
	// to change, and that of a revert one for each parameter that existed, or may have
	// existed, at one of the two times.
	Items []Item
	// SkippedOwn are the parameters of the target that contain the name of ssmbak's
	// bucket and are skipped, see [Options.Own].
	SkippedOwn []ssmbak.Name
	// Version is the number of the version that is restored instead of the state at At,
	// which is its time; 0 for none.
	Version int64
	// Unrecorded are the parameters of the target that are excluded from recording, by
	// name. They are skipped unless the target is one of them.
	Unrecorded []ssmbak.Name
	// Excluded counts the parameters that [Options.Only] and [Options.Exclude] exclude.
	Excluded int
	// UnreadAttributes counts the items whose live tags or labels were not read, because
	// there are many and the archive has proved them: the recorded ones are compared
	// instead. They are not changed.
	UnreadAttributes int
	// Unlisted counts the items that [Item.Unlisted] reports.
	Unlisted int
	// Complete is the start of the last complete listing of live parameters, up to which
	// no change was missed; zero if there was none. Since is when recording began, zero
	// if it has not.
	Complete, Since ssmbak.Time
}

// Count returns the number of items with the action.
func (p *Plan) Count(a Action) int { return Count(p.Items, a) }

// Count returns the number of items with the action.
func Count(items []Item, a Action) int {
	n := 0
	for i := range items {
		if items[i].Action == a {
			n++
		}
	}
	return n
}

// Changes returns the number of items that change Parameter Store.
func (p *Plan) Changes() int { return Changes(p.Items) }

// Changes returns the number of items whose action writes.
func Changes(items []Item) int {
	n := 0
	for i := range items {
		if items[i].Action.Writes() {
			n++
		}
	}
	return n
}

// Applied returns the number of items that change Parameter Store and are not refused.
func (p *Plan) Applied() (n int) {
	for _, item := range p.Items {
		if item.Action.Writes() && item.Refused == "" {
			n++
		}
	}
	return n
}

// NeedsConfirmation reports whether a person should confirm the plan: it deletes or
// replaces a parameter, or may have to, or its target is the root path.
func (p *Plan) NeedsConfirmation() bool {
	return p.Target.Root() || slices.ContainsFunc(p.Items, func(i Item) bool {
		return i.Removes()
	})
}

// Waits returns the time until which applying the plan waits, because a parameter to
// create was deleted recently; zero if there is no wait. See [Item.NotBefore].
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
	// Source is the parameter whose state is restored if it is another one, see
	// [Options.To]; "" otherwise.
	Source ssmbak.Name
	Action Action
	// After is the state that is restored. Its value is set only if the item compares or
	// writes it.
	After ssmbak.State
	// AfterObjects are the object versions that hold the value of After, oldest first.
	AfterObjects []timeline.ObjectRef
	// Before is the parameter now, nil if it does not exist.
	Before *Parameter
	// Gone is the last recorded state if Before is nil: who deleted the parameter, and
	// when.
	Gone ssmbak.State
	// Differences are the attributes that the action changes: all attributes for
	// ActionCreate and ActionDelete, none if the action does not write.
	Differences []Difference
	// Reason is one clause that explains ActionNone, ActionKeep, ActionSkip,
	// ActionDelete or ActionReplace; "" if the differences explain the action.
	Reason string
	// Refused is the reason, in one clause, why the action will be refused; "" if it
	// will be tried.
	Refused string
	// Notices are one clause each, about attributes that are not restored exactly.
	Notices []string
	// Warnings are one clause each, about events that may occur while the item is
	// applied. They are irrelevant afterwards.
	Warnings []string

	// Conflicts are the units that a revert does not take back, because they changed
	// since. Their parameter is otherwise changed as the action says.
	Conflicts []Conflict

	// Remedy is what helps if Refused is set, "" for [RemedyFix].
	Remedy Remedy
	// Write is the version that the action writes, if [Item.NewVersion] reports one, and
	// Labels are the labels that it moves.
	Write  Write
	Labels []LabelMove
	// Fallback is the replacement for an update that Parameter Store refuses because of
	// the type; nil if there is none.
	Fallback *Item
	// NotBefore is the earliest time at which the parameter may be created, zero if there
	// is none.
	NotBefore ssmbak.Time
}

// Unlisted reports whether the parameter is kept although it is unknown whether it existed
// at the restored time, because no complete listing is that old.
func (i *Item) Unlisted() bool { return i.Action == ActionKeep && i.Reason == reasonKeepUnlisted }

// Origin returns the name of the parameter whose state is restored.
func (i *Item) Origin() ssmbak.Name {
	if i.Source != "" {
		return i.Source
	}
	return i.Name
}

// Removes reports whether the action deletes the parameter, or may have to, with all tags and
// labels.
func (i *Item) Removes() bool {
	return i.Action == ActionDelete || i.Action == ActionReplace || i.Fallback != nil
}

// NewVersion reports whether the action writes a version, and not only tags or labels.
func (i *Item) NewVersion() bool {
	return i.Action == ActionCreate || i.Action == ActionReplace || i.Action == ActionUpdate && slices.ContainsFunc(i.Differences, func(d Difference) bool {
		return d.Attribute.OfVersion()
	})
}

// Expected returns the number that Parameter Store must assign to the version that the
// action writes.
func (i *Item) Expected() int64 {
	if i.Before == nil || i.Action == ActionReplace {
		return 1
	}
	return i.Before.Version.Number + 1
}

// Parameter is a parameter as Parameter Store holds it.
type Parameter struct {
	Version ssmbak.Version
	// Objects are the object versions that hold the value, oldest first.
	Objects []timeline.ObjectRef
	// Value comes from the archive. It is unknown unless it is compared or overwritten.
	Value ssmbak.Known[ssmbak.Value]
	// Tags are the tags of the parameter, and Labels the number of the version that has
	// each label: the live ones if the parameter is written, otherwise the last recorded
	// ones.
	Tags   ssmbak.Known[map[string]string]
	Labels ssmbak.Known[map[string]int64]
	// History are the versions that Parameter Store holds, oldest first; nil if they
	// were not read.
	History []timeline.Ref
}

// Difference is one attribute that a write changes.
type Difference struct {
	Attribute ssmbak.Attribute
	// Before and After are the attribute before and after the write; for a label, the
	// numbers of the versions that have it. They are "" for the value, which is in
	// BeforeValue and AfterValue.
	Before, After           string
	BeforeValue, AfterValue ssmbak.Value
	// Value says that the attribute is the value.
	Value bool
	// NoBefore and NoAfter distinguish an absent side from an empty one: the parameter,
	// the tag or the label does not exist, or the value is unknown.
	NoBefore, NoAfter bool
}
