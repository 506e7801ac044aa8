package render

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
)

// LogEntry is one change in the log, or a mark among them.
type LogEntry struct {
	// Change is empty for a mark.
	*ssmbak.Change
	// Restore is the restore that made the change, nil if there is none.
	Restore *plan.Document
	// Mark is a mark in place of a change, nil for a change.
	Mark *archive.Mark
	// Patch compares the states before and after the change, nil if they were not
	// compared. Unpatched is the reason in one clause, or "".
	Patch     *plan.Item
	Unpatched string
}

// ChangeRow is one change in JSON. Its fields are public and listed in docs/output.md.
// Fields may be added, but not removed.
type ChangeRow struct {
	Name        ssmbak.Name
	Change      string // its operation, as in a plan in lower case
	Time        ssmbak.Time
	From, Until ssmbak.Time
	Version     int64
	Missing     *MissingRow
	Type        optional
	By          optional
	Tags        map[string]*string // nil for other operations; a removed tag is nil
	Labels      map[string]*int64  // like Tags
	Reason      optional
	Restore     *ChangeRestoreRow
	Differences []DifferenceRow // nil without --patch, or if the states were not compared
}

// ChangeRestoreRow is the restore that made a change.
type ChangeRestoreRow struct {
	ID      string `json:"Id"`
	By      optional
	Message optional
}

func restoreRow(r *plan.Document) *ChangeRestoreRow {
	return &ChangeRestoreRow{r.ID, optional(r.By), optional(r.Message)}
}

// MissingRow holds the version numbers of a gap.
type MissingRow struct {
	First, Last int64
}

// ChangeRowOf returns the row of a change.
func ChangeRowOf(e LogEntry, reveal bool) ChangeRow {
	c := *e.Change
	row := ChangeRow{
		Name: c.Name, Change: strings.ToLower(string(c.Operation)), Time: c.Time, From: c.From, Until: c.Until, Version: c.Version.Number,
		Type: optional(c.Version.Type), By: optional(c.By), Tags: c.Tags, Reason: optional(c.Reason),
	}
	if c.Missing != (ssmbak.Numbers{}) {
		row.Missing = &MissingRow{c.Missing.First, c.Missing.Last}
	}
	if r := e.Restore; r != nil {
		row.Restore = restoreRow(r)
	}
	if e.Patch != nil {
		row.Differences = differenceRows(*e.Patch, reveal)
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

// changesAtOnce is the number of changes that [Changes] writes as one table in formats that
// have no widths.
const changesAtOnce = 1000

// Changes writes changes as a table. It iterates over them twice, and in format [Tabs] it
// does not keep them.
func Changes(w io.Writer, entries iter.Seq[LogEntry], o View) error {
	header := []string{"Time", "Operation", "Name", "Version", "By"}
	for e := range entries {
		if e.Mark != nil && e.Mark.Message != "" || e.Mark == nil && ChangeNote(e, o) != "" {
			header = append(header, "Note")
			break
		}
	}
	var rows [][]string
	for e := range entries {
		row := []string{o.When(*e.Change), string(e.Operation), string(e.Name), ChangeVersion(*e.Change), e.By, ChangeNote(e, o)}
		if m := e.Mark; m != nil {
			row = []string{o.Exact(m.At), markOperation, "@" + m.Name, "", m.By, m.Message}
		}
		if rows = append(rows, row[:len(header)]); o.Format == Tabs && len(rows) == changesAtOnce {
			if err := Table(w, header, rows, o); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return Table(w, header, rows, o)
}

// markOperation stands for the operation of a mark in the log.
const markOperation = "Mark"

// OneLine writes a change as one line.
func OneLine(w io.Writer, e LogEntry, o View) error {
	_, err := fmt.Fprintln(w, strings.Join(entryWords(e, o), " "))
	return err
}

// Patch writes a change as one line, with what it changed below it.
func Patch(w io.Writer, e LogEntry, o View) error {
	lines := []string{strings.Join(entryWords(e, o), " ")}
	for _, line := range PatchLines(e, o.narrow(4)) {
		lines = append(lines, "    "+line)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// PatchLines returns what a change changed, as lines.
func PatchLines(e LogEntry, o View) (lines []string) {
	switch {
	case e.Unpatched != "":
		return []string{notCompared + ": " + Escape(o.Local(e.Unpatched))}
	case e.Patch != nil:
		if sameValue(*e.Patch, o) {
			lines = append(lines, "value: "+same)
		}
		for _, d := range e.Patch.Differences {
			lines = append(lines, differenceLines(*e.Patch, d, o)...)
		}
	}
	return lines
}

// entryWords returns the parts of a change that are not empty.
func entryWords(e LogEntry, o View) []string {
	if m := e.Mark; m != nil {
		words := []string{o.Exact(m.At), markOperation, "@" + m.Name}
		if m.By != "" {
			words = append(words, "by "+Escape(m.By))
		}
		return append(words, strings.Fields(Escape(m.Message))...)
	}
	words := []string{o.When(*e.Change), string(e.Operation), string(e.Name)}
	if n := ChangeVersion(*e.Change); n != "" {
		words = append(words, "version "+n)
	}
	if e.By != "" {
		words = append(words, "by "+Escape(e.By))
	}
	if note := ChangeNote(e, View{Zone: o.Zone, Both: o.Both}); note != "" {
		words = append(words, Escape(note))
	}
	return words
}

// When returns the time of a change, or its bounds, as text. [ssmbak.ParseTime] accepts
// each time in it. At that time the change has happened; with "before:" in front of
// the first or only time, it has not.
func (v View) When(c ssmbak.Change) string {
	switch {
	case !c.Bounded() && c.From == c.Until:
		return v.Exact(c.Time)
	case !c.Bounded():
		return v.seconds(c.Time) // events have a precision of one second
	case c.From == ssmbak.MinTime:
		return "before " + v.Exact(c.Until)
	}
	return "between " + v.Exact(c.From) + " and " + v.Exact(c.Until)
}

// ChangeVersion returns the version number of a change, or the range of missing versions.
func ChangeVersion(c ssmbak.Change) string {
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

// ChangeNote returns the tags or labels that a change changed, what is not known of it, and
// the restore that made it, or "". It is not escaped.
func ChangeNote(e LogEntry, o View) string {
	c := *e.Change
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
	note := o.tags(parts)
	if c.Reason != "" {
		note = strings.TrimSpace(note + " (" + o.Local(c.Reason) + ")")
	}
	if e.Restore != nil {
		note = strings.TrimPrefix(note+", "+restoreText(e.Restore), ", ")
	}
	return note
}

// restoreText returns the ID of a restore, who ran it, and its message.
func restoreText(r *plan.Document) string {
	what := "restore "
	switch {
	case r.Undoes != "":
		what = "undo "
	case r.Until != 0:
		what = "revert "
	}
	text := what + r.ID + " by " + r.By
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}
