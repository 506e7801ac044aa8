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

// shownRestores is the number of restores that undo lists without --all.
const shownRestores = 20

type undoOptions struct {
	restoreOptions
	id  string
	all bool
}

func (a *app) newUndoCommand() *cobra.Command {
	var o undoOptions
	cmd := &cobra.Command{
		Use:   "undo [ID|last]",
		Short: "List restores, or undo one",
		Long: `List restores, newest first; with ID, undo one: parameters that it changed return
to their previous state, parameters that it created are deleted, and parameters
that it deleted are created again. The plan is shown first. Parameters that have
changed since are refused.

ID may be the beginning of an ID that no other restore has. "last" is your newest
restore in place: its ID, age and path are shown first, and one that was undone
already, or partly, is refused.

Undo also works after a restore that failed or was killed. It is itself a restore,
which can be undone.`,
		Example: `  ssmbak undo
  ssmbak undo last
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
			return a.orUnchanged(cmd.Context(), a.runUndo(cmd.Context(), o, flagsGiven(cmd, "replace", "only", "exclude", "key-id")))
		},
	}
	o.addSomeFlags(cmd)
	o.addRunFlags(cmd)
	a.addSummary(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, fmt.Sprintf("list all restores instead of the newest %d", shownRestores))
	return cmd
}

// runRestores lists the restores.
func (a *app) runRestores(ctx context.Context, all bool) error {
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	if _, err := s.archive.Reconciled(ctx); err != nil { // it may be hidden
		return err
	}
	limit := shownRestores
	if all {
		limit = 0
	}
	restores, more, err := s.archive.RestoreRecords(ctx, limit)
	if err != nil && len(restores) == 0 {
		return err
	}
	if more > 0 {
		a.NoteFacts(shell.Counted("older", more), "%s not shown: use --all", shell.Count(more, "older restore is", "older restores are"))
	}
	printed := a.Data(render.RestoreRows(restores), func(w io.Writer) error {
		if len(restores) == 0 {
			a.Note("no restores yet")
			return nil
		}
		return render.Restores(w, restores, a.view(w))
	})
	return errors.Join(printed, err)
}

// runUndo undoes a restore. flags are those that decide what it does.
func (a *app) runUndo(ctx context.Context, o undoOptions, flags string) error {
	s, err := a.openToRestore(ctx, o.maxRate)
	if err != nil {
		return err
	}
	if o.id, err = a.restoreID(ctx, s, o.id); err != nil {
		return err
	}
	arguments := "undo " + o.id + flags
	ro := o.restore(a)
	ro.Message = o.message
	if err := a.openSource(ctx, s, &ro, o.id); err != nil {
		return err
	}
	r, progress := a.restorer(s, ro, arguments, "ssmbak "+arguments)
	defer progress.Close()
	p, err := r.Undo(ctx, o.id)
	if errors.Is(err, archive.ErrNoRestore) {
		return shell.KindNotFound.Fail("`ssmbak undo` lists the restores", "bucket %s has no record of restore %s", s.archive.Bucket(), o.id)
	}
	if err != nil {
		return err
	}
	a.noteUnchecked(p.Unchecked)
	a.noteLeftOut(nil, p.Excluded)
	if o.dryRun {
		if err := a.printRestorePlan(ctx, s, p, "", ""); err != nil {
			return err
		}
		return a.problems(p.Problems, nil)
	}
	if !a.asks(p, o.restoreOptions) && a.Flags.Output != shell.JSON {
		if err := render.Items(a.Stderr, render.Title(p, "", a.view(a.Stderr)), render.Summary(p), p.Items, a.view(a.Stderr)); err != nil {
			return err
		}
	}
	return a.carryOut(ctx, s, r, p, progress, o.restoreOptions, "ssmbak "+arguments)
}
