package ssmbakcli

import (
	"io"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// printSets writes the sets of changes, newest first.
func (a *app) printSets(changes []ssmbak.Change, o logOptions) error {
	sets := changeset.Group(changes, o.gap)
	rows := make([]render.SetRow, 0, len(sets))
	for i, s := range slices.Backward(sets) {
		if !o.isBy(s.By) || len(o.operations) > 0 && !slices.ContainsFunc(s.Changes, o.matches) {
			continue
		}
		row := render.SetRowOf(s)
		row.Set = len(sets) - i
		for _, j := range s.Overlaps {
			row.Overlaps = append(row.Overlaps, len(sets)-j)
		}
		slices.Sort(row.Overlaps)
		begin, recursive := " "+shell.Quote(s.Path())+" "+row.Before, ""
		if len(row.Names) > 1 {
			recursive = " --recursive"
		}
		times := begin + " " + s.Done().String() + recursive
		row.Compare = "ssmbak diff" + times + a.where()
		if !a.foreign { // nothing there can be compared with live parameters, or reverted, from here
			live := "ssmbak diff" + begin + recursive + " --exact" + a.where()
			command := "ssmbak revert" + times + shell.Given("by", s.By) + a.where()
			row.Live, row.Revert = &live, &command
		}
		if rows = append(rows, row); len(rows) == o.most {
			break
		}
	}
	if o.reverse {
		slices.Reverse(rows)
	}
	err := a.Data(rows, func(io.Writer) error {
		return a.Paged(func(w io.Writer) error { return render.Sets(w, rows, a.view(a.Stdout)) })
	})
	if err == nil && len(rows) > 0 && a.Flags.Output == shell.Table {
		a.Note("as a report: `%s`", o.report())
	}
	return err
}

// report returns the command that writes the sets of the same period, up to its own time unless
// there is --until, as a report.
func (o *logOptions) report() string {
	command := "ssmbak log " + shell.Quote(o.target.String())
	if o.recursive {
		command += " --recursive"
	}
	if o.from != 0 {
		command += " --since " + o.from.String()
	}
	if o.until != "" {
		command += " --until " + o.to.String()
	}
	return command + " --sets --output markdown"
}
