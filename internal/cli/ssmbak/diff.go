package ssmbakcli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

type diffOptions struct {
	planOptions
	until            string // TIME2, may be ""
	detailedExitCode bool
	requireComplete  bool
	out              string
}

func (a *app) newDiffCommand() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff NAME|PATH TIME [TIME2]",
		Short: "Show what a restore would do, or the changes between two times",
		Long: `Show what a restore to TIME would do, without changing any parameter; with
TIME2, show the changes from TIME to TIME2:
  +  create      ~  update      -/+  replace      -  delete
  =  keep, because it was created after TIME      ?  skip, because it is unknown
The options are those of restore. Live parameters that the archive does not have
yet are recorded first. A comparison of two times reads only the archive. If the first of
them is a mark and there is no NAME|PATH, all parameters are compared.
` + targetHelp + "\n" + selectorHelp,
		Example: `  ssmbak diff /app/db 2h
  ssmbak diff /app/db:3 /app/db:5
  ssmbak diff /app 2024-06-13T20:10:54Z --recursive --exact
  ssmbak diff /app/ 2d 1d
  ssmbak diff @deploy-41 @deploy-42
  ssmbak diff /app/ 1d --detailed-exitcode && echo nothing changed since`,
		Args: a.orVersions(2, func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 {
				return cmp.Or(swapped(args), oneArgument(args))
			}
			return exactly("NAME|PATH", "TIME")(cmd, args)
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, is := marked(args[0]); is && len(args) == 2 && isTime(args[1]) { // no parameter has such a name
				args, o.recursive = []string{"/", args[0], args[1]}, true
			}
			if err := o.aim(a, args); err != nil {
				return err
			}
			if len(args)+len(o.versions) < 3 {
				return a.runDiff(cmd.Context(), o, "diff", flagsGiven(cmd, planFlags...))
			}
			for _, flag := range onlyLive {
				if cmd.Flags().Changed(flag) {
					return shell.Usage("omit it, or omit the second time", "--%s has no effect on a comparison of two times", flag)
				}
			}
			if o.versions != nil {
				return a.runCompareVersions(cmd.Context(), o)
			}
			o.until = args[2]
			return a.runCompare(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	addRequireComplete(cmd, &o.requireComplete)
	a.addSummary(cmd)
	cmd.Flags().BoolVar(&o.detailedExitCode, "detailed-exitcode", false, "exit with 2 if there are differences")
	return cmd
}

// runDiff shows what a restore would do. verb is the command that was given, and flags are
// those that decide what the restore does.
func (a *app) runDiff(ctx context.Context, o diffOptions, verb, flags string) error {
	m, err := a.unlessVersions(o.planOptions)
	if err != nil {
		return err
	}
	s, err := a.openPlanned(ctx, o.intoOptions, planning, o.command(verb, m, flags))
	if err != nil {
		return err
	}
	ro := o.restore(a)
	s.from(&ro)
	point, err := a.aimed(ctx, s, &ro, o.planOptions, m)
	if err != nil {
		return err
	}
	at := point.At
	ro.By, ro.FindNew, ro.Brief = s.caller.ARN, true, true
	r := restore.New(s.own, s.live, s.syncer(a), ro)
	p, err := a.plan(ctx, s, r, o.target, at)
	if err != nil {
		return err
	}
	if err := a.printRestorePlan(ctx, s, p, o.to, o.out); err != nil {
		return err
	}
	a.noteSecondOf(point, p.Items)
	if o.out != "" {
		if err := a.writePlanFile(o.out, r.File(p)); err != nil {
			return err
		}
	}
	if o.versions == nil {
		a.noteCompleteness(p.Complete, at, p.Unchecked)
	}
	if err := a.concluded(p.Problems, nil, p.Unproved); err != nil {
		return err
	}
	if o.requireComplete && o.versions == nil {
		if err := a.incomplete(p.Complete, 0, at, p.Count(plan.ActionSkip) > 0, p.Unchecked); err != nil {
			return err
		}
	}
	if o.detailedExitCode && p.Changes() > 0 {
		return differences{}
	}
	return nil
}

// runCompare shows the changes between two times.
func (a *app) runCompare(ctx context.Context, o diffOptions) error {
	first, err := a.past(o.time)
	if err != nil {
		return err
	}
	second, err := a.past(o.until)
	if err != nil {
		return err
	}
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	begin, err := a.locate(ctx, s, first)
	if err != nil {
		return err
	}
	end, err := a.locate(ctx, s, second)
	if err != nil {
		return err
	}
	from, to := begin.At, end.At
	rows := a.newItemRows(s, render.ComparisonTitle(&restore.Comparison{Target: o.target, From: from, To: to}, a.view(a.Stdout)), false)
	rows.wait, rows.within.point = len(o.only)+len(o.exclude) > 0, end // a pattern that matches no name is an error
	c, err := restore.New(s.archive, s.live, nil, o.restore(a)).CompareEach(ctx, o.target, from, to, func(item plan.Item) error { return rows.add(ctx, item) })
	if err != nil {
		return err
	}
	a.noteLeftOut(c.SkippedOwn, c.Excluded)
	switch {
	case rows.n > 0 && c.TooEarly && len(c.Problems) == 0 && c.Unproved.Empty():
		return a.before(ctx, s, o.target, max(from, to))
	case rows.n+len(c.SkippedOwn)+c.Excluded == 0 && c.Unproved.Empty():
		name, _ := o.target.Name()
		switch {
		case c.Unchanged == 0:
			return a.nothing(ctx, s, o.target)
		case c.Absent:
			return a.absentThen(ctx, s, name, "%s did not exist at %s", name, from.String()+" and at "+to.String())
		}
	}
	if err := a.printComparison(ctx, c, rows); err != nil {
		return err
	}
	rows.within.note(a)
	earlier, last, uncertain := min(from, to), max(from, to), rows.count(plan.ActionSkip) > 0
	if rows.changes() == 0 && !uncertain && len(c.Problems) == 0 && len(c.SkippedOwn)+c.Excluded == 0 {
		a.noteNothingChanged(o.target, c.One, earlier, last, c.Complete, c.Unchecked)
	} else {
		a.noteCompleteness(c.Complete, last, c.Unchecked)
	}
	if err := a.concluded(c.Problems, nil, c.Unproved); err != nil {
		return err
	}
	if o.requireComplete {
		if err := a.incomplete(c.Complete, earlier, last, uncertain, c.Unchecked); err != nil {
			return err
		}
	}
	if o.detailedExitCode && rows.changes() > 0 {
		return differences{}
	}
	return nil
}

// unlessVersions parses the TIME of a plan that is not for a version.
func (a *app) unlessVersions(o planOptions) (moment, error) {
	if o.versions != nil {
		return moment{}, nil
	}
	return a.past(o.time)
}

// runCompareVersions shows the differences between two versions.
func (a *app) runCompareVersions(ctx context.Context, o diffOptions) error {
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	found, err := a.versions(ctx, s, o.versions)
	if err != nil {
		return err
	}
	from, to := found[0], found[1]
	c, err := restore.New(s.archive, s.live, nil, o.restore(a)).CompareVersions(ctx, from.line, from.name, from.Version, to.Version)
	if err != nil {
		return err
	}
	rows := a.newItemRows(s, render.ComparisonTitle(c, a.view(a.Stdout)), false)
	for _, item := range c.Items {
		if err := rows.add(ctx, item); err != nil {
			return err
		}
	}
	if err := a.printComparison(ctx, c, rows); err != nil {
		return err
	}
	if err := a.problems(c.Problems, nil); err != nil {
		return err
	}
	if o.detailedExitCode && c.Changes() > 0 {
		return differences{}
	}
	return nil
}
