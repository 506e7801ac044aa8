package restore

import (
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// Action is what a restore does to one parameter.
type Action string

// The actions of an [Item].
const (
	// Create: it was there and is not now.
	Create Action = "create"
	// Update: it is there and differs. If only tags or labels differ, no new
	// version is written.
	Update Action = "update"
	// Replace: it is there and differs in what no new version can change, so it
	// is deleted and created anew. Only with [Options.Replace].
	Replace Action = "replace"
	// Delete: it is there and was not; with [Options.Exact] also if it had not
	// begun yet.
	Delete Action = "delete"
	// None: nothing differs, or nothing that can be changed.
	None Action = "none"
	// Kept: it is there and was not, and only an exact restore deletes it.
	Kept Action = "kept"
	// Unknown: what it was is not known, or its value cannot be had. Nothing is
	// done.
	Unknown Action = "unknown"
)

// Writes reports whether the action changes Parameter Store.
func (a Action) Writes() bool { return a == Create || a == Update || a == Replace || a == Delete }

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
	// Problems are the parameters whose record, or a value that was needed,
	// could not be read whole, by name. Their items are Unknown or Refused.
	Problems []archive.Problem
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
	// Unproved are the parameters of the target that the plan is not sure of, and
	// that may be missing from it.
	Unproved archive.Unproved
}

// Count returns how many items have the action.
func (p *Plan) Count(a Action) int { return count(p.Items, a) }

func count(items []Item, a Action) int {
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
	return p.Count(Create) + p.Count(Update) + p.Count(Replace) + p.Count(Delete)
}

// Asks reports whether a person should agree before the plan is applied: it
// deletes or replaces something, or may have to, or its target is the root
// path.
func (p *Plan) Asks() bool {
	return p.Target.Root() || slices.ContainsFunc(p.Items, func(i Item) bool {
		return i.Action == Delete || i.Action == Replace || i.instead != nil
	})
}

// Waits returns the moment until which Apply waits before it creates the last of
// what was deleted just now, see [Options.Recreation]; zero if there is nothing to
// wait for.
func (p *Plan) Waits() ssmbak.Time {
	var last ssmbak.Time
	for i := range p.Items {
		last = max(last, p.Items[i].notBefore)
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
	// Wanted is the parameter at the moment. Its value was read only where it
	// had to be compared or written.
	Wanted ssmbak.State
	// WantedObjects are the object versions that hold the wanted value, oldest
	// first.
	WantedObjects []timeline.ObjectRef
	// Live is the parameter now, nil if there is none.
	Live *Live
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

	// remedy is what helps where Refused is set, "" for [RemedyFix].
	remedy Remedy
	// write is the version that the action makes, if it makes one.
	write write
	// instead is the Replace that an Update may become if Parameter Store refuses
	// it for the type.
	instead *Item
	labels  []labelMove
	// notBefore is the moment from which on a name may be created again.
	notBefore ssmbak.Time
}

// source returns the parameter whose state is restored.
func (i *Item) source() ssmbak.Name {
	if i.Source != "" {
		return i.Source
	}
	return i.Name
}

// newVersion reports whether the item's action writes a version, and not only
// tags or labels.
func (i *Item) newVersion() bool {
	return i.Action == Create || i.Action == Replace || i.Action == Update && slices.ContainsFunc(i.Differences, func(d Difference) bool {
		return d.Attribute.OfVersion()
	})
}

// expected is the number that the version which the action writes has to get.
func (i *Item) expected() int64 {
	if i.Live == nil || i.Action == Replace {
		return 1
	}
	return i.Live.Version.Number + 1
}

// Live is a parameter as Parameter Store holds it now.
type Live struct {
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
	// kept are the versions that Parameter Store holds, oldest first; nil if
	// they were not read.
	kept []timeline.Ref
}

// Difference is one attribute that a write changes.
type Difference struct {
	Attribute ssmbak.Attribute
	// Live and Wanted are the attribute before and after the write; empty for
	// the value, which stands in LiveValue and WantedValue. Of a label they are
	// the numbers of the versions that it is on.
	Live, Wanted           string
	LiveValue, WantedValue ssmbak.Value
	// Value says that the attribute is the value.
	Value bool
	// NoLive and NoWanted say that there is nothing on that side, as an empty
	// text may be something: the parameter, the tag or the label is not there,
	// or its value is not known.
	NoLive, NoWanted bool
}
