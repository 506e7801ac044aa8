package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// RestoreRow is one restore in JSON.
type RestoreRow struct {
	ID        string      `json:"Id"`
	Time      ssmbak.Time // when it began
	Ended     ssmbak.Time // null if it is running or was killed
	By        optional
	Arguments optional
	Message   optional
	Target    string
	Recursive bool
	At        ssmbak.Time // the time that was restored, null for an undo
	Until     ssmbak.Time // of a revert: what changed after At and up to then was taken back
	Undoes    optional    // the restore that it undid
	UndoneBy  optional    // the newest restore that undid it
	Undone    int         // parameters that are undone since
	Changed   int         // parameters that it changed, or may have changed if it was killed
	Items     int         // parameters in the plan
	Restored  int         // created, updated or replaced
	Deleted   int
	Refused   int
	Failed    int
}

// RestoreRows returns the rows of restores.
func RestoreRows(all []*plan.Document) []RestoreRow {
	rows := make([]RestoreRow, len(all))
	undone := make(map[string]string)
	for i, r := range all { // the newest first
		if r.Undoes != "" && undone[r.Undoes] == "" {
			undone[r.Undoes] = r.ID
		}
		row := RestoreRow{
			ID: r.ID, Time: ssmbak.TimeOf(r.Began), By: optional(r.By), Arguments: optional(r.Arguments), Message: optional(r.Message), Target: r.Target,
			Recursive: r.Recursive, At: r.At, Until: r.Until, Undoes: optional(r.Undoes), UndoneBy: optional(undone[r.ID]), Items: len(r.Items),
		}
		row.Undone, row.Changed = restore.Undone(r, all[:i])
		if !r.Ended.IsZero() {
			row.Ended = ssmbak.TimeOf(r.Ended)
		}
		for _, x := range r.Items {
			switch x.Status {
			case plan.StatusRestored, plan.StatusDeleted:
				// Older records have the status restored for deletions, too.
				if x.Status == plan.StatusDeleted || x.Action == plan.ActionDelete {
					row.Deleted++
				} else {
					row.Restored++
				}
			case plan.StatusRefused:
				row.Refused++
			case plan.StatusFailed:
				row.Failed++
			case plan.StatusUnchanged:
			}
		}
		rows[i] = row
	}
	return rows
}

// Restores writes restores as a table.
func Restores(w io.Writer, all []*plan.Document, o View) error {
	var rows [][]string
	for _, r := range RestoreRows(all) {
		rows = append(rows, []string{r.ID, o.Exact(r.Time), string(r.By), r.Command(), fmt.Sprint(r.Items), r.State()})
	}
	return Table(w, []string{"Id", "Began", "By", "Command", "Parameters", "State"}, rows, o)
}

// Command returns the command and the message of a restore.
func (r RestoreRow) Command() string {
	if r.Message == "" {
		return string(r.Arguments)
	}
	return string(r.Arguments) + " (" + string(r.Message) + ")"
}

// State returns a short description of a restore's result.
func (r RestoreRow) State() string {
	var parts []string
	if r.Ended == 0 {
		parts = append(parts, "not completed")
	} else {
		parts = append(parts, fmt.Sprintf("restored %d", r.Restored))
	}
	if r.Deleted > 0 {
		parts = append(parts, fmt.Sprintf("deleted %d", r.Deleted))
	}
	if r.Refused > 0 {
		parts = append(parts, fmt.Sprintf("refused %d", r.Refused))
	}
	if r.Failed > 0 {
		parts = append(parts, fmt.Sprintf("failed %d", r.Failed))
	}
	switch {
	case r.UndoneBy == "" || r.Undone == 0:
	case r.Undone < r.Changed:
		parts = append(parts, fmt.Sprintf("partly undone (%d of %d) by %s", r.Undone, r.Changed, r.UndoneBy))
	default:
		parts = append(parts, "undone by "+string(r.UndoneBy))
	}
	return strings.Join(parts, ", ")
}
