package render

import (
	"cmp"
	"fmt"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
)

// ConflictRow is a unit that a revert does not take back, in JSON.
type ConflictRow struct {
	Unit    plan.Unit
	Reason  string
	By      optional    // null if it is unknown
	From    ssmbak.Time // it changed in [From, Until), or at that time if they are equal; null if no change was found
	Until   ssmbak.Time
	Version int64 // 0 if there is none
}

func conflictRows(all []plan.Conflict) []ConflictRow {
	rows := make([]ConflictRow, len(all))
	for i, c := range all {
		rows[i] = ConflictRow{c.Unit, c.Reason, optional(c.By), c.From, c.Until, c.Version}
	}
	return rows
}

// Conflict returns a conflict as one line: the unit, the reason, and who changed it when.
func Conflict(c plan.Conflict, o View) string {
	text := Escape(string(c.Unit)) + ": " + Escape(o.Local(c.Reason))
	if c.Until == 0 {
		return text
	}
	who := Escape(cmp.Or(c.By, "an unknown principal"))
	if c.Version != 0 {
		return fmt.Sprintf("%s (%s wrote version %d at %s)", text, who, c.Version, o.Exact(c.From))
	}
	return text + " (" + who + " " + o.bounds(c.From, c.Until) + ")"
}

// bounds returns when a change happened that is known to have happened in [from, until), or
// at until if they are equal.
func (v View) bounds(from, until ssmbak.Time) string {
	switch second := ssmbak.Seconds(until.Second()); {
	case from == until:
		return "at " + v.Exact(until)
	case from == ssmbak.MinTime:
		return "before " + v.Exact(until)
	case until == ssmbak.MaxTime:
		return "after " + v.Exact(from)
	case second == until && from == second-1000:
		return "at " + v.seconds(from)
	}
	return "between " + v.Exact(from) + " and " + v.Exact(until)
}
