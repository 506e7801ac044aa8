package ssmbakcli

import (
	"context"
	"io"
	"slices"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// printSets writes the sets of changes, newest first.
func (a *app) printSets(ctx context.Context, s *session, changes archive.Changes, o logOptions) error {
	sets, made := changeset.Group(slices.Collect(changes.All()), o.gap), a.madeBy(ctx, s, changes)
	rows := make([]render.SetRow, 0, len(sets))
	for i, set := range slices.Backward(sets) {
		if !o.isBy(set.By) || len(o.operations) > 0 && !slices.ContainsFunc(set.Changes, o.matches) {
			continue
		}
		row := render.SetRowOf(set)
		row.Set = len(sets) - i
		for _, j := range set.Overlaps {
			row.Overlaps = append(row.Overlaps, len(sets)-j)
		}
		slices.Sort(row.Overlaps)
		for _, c := range set.Changes {
			if r := made(c); r != nil {
				row.AddRestore(r)
			}
		}
		begin, recursive := " "+shell.Quote(set.Path())+" "+row.Before, ""
		if len(row.Names) > 1 {
			recursive = " --recursive"
		}
		times := begin + " " + set.Done().String() + recursive
		row.Compare = "ssmbak diff" + times + a.where()
		if !a.foreign { // nothing there can be compared with live parameters, or reverted, from here
			live := "ssmbak diff" + begin + recursive + " --exact" + a.where()
			command := "ssmbak revert" + times + shell.Given("by", set.By) + a.where()
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
