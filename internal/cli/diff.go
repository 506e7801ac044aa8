package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/restore"
)

// planOptions are what diff and restore have in common.
type planOptions struct {
	target          ssmbak.Target
	time            string
	recursive       bool
	exact           bool
	assumeLastKnown bool
	own             bool
}

func (o *planOptions) addFlags(cmd *cobra.Command) {
	addRecursive(cmd, &o.recursive)
	f := cmd.Flags()
	f.BoolVar(&o.exact, "exact", false, "delete also what had not begun by then, which is kept otherwise")
	f.BoolVar(&o.assumeLastKnown, "assume-last-known", false, "take the last known state for the true one where it is unknown")
	f.BoolVar(&o.own, "own", false, "include the parameters that name ssmbak's bucket, /ssmbak/* and /newvoll/ssmbak/*")
}

func (o *planOptions) aim(args []string) (err error) {
	o.target, err = target(args[0], o.recursive)
	o.time = args[1]
	return err
}

func (o *planOptions) restore(a *app) restore.Options {
	return restore.Options{AssumeLastKnown: o.assumeLastKnown, Exact: o.exact, Own: o.own, Logger: a.log}
}

type diffOptions struct {
	planOptions
	detailedExitCode bool
}

func (a *app) newDiffCommand() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff NAME|PATH TIME",
		Short: "Show what a restore would do now",
		Long: `Show what a restore to a time would do now, and change no parameter:
  +  create      ~  update      -  delete
  =  kept: it had not begun by then      ?  unknown: it is left alone
What Parameter Store holds and the archive does not yet is recorded first.
` + targetHelp,
		Example: `  ssmbak diff /app/db 2h
  ssmbak diff /app 2024-06-13T20:10:54Z --recursive --exact
  ssmbak diff /app/ 1d --detailed-exitcode && echo nothing changed since`,
		Args: exactly("NAME|PATH", "TIME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.aim(args); err != nil {
				return err
			}
			return a.runDiff(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.detailedExitCode, "detailed-exitcode", false, "exit with 2 if there are differences")
	return cmd
}

func (a *app) runDiff(ctx context.Context, o diffOptions) error {
	at, err := a.past(o.time)
	if err != nil {
		return err
	}
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	plan, err := a.plan(ctx, s, o.planOptions, at, s.syncer(a))
	if err != nil {
		return err
	}
	if err := a.printPlan(ctx, s, plan); err != nil {
		return err
	}
	a.noteCompleteness(plan.Complete, at)
	if err := a.problems(plan.Problems, nil); err != nil {
		return err
	}
	if o.detailedExitCode && changes(plan) > 0 {
		return differences{}
	}
	return nil
}

// syncer returns what records live parameters while a plan is made: nothing
// where there is no archive of ours yet, since only a command that was asked to
// write begins one.
func (s *session) syncer(a *app) restore.Syncer {
	if _, ok := s.archive.Identity(); !ok {
		a.note("nothing of what is live can be recorded: `ssmbak reconcile` begins an archive in this bucket")
		return nil
	}
	return s.recorder(a)
}

// plan makes a plan and explains the cases in which there is nothing in it.
func (a *app) plan(ctx context.Context, s *session, o planOptions, at ssmbak.Time, sync restore.Syncer) (*restore.Plan, error) {
	plan, err := restore.New(s.archive, s.live, sync, o.restore(a)).Plan(ctx, o.target, at)
	if err != nil {
		return nil, err
	}
	if n := len(plan.LeftOut); n > 0 {
		a.note("%s left out, since the name of ssmbak's bucket stands there: --own includes %s", were(n), them(n))
	}
	if len(plan.Items)+len(plan.Problems)+len(plan.LeftOut) > 0 {
		if len(plan.Items) > 0 && len(plan.Problems) == 0 && allBefore(plan) {
			return nil, a.before(ctx, s, o.target, at)
		}
		return plan, nil
	}
	lines, err := s.archive.Timelines(ctx, o.target)
	if err != nil {
		return nil, err
	}
	if len(lines.All)+len(lines.Problems) == 0 {
		return nil, a.nothing(ctx, s, o.target)
	}
	return plan, nil // all of it began later and is gone again
}

// allBefore reports whether nothing was known at the moment of anything in the
// plan.
func allBefore(p *restore.Plan) bool {
	for _, item := range p.Items {
		w := item.Wanted
		if item.Action != restore.Unknown || w.Deleted || w.Version.Time != 0 {
			return false
		}
	}
	return true
}

// printPlan writes a plan as lines, or as JSON.
func (a *app) printPlan(ctx context.Context, s *session, p *restore.Plan) error {
	if !a.json() {
		return render.Plan(a.env.Stdout, p, render.PlanOptions{Reveal: a.flags.decrypt, Color: a.color()})
	}
	states, err := a.wanted(ctx, s, p)
	if err != nil {
		return err
	}
	rows := make([]render.PlannedRow, len(p.Items))
	for i, item := range p.Items {
		item.Wanted = states[i]
		rows[i] = render.PlannedRowOf(item, a.flags.decrypt)
	}
	a.note("%s", render.Summary(p))
	return render.JSON(a.env.Stdout, rows)
}

// changes counts what a plan would write.
func changes(p *restore.Plan) int {
	return p.Count(restore.Create) + p.Count(restore.Update) + p.Count(restore.Delete)
}

// parameters puts a number of parameters into words.
func parameters(n int) string {
	if n == 1 {
		return "1 parameter"
	}
	return fmt.Sprintf("%d parameters", n)
}
