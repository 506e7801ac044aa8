package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// ChangeRow is one change in JSON. Its fields are public and listed in docs/output.md.
// Fields may be added, but not removed.
type ChangeRow struct {
	Name        ssmbak.Name
	Operation   ssmbak.Operation
	Time        ssmbak.Time
	From, Until ssmbak.Time
	Version     int64
	Missing     *MissingRow
	Type        optional
	ModifiedBy  optional
	Tags        map[string]*string // nil for other operations; a removed tag is nil
	Labels      map[string]*int64  // like Tags
	Reason      optional
}

// MissingRow holds the version numbers of a gap.
type MissingRow struct {
	First, Last int64
}

// ChangeRowOf returns the row of a change.
func ChangeRowOf(c ssmbak.Change) ChangeRow {
	row := ChangeRow{
		Name: c.Name, Operation: c.Operation, Time: c.Time, From: c.From, Until: c.Until, Version: c.Version.Number,
		Type: optional(c.Version.Type), ModifiedBy: optional(c.Version.User), Tags: c.Tags, Reason: optional(c.Reason),
	}
	if c.Missing != (ssmbak.Numbers{}) {
		row.Missing = &MissingRow{c.Missing.First, c.Missing.Last}
	}
	if c.Labels != nil {
		row.Labels = make(map[string]*int64, len(c.Labels))
	}
	for label, number := range c.Labels {
		row.Labels[label] = nil
		if number != 0 {
			row.Labels[label] = &number
		}
	}
	return row
}

// Changes writes changes as a table.
func Changes(w io.Writer, changes []ssmbak.Change, o View) error {
	header := []string{"Time", "Operation", "Name", "Version", "By"}
	rows := make([][]string, len(changes))
	noted := false
	for i, c := range changes {
		rows[i] = []string{o.when(c), string(c.Operation), string(c.Name), numbers(c), c.Version.User, noteOfChange(c)}
		noted = noted || rows[i][len(header)] != ""
	}
	if noted {
		return Table(w, append(header, "Note"), rows)
	}
	for i := range rows {
		rows[i] = rows[i][:len(header)]
	}
	return Table(w, header, rows)
}

// when returns the time of a change, or its bounds, as text. [ssmbak.ParseTime] accepts
// each time in it. At that time the change has happened; with "before:" in front of
// the first or only time, it has not.
func (v View) when(c ssmbak.Change) string {
	switch {
	case !c.Bounded() && c.From == c.Until:
		return v.exact(c.Time)
	case !c.Bounded():
		return v.seconds(c.Time) // events have a precision of one second
	case c.From == ssmbak.MinTime:
		return "before " + v.exact(c.Until)
	}
	return "between " + v.exact(c.From) + " and " + v.exact(c.Until)
}

// numbers returns the version number of a change, or the range of missing versions.
func numbers(c ssmbak.Change) string {
	switch m := c.Missing; {
	case c.Version.Number != 0:
		return strconv.FormatInt(c.Version.Number, 10)
	case m.First == 0:
		return ""
	case m.First == m.Last:
		return strconv.FormatInt(m.First, 10)
	default:
		return fmt.Sprintf("%d to %d", m.First, m.Last)
	}
}

func noteOfChange(c ssmbak.Change) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
		if value := c.Tags[k]; value != nil {
			parts = append(parts, k+"="+*value)
		} else {
			parts = append(parts, k+" removed")
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		if number := c.Labels[k]; number != 0 {
			if from := c.Moved[k]; from != 0 {
				k += fmt.Sprintf(" %d", from)
			}
			parts = append(parts, fmt.Sprintf("%s -> %d", k, number))
		} else {
			parts = append(parts, k+" removed")
		}
	}
	note := strings.Join(parts, ", ")
	if c.Reason != "" {
		note = strings.TrimSpace(note + " (" + c.Reason + ")")
	}
	return note
}
