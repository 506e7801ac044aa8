package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// SummaryRow is what a command found or did, without its rows. A time is zero, and null in JSON,
// if it does not apply.
type SummaryRow struct {
	Target       optional
	At           ssmbak.Time // of one time
	From, Until  ssmbak.Time // of a period
	CompleteUpTo ssmbak.Time
	RestoreID    optional `json:"RestoreId"`
	Counts       map[string]int
}

// SummaryOf returns the summary of a target; further fields are set by the caller.
func SummaryOf(target string) SummaryRow {
	return SummaryRow{Target: optional(target), Counts: make(map[string]int)}
}

// SetRestore sets the ID of the restore, "" if nothing was written.
func (s *SummaryRow) SetRestore(id string) { s.RestoreID = optional(id) }

// Count adds one to the count of a kind of row.
func Count[K ~string](s *SummaryRow, kind K) { s.Counts[string(kind)]++ }

// WriteSummary writes a summary as lines.
func WriteSummary(w io.Writer, s SummaryRow, o View) error {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, Escape(value))
		}
	}
	moment := func(name string, at ssmbak.Time) {
		if at != 0 {
			line(name, o.Exact(at))
		}
	}
	line("target", string(s.Target))
	moment("at", s.At)
	moment("from", s.From)
	moment("until", s.Until)
	moment("complete up to", s.CompleteUpTo)
	line("restore", string(s.RestoreID))
	for _, kind := range slices.Sorted(maps.Keys(s.Counts)) {
		line(kind, fmt.Sprint(s.Counts[kind]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
