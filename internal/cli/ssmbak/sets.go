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
		times := " " + shell.Quote(s.Path()) + " " + row.Before + " " + s.Done().String()
		if len(row.Names) > 1 {
			times += " --recursive"
		}
		row.Compare = "ssmbak diff" + times + a.where()
		if !a.foreign { // nothing there can be reverted from here
			command := "ssmbak revert" + times + shell.Given("by", s.By) + a.where()
			row.Revert = &command
		}
		if rows = append(rows, row); len(rows) == o.most {
			break
		}
	}
	if o.reverse {
		slices.Reverse(rows)
	}
	return a.Data(rows, func(io.Writer) error {
		return a.Paged(func(w io.Writer) error { return render.Sets(w, rows, a.view(a.Stdout)) })
	})
}
