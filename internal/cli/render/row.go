package render

import (
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/restore"
)

// optional is a text that is null in JSON if it is empty.
type optional string

func (o optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// Row is one parameter in JSON. Its fields are public and listed in docs/output.md.
// Fields may be added, but not removed.
type Row struct {
	Name           ssmbak.Name
	Value          *string // nil if there is none, or it is masked
	Type           optional
	Modified       ssmbak.Time
	Deleted        bool
	Certainty      ssmbak.Certainty
	Description    optional
	Version        int64
	ModifiedBy     optional
	KeyID          optional `json:"KeyId"`
	Tier           optional
	DataType       optional
	AllowedPattern optional
	Policies       optional
	Labels         map[string]int64  // nil if they are unknown
	Tags           map[string]string // nil if they are unknown
	Change         optional          // the action of a diff or restore
	Reason         optional          // why it is unknown, has no value, is kept or refused
	// The certainty of Labels and Tags, nil if the parameter does not exist.
	LabelsCertainty, TagsCertainty *ssmbak.Certainty
}

// notUTF8 is the reason why JSON does not contain a value.
const notUTF8 = "the value is not UTF-8: `ssmbak get` writes it unchanged"

// Masked reports whether values of a type are masked: without reveal, all except those
// of type String and StringList.
func Masked(t ssmbak.Type, reveal bool) bool {
	return !reveal && t != ssmbak.String && t != ssmbak.StringList
}

// RowOf returns the row of a state. It omits values of SecureStrings unless reveal is
// set, and values that are not UTF-8, in which case it sets Reason.
func RowOf(s ssmbak.State, reveal bool) Row {
	v := s.Version
	row := Row{
		Name: s.Name, Type: optional(v.Type), Modified: s.Modified, Deleted: s.Deleted, Certainty: s.Certainty,
		Description: optional(v.Description), Version: v.Number, ModifiedBy: optional(v.User), KeyID: optional(v.KeyID),
		Tier: optional(v.Tier), DataType: optional(v.DataType), AllowedPattern: optional(v.AllowedPattern),
		Policies: optional(v.Policies), Reason: optional(s.Reason),
	}
	row.Labels, row.LabelsCertainty = attributes(s, s.Labels, s.LabelsKnown, s.LabelsLastKnown)
	row.Tags, row.TagsCertainty = attributes(s, s.Tags, s.TagsKnown, s.TagsLastKnown)
	switch {
	case s.Deleted:
	case s.NoValue != "" && row.Reason == "":
		row.Reason = optional(s.NoValue)
	case s.HasValue && !Masked(v.Type, reveal):
		value := s.Value.Reveal()
		if Unfit(s, reveal) {
			row.Reason = notUTF8
			break
		}
		row.Value = &value
	}
	return row
}

// attributes returns labels or tags and their certainty.
func attributes[V any](s ssmbak.State, all map[string]V, known, lastKnown bool) (map[string]V, *ssmbak.Certainty) {
	certainty := ssmbak.Unknown
	switch {
	case s.Deleted:
		return nil, nil
	case lastKnown: // a plan that uses them marks them as known, too
		certainty = ssmbak.LastKnown
	case known:
		certainty = ssmbak.Proved
	default:
		return nil, &certainty
	}
	if all == nil {
		all = map[string]V{}
	}
	return all, &certainty
}

// Unfit reports whether the state has an unmasked value that JSON cannot represent.
func Unfit(s ssmbak.State, reveal bool) bool {
	return s.HasValue && !s.Deleted && !Masked(s.Version.Type, reveal) && !utf8.ValidString(s.Value.Reveal())
}

// States writes states as a table with name, value, type and time, and a note with the
// reason if a state is unknown or its value is unavailable.
func States(w io.Writer, states []ssmbak.State, reveal bool) error {
	return writeStates(w, states, reveal, func(int) string { return "" }, nil)
}

// Restored writes states as [States] does, with the status of each, and with a note
// that replaces that of the state unless it is "".
func Restored(w io.Writer, states []ssmbak.State, reveal bool, status []restore.Status, note []string) error {
	return writeStates(w, states, reveal, func(i int) string { return note[i] }, status)
}

func writeStates(w io.Writer, states []ssmbak.State, reveal bool, note func(i int) string, status []restore.Status) error {
	header := []string{"Name", "Value", "Type", "Modified"}
	if status != nil {
		header = append(header, "Status")
	}
	notes := make([]string, len(states))
	noted := false
	for i, s := range states {
		notes[i] = noteOf(s)
		if extra := note(i); extra != "" {
			notes[i] = extra
		}
		noted = noted || notes[i] != ""
	}
	if noted {
		header = append(header, "Note")
	}
	rows := make([][]string, len(states))
	for i, s := range states {
		rows[i] = []string{string(s.Name), valueCell(s, reveal), string(s.Version.Type), Time(s.Modified)}
		if s.Deleted {
			rows[i][1], rows[i][2] = "Deleted", "Deleted"
		}
		if status != nil {
			rows[i] = append(rows[i], string(status[i]))
		}
		if noted {
			rows[i] = append(rows[i], notes[i])
		}
	}
	return Table(w, header, rows)
}

func valueCell(s ssmbak.State, reveal bool) string {
	switch {
	case s.Version.Number == 0 && !s.HasValue && s.Version.Type == "":
		return "" // never recorded
	case Masked(s.Version.Type, reveal):
		return ssmbak.Mask
	case s.HasValue:
		return s.Value.Reveal()
	}
	return ""
}

func noteOf(s ssmbak.State) string {
	switch {
	case s.Certainty == ssmbak.Unknown:
		return "(unknown: " + s.Reason + ")"
	case s.NoValue != "" && !s.Deleted:
		return "(no value: " + s.NoValue + ")"
	}
	return ""
}

// PlannedRow is one parameter of a diff in JSON.
type PlannedRow struct {
	Row
	Source      optional // the parameter whose state is restored, if not Name
	Differences []DifferenceRow
	Notices     []string
}

// DifferenceRow is one attribute that a restore would change. Live and Wanted are nil
// if that side has no such attribute, or if it is masked.
type DifferenceRow struct {
	Attribute    string
	Live, Wanted *string
}

// PlannedRowOf returns the row of an item of a plan.
func PlannedRowOf(item restore.Item, reveal bool) PlannedRow {
	row := PlannedRow{Row: RowOf(item.Wanted, reveal), Source: optional(item.Source), Differences: []DifferenceRow{}, Notices: item.Notices}
	row.Name, row.Change = item.Name, optional(item.Action)
	if reason := itemReason(item); reason != "" {
		row.Reason = optional(reason)
	}
	if row.Notices == nil {
		row.Notices = []string{}
	}
	for _, d := range item.Differences {
		out := DifferenceRow{Attribute: d.Attribute}
		live, wanted := d.Live, d.Wanted
		if d.Value {
			live, wanted = d.LiveValue.Reveal(), d.WantedValue.Reveal()
		}
		hidden := d.Value && secret(item, reveal)
		if !d.NoLive && !hidden && utf8.ValidString(live) {
			out.Live = &live
		}
		if !d.NoWanted && !hidden && utf8.ValidString(wanted) {
			out.Wanted = &wanted
		}
		row.Differences = append(row.Differences, out)
	}
	return row
}

// OutcomeRow is one parameter of a restore in JSON.
type OutcomeRow struct {
	PlannedRow
	Status  restore.Status
	Error   optional
	Written int64 // version number that was written, or 0
	// Replaced reports whether the parameter was deleted and recreated.
	Replaced bool
	// RestoreID is the ID for undo, null if nothing was written.
	RestoreID optional `json:"RestoreId"`
}

// OutcomeRowOf returns the row of an outcome of the restore with the given ID. failed is
// its error message, or "".
func OutcomeRowOf(o restore.Outcome, id, failed string, reveal bool) OutcomeRow {
	return OutcomeRow{
		PlannedRow: PlannedRowOf(o.Item, reveal), Status: o.Status, Error: optional(failed), Written: o.Version,
		Replaced: o.Replaced, RestoreID: optional(id),
	}
}

// itemReason returns the most specific reason of an item.
func itemReason(item restore.Item) string {
	if item.Refused != "" {
		return item.Refused
	}
	return item.Reason
}

// secret reports whether the values of an item are masked because either side is
// masked.
func secret(item restore.Item, reveal bool) bool {
	if item.Live != nil && Masked(item.Live.Version.Type, reveal) {
		return true
	}
	return item.Wanted.Version.Type != "" && Masked(item.Wanted.Version.Type, reveal)
}
