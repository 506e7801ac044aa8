package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// optional is a text that is null in JSON if it is empty.
type optional string

func (o optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	err := Line(&b, string(o))
	return b.Bytes(), err
}

// Row is one parameter in JSON, with its fields in order. The fields are public and
// listed in docs/output.md. Fields may be added, but not removed.
type Row []field

// field is one field of a [Row].
type field struct {
	name  string
	value any
}

// MarshalJSON returns an object with the fields in their order.
func (r Row) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := r.write(&b, encoder(&b, "", ""), "", "", "")
	return b.Bytes(), err
}

// write writes the object with an encoder that writes into b, and with these texts before each
// name, before each value and at the end.
func (r Row) write(b *bytes.Buffer, e *json.Encoder, beforeName, beforeValue, end string) error {
	b.WriteByte('{')
	for i, f := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(beforeName + strconv.Quote(f.name) + ":" + beforeValue)
		if err := e.Encode(f.value); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the line feed
	}
	b.WriteString(end + "}")
	return nil
}

// NoteRow returns a note in JSON: its text, followed by its facts in the order of their
// names.
func NoteRow(text string, facts map[string]any) Row {
	row := Row{{"Note", text}}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		row = append(row, field{name, facts[name]})
	}
	return row
}

// notUTF8 is the reason why JSON does not contain a value.
const notUTF8 = "the value is not UTF-8: `ssmbak get` writes it unchanged"

// Masked reports whether values of a type are masked: without reveal, all except those
// of type String and StringList.
func Masked(t ssmbak.Type, reveal bool) bool {
	return !reveal && t != ssmbak.TypeString && t != ssmbak.TypeStringList
}

// RowOf returns the row of a state. It omits values of SecureStrings unless reveal is
// set, and values that are not UTF-8, in which case it sets Reason.
func RowOf(s ssmbak.State, reveal bool) Row { return rowOf(s, "", "", reveal) }

// rowOf is [RowOf] with the action of a diff or restore and its reason, or "".
func rowOf(s ssmbak.State, change plan.Action, reason string, reveal bool) Row {
	v := s.Version
	var value *string // nil if there is none, or it is masked
	why := s.Reason
	switch {
	case s.Deleted:
	case s.Value.Reason != "" && why == "":
		why = s.Value.Reason
	case Unfit(s, reveal):
		why = notUTF8
	case s.Value.IsKnown() && !Masked(v.Type, reveal):
		text := s.Value.V.Reveal()
		value = &text
	}
	labels, labelsCertainty := attributes(s, s.Labels)
	tags, tagsCertainty := attributes(s, s.Tags)
	row := Row{
		{"Name", s.Name},
		{"Value", value},
		{"Type", optional(v.Type)},
		{"Time", s.Modified},
		{"Deleted", s.Deleted},
		{"Certainty", s.Certainty},
		{"Description", optional(v.Description)},
		{"Version", v.Number},
		{"By", optional(cmp.Or(s.By, v.User))},
	}
	for attribute, text := range v.All() {
		if attribute != ssmbak.AttributeType && attribute != ssmbak.AttributeDescription {
			row = append(row, field{fieldName(attribute), optional(*text)})
		}
	}
	return append(row,
		field{"Labels", labels}, // null if they are unknown
		field{"Tags", tags},
		field{"Change", optional(change)},
		field{"Reason", optional(cmp.Or(reason, why))}, // why it is unknown, has no value, is kept or refused
		field{"LabelsCertainty", labelsCertainty},      // null where there is no parameter
		field{"TagsCertainty", tagsCertainty},
	)
}

// fieldName returns the name of the field that holds an attribute of a version.
func fieldName(a ssmbak.Attribute) string { return strings.ToUpper(string(a[:1])) + string(a[1:]) }

// attributes returns labels or tags and their certainty.
func attributes[V any](s ssmbak.State, all ssmbak.Known[map[string]V]) (map[string]V, *ssmbak.Certainty) {
	switch {
	case s.Deleted:
		return nil, nil
	case all.IsKnown() && all.V == nil:
		all.V = map[string]V{}
	}
	return all.V, &all.Certainty
}

// Unfit reports whether the state has an unmasked value that JSON cannot represent.
func Unfit(s ssmbak.State, reveal bool) bool {
	return s.Value.IsKnown() && !s.Deleted && !Masked(s.Version.Type, reveal) && !utf8.ValidString(s.Value.V.Reveal())
}

// States writes states as a table with name, value, type and time, and a note with the
// reason if a state is unknown or its value is unavailable.
func States(w io.Writer, states []ssmbak.State, o View) error {
	if o.Width > 0 && o.Format == Framed && len(states) == 1 {
		o.Width = 1 // one parameter is shown vertically
	}
	return writeStates(w, states, o, func(int) string { return "" }, nil)
}

// Restored writes states as [States] does, with the status of each, and with a note
// that replaces that of the state unless it is "".
func Restored(w io.Writer, states []ssmbak.State, o View, status []plan.Status, note []string) error {
	return writeStates(w, states, o, func(i int) string { return note[i] }, status)
}

func writeStates(w io.Writer, states []ssmbak.State, o View, note func(i int) string, status []plan.Status) error {
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
		notes[i] = o.Local(notes[i])
		noted = noted || notes[i] != ""
	}
	if noted {
		header = append(header, "Note")
	}
	rows := make([][]string, len(states))
	for i, s := range states {
		rows[i] = []string{string(s.Name), ValueText(s, o.Reveal), string(s.Version.Type), o.short(s.Modified)}
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
	return Table(w, header, rows, o)
}

// ValueText returns the value of a state as text, [ssmbak.Mask] if it is masked, or "" if
// there is none. It is not escaped.
func ValueText(s ssmbak.State, reveal bool) string {
	switch {
	case s.Version.Number == 0 && !s.Value.IsKnown() && s.Version.Type == "":
		return "" // never recorded
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

// DifferenceRow is one attribute that a restore would change. Live and Wanted are nil
// if that side has no such attribute, or if it is masked.
type DifferenceRow struct {
	Attribute     ssmbak.Attribute
	Before, After *string
}

// PlannedRowOf returns the row of an item of a plan. live says that the plan is for live
// parameters, and not a comparison of two times.
func PlannedRowOf(item plan.Item, live, reveal bool) Row {
	state := item.After
	state.Name = item.Name
	return append(rowOf(state, item.Action, cmp.Or(item.Refused, item.Reason), reveal),
		field{"Source", optional(item.Source)}, // the parameter whose state is restored, if it is another one
		field{"Differences", differenceRows(item, reveal)},
		field{"Overwrites", overwrites(item, live)},
		field{"Deletion", deletionRow(item)},
		field{"Notices", append([]string{}, item.Notices...)},
		field{"Conflicts", conflictRows(item.Conflicts)},
	)
}

// OverwrittenRow is the live version that a restore overwrites or deletes.
type OverwrittenRow struct {
	Version int64
	By      optional
	Time    ssmbak.Time
}

// overwrites returns the row of the live version that an item overwrites, or nil.
func overwrites(item plan.Item, live bool) *OverwrittenRow {
	if !live || overwritten(item, View{}) == "" {
		return nil
	}
	v := item.Before.Version
	return &OverwrittenRow{v.Number, optional(v.User), v.Time}
}

// DeletionRow is the deletion that a restore takes back.
type DeletionRow struct {
	By   optional
	Time ssmbak.Time
}

// deletionRow returns the row of the deletion that an item takes back, or nil.
func deletionRow(item plan.Item) *DeletionRow {
	if item.Action != plan.ActionCreate || !item.Gone.Deleted {
		return nil
	}
	return &DeletionRow{optional(item.Gone.By), item.Gone.Modified}
}

// differenceRows returns the attributes that a restore would change.
func differenceRows(item plan.Item, reveal bool) []DifferenceRow {
	rows := []DifferenceRow{}
	for _, d := range item.Differences {
		out := DifferenceRow{Attribute: d.Attribute}
		before, after := d.Before, d.After
		if d.Value {
			before, after = d.BeforeValue.Reveal(), d.AfterValue.Reveal()
		}
		hidden := d.Value && secret(item, reveal)
		if !d.NoBefore && !hidden && utf8.ValidString(before) {
			out.Before = &before
		}
		if !d.NoAfter && !hidden && utf8.ValidString(after) {
			out.After = &after
		}
		rows = append(rows, out)
	}
	return rows
}

// OutcomeRowOf returns the row of an outcome of the restore with the given ID. failed is
// its error message and code the kind of that error, both "" if there is none.
func OutcomeRowOf(o plan.Outcome, id, failed, code string, reveal bool) Row {
	return append(PlannedRowOf(o.Item, true, reveal),
		field{"Status", o.Status},
		field{"Error", optional(failed)},
		field{"Code", optional(code)},
		field{"Written", o.Version},      // version number that was written, or 0
		field{"Replaced", o.Replaced},    // the parameter was deleted and recreated
		field{"RestoreId", optional(id)}, // the ID for undo, null if nothing was written
	)
}

// secret reports whether the values of an item are masked because either side is
// masked.
func secret(item plan.Item, reveal bool) bool {
	if item.Before != nil && Masked(item.Before.Version.Type, reveal) {
		return true
	}
	return item.After.Version.Type != "" && Masked(item.After.Version.Type, reveal)
}
