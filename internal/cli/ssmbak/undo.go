package ssmbakcli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// shownRestores is how many restores undo lists without --all.
const shownRestores = 20

type undoOptions struct {
	restoreOptions
	id  string
	all bool
}

func (a *app) newUndoCommand() *cobra.Command {
	var o undoOptions
	cmd := &cobra.Command{
		Use:   "undo [ID]",
		Short: "List the restores, or take one back",
		Long: `List the restores that were made, the newest first; or, with ID, take one back:
what it changed becomes what it was right before, what it created is deleted,
and what it deleted is created again. The plan is shown first. What somebody
else changed since is refused and left alone.

It works after a restore that failed or was killed too, and is a restore
itself, which can be taken back in turn.`,
		Example: `  ssmbak undo
  ssmbak undo 20240613T201054Z-k3x9f2 --dry-run
  ssmbak undo 20240613T201054Z-k3x9f2 --yes`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("ID")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.runRestores(cmd.Context(), o.all)
			}
			o.id = args[0]
			return a.runUndo(cmd.Context(), o, "undo "+o.id+flagsGiven(cmd, "replace", "only", "exclude", "key-id"))
		},
	}
	o.addSomeFlags(cmd)
	o.addRunFlags(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, fmt.Sprintf("list all restores, not only the newest %d", shownRestores))
	return cmd
}

// runRestores lists the restores.
func (a *app) runRestores(ctx context.Context, all bool) error {
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	limit := shownRestores
	if all {
		limit = 0
	}
	restores, more, err := s.archive.RestoreRecords(ctx, limit)
	if err != nil {
		return err
	}
	if more > 0 {
		a.Note("%d older ones are not shown: --all shows them", more)
	}
	return a.Data(render.RestoreRows(restores), func(w io.Writer) error {
		if len(restores) == 0 {
			a.Note("nothing was restored yet")
			return nil
		}
		return render.Restores(w, restores)
	})
}

// runUndo takes a restore back.
func (a *app) runUndo(ctx context.Context, o undoOptions, arguments string) error {
	s, err := a.openToRestore(ctx, o.maxRate)
	if err != nil {
		return err
	}
	r, progress := a.restorer(s, o.restore(a), arguments, "ssmbak "+arguments+a.where())
	defer progress.Close()
	plan, err := r.Undo(ctx, o.id)
	if errors.Is(err, archive.ErrNoRestore) {
		return shell.Fail("`ssmbak undo` lists those that are", "no restore %s is recorded in bucket %s", o.id, s.archive.Bucket())
	}
	if err != nil {
		return err
	}
	a.noteLeftOut(nil, plan.Excluded)
	if o.dryRun {
		if err := a.printPlan(ctx, s, render.Title(plan, ""), render.Summary(plan), plan.Items); err != nil {
			return err
		}
		return a.problems(plan.Problems, nil)
	}
	if !a.asks(plan, o.restoreOptions) && a.Flags.Output == shell.Table {
		if err := render.Items(a.Stderr, render.Title(plan, ""), render.Summary(plan), plan.Items, render.PlanOptions{Reveal: a.flags.decrypt, Color: a.Color(a.Stderr)}); err != nil {
			return err
		}
	}
	return a.carryOut(ctx, s, r, plan, progress, o.restoreOptions, "ssmbak "+arguments+a.where())
}
