package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/recorder"
)

type reconcileOptions struct {
	target ssmbak.Target
	dryRun bool
}

func (a *app) newReconcileCommand() *cobra.Command {
	var o reconcileOptions
	cmd := &cobra.Command{
		Use:   "reconcile [PATH]",
		Short: "Record what the archive lacks of what is live now",
		Long: `Look at every live parameter, or at those below a path, and record what the
archive lacks. A complete listing also proves that nothing was missed before it,
which preview then says. Parameter Store is never written to.`,
		Example: `  ssmbak reconcile
  ssmbak reconcile /app --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("PATH")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			path := "/"
			if len(args) > 0 {
				path = args[0]
			}
			if o.target, err = target(path, true); err != nil {
				return err
			}
			return a.runReconcile(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be recorded, and record nothing")
	return cmd
}

// reconciledRow is one parameter of a reconcile in JSON.
type reconciledRow struct {
	Name   ssmbak.Name
	Change string
	Error  *string
}

func (a *app) runReconcile(ctx context.Context, o reconcileOptions) error {
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	if !o.dryRun {
		if err := s.archive.Establish(ctx); err != nil {
			return err
		}
	}
	progress := render.NewProgress(ctx, a.env.Stderr, a.env.Terminal(a.env.Stderr), "reconcile")
	defer progress.Close()
	report, err := s.recorder(a).Reconcile(ctx, o.target, recorder.ReconcileOptions{DryRun: o.dryRun, Progress: progress.Set})
	progress.Close()
	if err != nil {
		return err
	}
	if err := a.printReport(report); err != nil {
		return err
	}
	would := ""
	if o.dryRun {
		would = "would have "
	}
	a.note("checked %d, %srecorded %d, deleted %d, unreadable %d, failed %d",
		report.Checked, would, len(report.Recorded), len(report.Deleted), len(report.Unreadable), len(report.Failed))
	if report.Complete {
		a.note("complete up to %s", report.Began)
	}
	switch n := len(report.Failed); {
	case n == 0:
		return nil
	case n == report.Checked:
		return fail("", "%s not be recorded", could(n))
	default:
		return partly("`ssmbak reconcile "+o.target.String()+"` tries again", "%s not be recorded", could(n))
	}
}

// printReport writes one line, or one object, for each parameter that is not as
// it was.
func (a *app) printReport(report recorder.Report) error {
	rows := []reconciledRow{}
	add := func(change string, names []ssmbak.Name) {
		for _, name := range names {
			rows = append(rows, reconciledRow{Name: name, Change: change})
		}
	}
	add("recorded", report.Recorded)
	add("deleted", report.Deleted)
	add("unreadable", report.Unreadable)
	for _, f := range report.Failed {
		text := reason(f.Err)
		rows = append(rows, reconciledRow{Name: f.Name, Change: "failed", Error: &text})
	}
	slices.SortStableFunc(rows, func(x, y reconciledRow) int { return cmp.Compare(x.Name, y.Name) })
	if a.json() {
		return render.JSON(a.env.Stdout, rows)
	}
	for _, row := range rows {
		line := row.Change + " " + row.Name.String()
		if row.Error != nil {
			line += ": " + *row.Error
		}
		if err := render.Text(a.env.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}
