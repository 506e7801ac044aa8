package render

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/restore"
)

// PlanOptions say how a plan is shown.
type PlanOptions struct {
	// Reveal shows the values of SecureStrings.
	Reveal bool
	// Color paints the signs for a terminal.
	Color bool
}

// signs of the actions of a plan, and how they are painted.
var signs = map[restore.Action]struct{ sign, paint string }{
	restore.Create:  {"+", "\x1b[32m"},
	restore.Update:  {"~", "\x1b[33m"},
	restore.Delete:  {"-", "\x1b[31m"},
	restore.Kept:    {"=", "\x1b[36m"},
	restore.Unknown: {"?", "\x1b[35m"},
}

// Plan writes what a restore would do: one line for each parameter that it
// concerns, attributes below it, and a summary.
func Plan(w io.Writer, p *restore.Plan, o PlanOptions) error {
	var b strings.Builder
	for _, item := range p.Items {
		sign, shown := signs[item.Action]
		if !shown {
			continue
		}
		mark := sign.sign
		if o.Color {
			mark = sign.paint + mark + "\x1b[0m"
		}
		fmt.Fprintf(&b, "%s %s%s\n", mark, item.Name, remark(item))
		for _, d := range item.Differences {
			fmt.Fprintf(&b, "    %s: %s\n", Escape(d.Attribute), difference(item, d, o.Reveal))
		}
		if item.Refused != "" {
			fmt.Fprintf(&b, "    will be refused: %s\n", Escape(item.Refused))
		}
		for _, notice := range item.Notices {
			fmt.Fprintf(&b, "    note: %s\n", Escape(notice))
		}
	}
	b.WriteString(Summary(p) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// remark stands behind a name and says why.
func remark(item restore.Item) string {
	switch item.Action {
	case restore.Kept:
		return " (kept: " + Escape(item.Reason) + ")"
	case restore.Unknown:
		return " (unknown: " + Escape(item.Reason) + ")"
	case restore.Create, restore.Update, restore.Delete, restore.None:
	}
	if item.Reason == "" {
		return ""
	}
	return " (" + Escape(item.Reason) + ")"
}

func difference(item restore.Item, d restore.Difference, reveal bool) string {
	live, wanted := strconv.Quote(d.Live), strconv.Quote(d.Wanted)
	if d.Value {
		live, wanted = strconv.Quote(d.LiveValue.Reveal()), strconv.Quote(d.WantedValue.Reveal())
		if secret(item, reveal) {
			if item.Action == restore.Update {
				return "(value differs)"
			}
			live, wanted = ssmbak.Mask, ssmbak.Mask
		}
	}
	switch {
	case item.Action == restore.Create:
		return wanted
	case item.Action == restore.Delete && d.NoLive:
		return "(not known)"
	case item.Action == restore.Delete:
		return live
	}
	if d.NoLive {
		live = "(none)"
	}
	if d.NoWanted {
		wanted = "(none)"
	}
	return live + " -> " + wanted
}

// Summary counts the actions of a plan in one line.
func Summary(p *restore.Plan) string {
	counts := []struct {
		action restore.Action
		words  string
	}{
		{restore.Create, "to create"},
		{restore.Update, "to update"},
		{restore.Delete, "to delete"},
		{restore.None, "unchanged"},
		{restore.Kept, "kept"},
		{restore.Unknown, "unknown"},
	}
	parts := make([]string, len(counts))
	for i, c := range counts {
		parts[i] = fmt.Sprintf("%d %s", p.Count(c.action), c.words)
	}
	return "plan: " + strings.Join(parts, ", ")
}
