package ssmbakcli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

type revertOptions struct {
	restoreOptions
	until string // TO
	by    []string
}

func (a *app) newRevertCommand() *cobra.Command {
	var o revertOptions
	cmd := &cobra.Command{
		Use:   "revert NAME|PATH FROM TO",
		Short: "Take back what changed between two times",
		Long: `Take back what changed after FROM, up to and including TO, and nothing else. Each
of these units of a parameter becomes what it was at FROM if it is still as it was
at TO: whether it exists; the value with type, key, data type and pattern; the tier
with policies; the description; each tag; each label. A unit that changed since is
a conflict: it is listed, with who changed it and when, and is not touched. While
the value is in conflict, only tags and labels are changed. A parameter that was
created in between is deleted only if all of it is as at TO. Unknown parameters are
skipped.

--replace deletes and recreates a parameter whose tier or data type cannot be changed
in place, unless it would lose a label that is not taken back. --key-id KEY encrypts
every SecureString whose value is taken back, or that is created, with another key.

--by PATTERN takes back only what matching principals changed: a parameter that
another or an unknown principal changed in between is a conflict.

On a terminal, revert shows the plan and asks for confirmation, as restore does. It
is recorded like a restore; ` + "`ssmbak undo ID`" + ` undoes it. --dry-run --out FILE writes
the plan to a file, and --plan FILE applies exactly that plan. With conflicts the
exit code is 3.
` + targetHelp + "\nFROM and TO are TIMEs. `ssmbak log PATH --recursive --sets` prints the revert of each set of\nchanges.\n",
		Example: `  ssmbak revert /app before:14:03:11.120 14:05 --recursive --dry-run
  ssmbak revert /app/db before:@deploy-42 now
  ssmbak revert /app/ 2h 1h --by alice -m 'bad deploy'
  ssmbak revert --plan plan.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.planFile == "" {
				return exactly("NAME|PATH", "FROM", "TO")(cmd, args)
			}
			return besidesPlan(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(a); err != nil {
				return err
			}
			if o.planFile != "" {
				return a.orUnchanged(cmd.Context(), a.runPlanFile(cmd, o.restoreOptions))
			}
			for _, text := range append(o.only, o.exclude...) {
				if err := rewritten(text); err != nil {
					return err
				}
			}
			var err error
			if o.target, err = a.target(args[0], o.recursive); err != nil {
				return err
			}
			o.time, o.until = args[1], args[2]
			return a.orUnchanged(cmd.Context(), a.runRevert(cmd.Context(), o, args[0], flagsGiven(cmd, revertFlags...)))
		},
	}
	addRecursive(cmd, &o.recursive)
	f := cmd.Flags()
	f.StringArrayVar(&o.by, "by", nil, "only what principals that match this `PATTERN` changed: alice, 'user/*', a role, or an ARN; may be repeated")
	o.addOwn(cmd)
	o.addSomeFlags(cmd)
	o.addRunFlags(cmd)
	o.addPlanFileFlags(cmd)
	a.addSummary(cmd)
	return cmd
}

// revertFlags are the flags that decide what a revert does.
var revertFlags = []string{"recursive", "by", "replace", "only", "exclude", "key-id", "own"}

// notReverted are flags of restore that a revert does not have, with what to do instead.
var notReverted = map[string]string{
	"exact":             "omit it: a revert deletes what was created in between, if nothing changed it since",
	"to":                "a revert changes parameters in place; `ssmbak restore NAME|PATH TIME --to PREFIX` makes copies",
	"into":              "a revert takes back changes where they were made; `ssmbak restore NAME|PATH TIME --into ACCOUNT/REGION` restores from another archive",
	"assume-last-known": "a revert skips what is unknown at FROM or TO; `ssmbak restore NAME|PATH TIME --assume-last-known` restores the last known state",
}

// runRevert plans a revert and applies or shows it. what is its first argument, and flags
// are those that decide what it does.
func (a *app) runRevert(ctx context.Context, o revertOptions, what, flags string) error {
	var moments [2]moment
	for i, text := range []string{o.time, o.until} {
		m, err := a.moment(text)
		if err == nil {
			err = a.refuseFuture("", m.Point)
		}
		if err != nil {
			return err
		}
		moments[i] = m
	}
	open := a.openToRestore
	if o.dryRun {
		open = func(ctx context.Context, _ float64) (*session, error) { return a.open(ctx, planning) }
	}
	s, err := open(ctx, o.maxRate)
	if err != nil {
		return err
	}
	var points [2]ssmbak.Point
	for i, m := range moments {
		if points[i], err = a.locate(ctx, s, m); err != nil {
			return err
		}
		if err := a.refuseFuture("", points[i]); err != nil { // the clock may be behind that of a mark
			return err
		}
	}
	from, to := points[0].At, points[1].At
	if from >= to {
		return shell.Usage("give the earlier time first: nothing changed between a time and itself", "FROM %s is not before TO %s", from, to)
	}
	arguments := "revert " + shell.Quote(what) + " " + from.String() + " " + to.String() + flags
	ro := o.restore(a)
	ro.Message, ro.Principals = o.message, o.by
	if o.dryRun {
		ro.By = s.caller.ARN
		r := restore.New(s.archive, s.live, s.syncer(a), ro)
		p, err := a.planRevert(ctx, s, r, o.target, from, to)
		if err != nil {
			return err
		}
		a.noteSecondOf(points[0], p.Items)
		return a.showRevert(ctx, s, r, p, o)
	}
	r, progress := a.restorer(s, ro, arguments, "ssmbak "+arguments)
	defer progress.Close()
	p, err := a.planRevert(ctx, s, r, o.target, from, to)
	if err != nil {
		return err
	}
	a.noteUnchecked(p.Unchecked)
	a.noteSecondOf(points[0], p.Items)
	return a.carryOut(ctx, s, r, p, progress, o.restoreOptions, "ssmbak "+arguments)
}

// planRevert makes a plan. If the archive has nothing of the target at these times, it
// returns an error with the reason.
func (a *app) planRevert(ctx context.Context, s *session, r *restore.Restorer, target ssmbak.Target, from, to ssmbak.Time) (*restore.Plan, error) {
	p, err := r.Revert(ctx, target, from, to)
	if err != nil {
		return nil, err
	}
	a.noteSkipped(p)
	switch {
	case !concerned(p):
		return p, a.anything(ctx, s, target, from.String()+" and at "+to.String())
	case len(p.Items) > 0 && len(p.Problems) == 0 && p.Unproved.Empty() && allBefore(p.Items):
		return nil, a.before(ctx, s, target, from)
	case p.Changes()+p.Conflicts()+p.Count(plan.ActionSkip) == 0:
		a.NoteFacts(shell.Facts{"From": from, "Until": to}, "nothing is left to take back between %s and %s", from, to)
	}
	return p, nil
}

// showRevert shows a plan, and writes it to a file with --out.
func (a *app) showRevert(ctx context.Context, s *session, r *restore.Restorer, p *restore.Plan, o revertOptions) error {
	if err := a.printRestorePlan(ctx, s, p, "", o.out); err != nil {
		return err
	}
	if o.out != "" {
		if err := a.writePlanFile(o.out, r.File(p)); err != nil {
			return err
		}
	}
	a.noteCompleteness(p.Complete, p.Until, p.Unchecked)
	return a.foreseen(p)
}

// foreseen returns the error of a plan that is only shown, nil if there is none.
func (a *app) foreseen(p *restore.Plan) error {
	if err := a.concluded(p.Problems, nil, p.Unproved); err != nil {
		return err
	}
	return conflicted(p)
}
