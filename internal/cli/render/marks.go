package render

import (
	"io"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// MarkRow is one mark in JSON.
type MarkRow struct {
	Mark    string
	Time    ssmbak.Time
	Made    ssmbak.Time // when it was set or moved
	By      optional
	Message optional
}

// MarkRows returns the rows of marks.
func MarkRows(all []archive.Mark) []MarkRow {
	rows := make([]MarkRow, len(all))
	for i, m := range all {
		rows[i] = MarkRow{m.Name, m.At, ssmbak.TimeOf(m.Made), optional(m.By), optional(m.Message)}
	}
	return rows
}

// Marks writes marks as a table.
func Marks(w io.Writer, all []archive.Mark, o View) error {
	rows := make([][]string, len(all))
	for i, m := range all {
		rows[i] = []string{"@" + m.Name, o.Exact(m.At), m.By, m.Message}
	}
	return Table(w, []string{"Mark", "Time", "By", "Message"}, rows, o)
}
