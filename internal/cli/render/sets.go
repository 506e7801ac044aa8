package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/plan"
)

// SetRow is one set of changes in JSON.
type SetRow struct {
	Set         int // its number, 1 for the newest
	From, Until ssmbak.Time
	By          string
	Path        string
	Names       []ssmbak.Name
	Created     int
	Updated     int
	Deleted     int
	Others      int // changes of tags and labels
	Unknown     int // changes by unknown principals in between
	Overlaps    []int
	Before      string // the TIME before the first change
	Compare     string // the command that shows what changed from then to when all of the set had happened
	// Live is the command that shows what a restore to right before the set would change now.
	// It is nil where Revert is.
	Live *string
	// Revert is the command that takes back the set, unless others changed the same
	// parameters; nil if it is the archive of another account or region, or a copy.
	Revert *string
	// Restores are the restores that made changes of the set, the oldest first.
	Restores []*ChangeRestoreRow

	notes []string // of Restores
}

// AddRestore adds a restore that made a change of the set, unless it is there already.
func (r *SetRow) AddRestore(record *plan.Document) {
	if !slices.ContainsFunc(r.Restores, func(x *ChangeRestoreRow) bool { return x.ID == record.ID }) {
		r.Restores, r.notes = append(r.Restores, restoreRow(record)), append(r.notes, restoreText(record))
	}
}

// SetRowOf returns the row of a set, without its number, the numbers of others and the
// commands. Until is its last millisecond.
func SetRowOf(s changeset.Set) SetRow {
	row := SetRow{
		From: s.From, Until: s.Until - 1, By: s.By, Path: s.Path(), Overlaps: []int{}, Restores: []*ChangeRestoreRow{}, Unknown: s.Unknown, Before: "before:" + s.From.String(),
		Created: s.Count(ssmbak.OpCreate), Updated: s.Count(ssmbak.OpUpdate), Deleted: s.Count(ssmbak.OpDelete),
	}
	row.Others = len(s.Changes) - row.Created - row.Updated - row.Deleted
	for _, c := range s.Changes {
		row.Names = append(row.Names, c.Name)
	}
	slices.Sort(row.Names)
	row.Names = slices.Compact(row.Names)
	return row
}

// Sets writes sets of changes as paragraphs with commands that continue from it, or in the format of
// a report as a table.
func Sets(w io.Writer, rows []SetRow, o View) error {
	if o.Format != Framed {
		return setTable(w, rows, o)
	}
	var b strings.Builder
	for i, r := range rows {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "set %d: %s to %s by %s\n", r.Set, o.Exact(r.From), o.Exact(r.Until), Escape(r.By))
		fmt.Fprintf(&b, "    %s: created %d, updated %d, deleted %d, tags and labels %d\n", r.Path, r.Created, r.Updated, r.Deleted, r.Others)
		if r.Unknown > 0 {
			fmt.Fprintf(&b, "    changes by unknown principals in between: %d\n", r.Unknown)
		}
		for _, note := range r.notes {
			fmt.Fprintf(&b, "    %s\n", Escape(note))
		}
		if len(r.Overlaps) > 0 {
			fmt.Fprintf(&b, "    overlaps set %s\n", strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Overlaps), " ", ", "), "[]"))
		}
		fmt.Fprintf(&b, "    show it: `%s`\n    before it: %s\n", r.Compare, o.Local(r.Before))
		if r.Revert != nil {
			fmt.Fprintf(&b, "    compare with live: `%s`\n    take it back: `%s`\n", *r.Live, *r.Revert)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func setTable(w io.Writer, rows []SetRow, o View) error {
	header := []string{"Set", "From", "Until", "By", "Path", "Created", "Updated", "Deleted", "Tags and labels", "By unknown principals"}
	if slices.ContainsFunc(rows, func(r SetRow) bool { return len(r.notes) > 0 }) {
		header = append(header, "Note")
	}
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = []string{
			strconv.Itoa(r.Set), o.Exact(r.From), o.Exact(r.Until), r.By, r.Path,
			strconv.Itoa(r.Created), strconv.Itoa(r.Updated), strconv.Itoa(r.Deleted), strconv.Itoa(r.Others), strconv.Itoa(r.Unknown), strings.Join(r.notes, "; "),
		}[:len(header)]
	}
	return Table(w, header, cells, o)
}
