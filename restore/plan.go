package restore

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// Action is what a restore does to one parameter.
type Action string

// The actions of an [Item].
const (
	// Create: it was there and is not now.
	Create Action = "create"
	// Update: it is there and differs. If only tags differ, no new version is
	// written.
	Update Action = "update"
	// Delete: it is there and was not; with [Options.Exact] also if it had not
	// begun yet.
	Delete Action = "delete"
	// None: nothing differs.
	None Action = "none"
	// Kept: it is there and had not begun yet.
	Kept Action = "kept"
	// Unknown: what it was is not known, or its value cannot be had. Nothing is
	// done.
	Unknown Action = "unknown"
)

// writes reports whether the action changes Parameter Store.
func (a Action) writes() bool { return a == Create || a == Update || a == Delete }

// Plan is what a restore would do.
type Plan struct {
	At     ssmbak.Time
	Target ssmbak.Target
	// Items has one item for each parameter of the target that is there now,
	// was there at the moment, or was deleted by then, and for each of which
	// that is not known, by name.
	Items []Item
	// Problems are the parameters whose record, or a value that was needed,
	// could not be read whole, by name. Their items are Unknown or Refused.
	Problems []archive.Problem
	// LeftOut are ssmbak's own parameters that the target means and that are
	// left out, see [Options.Own].
	LeftOut []ssmbak.Name
	// Complete is the start of the last complete listing of live parameters, up
	// to which no change was missed; zero if there was none. Since is when
	// recording began, zero if it has not.
	Complete, Since ssmbak.Time
}

// Count returns how many items have the action.
func (p *Plan) Count(a Action) int {
	n := 0
	for i := range p.Items {
		if p.Items[i].Action == a {
			n++
		}
	}
	return n
}

// Asks reports whether a person should agree before the plan is applied: it
// deletes something, or its target is the root path.
func (p *Plan) Asks() bool { return p.Count(Delete) > 0 || p.Target.Root() }

// Item is what a restore does to one parameter, and why.
type Item struct {
	Name   ssmbak.Name
	Action Action
	// Wanted is the parameter at the moment. Its value was read only where it
	// had to be compared or written.
	Wanted ssmbak.State
	// Live is the parameter now, nil if there is none.
	Live *Live
	// Differences are what a write changes, attribute by attribute: all that is
	// there for a Create or a Delete, nothing where nothing is written.
	Differences []Difference
	// Reason says in one clause why the action is None, Kept or Unknown, or why
	// a Delete; it is empty where the differences say it.
	Reason string
	// Refused says in one clause why Apply will refuse the action; empty if it
	// will try.
	Refused string
	// Notices say what cannot come back, or not as it was, one clause each.
	Notices []string
}

// Live is a parameter as Parameter Store holds it now.
type Live struct {
	Version ssmbak.Version
	// Value is the value where HasValue is set. It comes from the archive and
	// is read only where it had to be compared, or is to be overwritten.
	Value    ssmbak.Value
	HasValue bool
	// Tags are the parameter's tags where TagsKnown is set: read live for what
	// will be written, the last recorded ones otherwise.
	Tags      map[string]string
	TagsKnown bool
}

// Attributes that a [Difference] can name. A tag is named by [AttributeTag] and
// its key.
const (
	AttributeValue          = "value"
	AttributeType           = "type"
	AttributeKeyID          = "key id"
	AttributeTier           = "tier"
	AttributeDataType       = "data type"
	AttributeDescription    = "description"
	AttributeAllowedPattern = "allowed pattern"
	AttributePolicies       = "policies"
	AttributeTag            = "tag "
)

// Difference is one attribute that a write changes.
type Difference struct {
	Attribute string
	// Live and Wanted are the attribute before and after the write; empty for
	// the value, which stands in LiveValue and WantedValue.
	Live, Wanted           string
	LiveValue, WantedValue ssmbak.Value
	// Value says that the attribute is the value.
	Value bool
	// NoLive and NoWanted say that there is nothing on that side, as an empty
	// text may be something: the parameter or the tag is not there, or its
	// value is not known.
	NoLive, NoWanted bool
}

// Status is what became of an [Item].
type Status string

// The statuses of an [Outcome].
const (
	// Restored: the action was done.
	Restored Status = "restored"
	// Unchanged: there was nothing to do.
	Unchanged Status = "unchanged"
	// Refused: nothing was written, for a reason that Err says.
	Refused Status = "refused"
	// Failed: the action was not done or only in part, or it is not known
	// whether it was done.
	Failed Status = "failed"
)

// Outcome is what became of one item.
type Outcome struct {
	Item   Item
	Status Status
	// Err says why the status is Refused or Failed.
	Err error
	// Version is the number of the version that was written, 0 if none was.
	Version int64
}
