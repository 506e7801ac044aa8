package render

import (
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/restore"
)

// text that is null in JSON where there is none.
type optional string

func (o optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// Row is one parameter in JSON. Its fields are public: docs/output.md lists
// them, and they only ever get more.
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
	// How sure Labels and Tags are, nil where there is no parameter.
	LabelsCertainty, TagsCertainty *ssmbak.Certainty
}

// notUTF8 is why a value does not stand in JSON.
const notUTF8 = "its value is not UTF-8: `ssmbak get` writes it as it is"

// Masked reports whether a value of this type is not shown unless secrets are:
// all but those that are known to be no secrets.
func Masked(t ssmbak.Type, reveal bool) bool {
	return !reveal && t != ssmbak.String && t != ssmbak.StringList
}

// RowOf returns the row of a state. Without reveal the values of SecureStrings
// are left out. A value that JSON cannot hold is left out too, and Reason says
// so.
func RowOf(s ssmbak.State, reveal bool) Row {
	v := s.Version
	row := Row{
		Name: s.Name, Type: optional(v.Type), Modified: s.Modified, Deleted: s.Deleted, Certainty: s.Certainty,
		Description: optional(v.Description), Version: v.Number, ModifiedBy: optional(v.User), KeyID: optional(v.KeyID),
		Tier: optional(v.Tier), DataType: optional(v.DataType), AllowedPattern: optional(v.AllowedPattern),
		Policies: optional(v.Policies), Reason: optional(s.Reason),
	}
	row.Labels, row.LabelsCertainty = attributes(s, s.Labels)
	row.Tags, row.TagsCertainty = attributes(s, s.Tags)
	switch {
	case s.Deleted:
	case s.Value.Reason != "" && row.Reason == "":
		row.Reason = optional(s.Value.Reason)
	case s.Value.IsKnown() && !Masked(v.Type, reveal):
		value := s.Value.V.Reveal()
		if Unfit(s, reveal) {
			row.Reason = notUTF8
			break
		}
		row.Value = &value
	}
	return row
}

// attributes returns labels or tags, and how sure they are.
func attributes[V any](s ssmbak.State, all ssmbak.Known[map[string]V]) (map[string]V, *ssmbak.Certainty) {
	switch {
	case s.Deleted:
		return nil, nil
	case all.IsKnown() && all.V == nil:
		all.V = map[string]V{}
	}
	return all.V, &all.Certainty
}

// Unfit reports whether the state has a value that is to be shown and that JSON
// cannot hold.
func Unfit(s ssmbak.State, reveal bool) bool {
	return s.Value.IsKnown() && !s.Deleted && !Masked(s.Version.Type, reveal) && !utf8.ValidString(s.Value.V.Reveal())
}

// States writes states as a table: name, value, type and time, and for those
// that are unknown or have no value a note that says why.
func States(w io.Writer, states []ssmbak.State, reveal bool) error {
	return writeStates(w, states, reveal, func(int) string { return "" }, nil)
}

// Restored writes states as [States] does, with what became of each and one more
// note for it; "" for none.
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
	case s.Version.Number == 0 && !s.Value.IsKnown() && s.Version.Type == "":
		return "" // nothing was ever known
	case Masked(s.Version.Type, reveal):
		return ssmbak.Mask
	case s.Value.IsKnown():
		return s.Value.V.Reveal()
	}
	return ""
}

func noteOf(s ssmbak.State) string {
	switch {
	case s.Certainty == ssmbak.Unknown:
		return "(unknown: " + s.Reason + ")"
	case s.Value.Reason != "" && !s.Deleted:
		return "(no value: " + s.Value.Reason + ")"
	}
	return ""
}

// PlannedRow is one parameter of a diff in JSON.
type PlannedRow struct {
	Row
	Source      optional // the parameter whose state is restored, if it is another one
	Differences []DifferenceRow
	Notices     []string
}

// DifferenceRow is one attribute that a restore would change. Live and Wanted
// are nil where there is nothing on that side, or where it is masked.
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
	Written int64 // number of the version that was written, 0 if none was
	// Replaced says that the parameter was deleted and created anew.
	Replaced bool
	// RestoreID is what undo takes this back by, null if nothing was written.
	RestoreID optional `json:"RestoreId"`
}

// OutcomeRowOf returns the row of an outcome of the restore with the id. failed is its error as a person
// reads it, "" if there is none.
func OutcomeRowOf(o restore.Outcome, id, failed string, reveal bool) OutcomeRow {
	return OutcomeRow{
		PlannedRow: PlannedRowOf(o.Item, reveal), Status: o.Status, Error: optional(failed), Written: o.Version,
		Replaced: o.Replaced, RestoreID: optional(id),
	}
}

// itemReason is the most telling reason that an item has.
func itemReason(item restore.Item) string {
	if item.Refused != "" {
		return item.Refused
	}
	return item.Reason
}

// secret reports whether the values of an item are masked: if either side is.
func secret(item restore.Item, reveal bool) bool {
	if item.Live != nil && Masked(item.Live.Version.Type, reveal) {
		return true
	}
	return item.Wanted.Version.Type != "" && Masked(item.Wanted.Version.Type, reveal)
}
