package ssmbakcli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

type restoreOptions struct {
	planOptions
	dryRun, yes   bool
	permissions   bool // with --check: ask whether they suffice
	allRows       bool
	message       string
	out, planFile string
	planDigest    string // the SHA-256 that the plan file must have, "" for any
	replan        string // the command that creates the plan file again
	maxRate       float64
}

func (o *restoreOptions) addRunFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, without doing it")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask for confirmation")
	f.StringVarP(&o.message, "message", "m", "", "keep this `TEXT` in the restore's record, for undo and log")
	f.BoolVar(&o.allRows, "all-rows", false, "on a terminal, list every parameter, including unchanged ones")
	f.Float64Var(&o.maxRate, "max-rate", 0, "write at most `N` times per second; default: as often as the account allows")
}

func (o *restoreOptions) addPlanFileFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "with --dry-run, write the plan to this `FILE`; - means standard output")
	f.StringVar(&o.planFile, "plan", "", "apply the plan in this `FILE`; - means standard input, and requires --yes")
	f.StringVar(&o.planDigest, "plan-sha256", "", "refuse a plan file whose SHA-256 is not `HEX`")
}

// check returns an error for flags that are invalid or exclude each other.
func (o *restoreOptions) check(a *app) error {
	switch {
	case o.maxRate < 0:
		return shell.Usage("use a number of writes per second, such as 3", "--max-rate %g must not be negative", o.maxRate)
	case o.planFile != "":
	case o.planDigest != "":
		return shell.Usage("name the plan file with --plan", "--plan-sha256 goes with --plan")
	case o.out != "" && !o.dryRun:
		return shell.Usage("add --dry-run, or omit --out", "--out requires --dry-run")
	case o.out != "" && a.isStdout(o.out) && a.Flags.Output == shell.JSON:
		return shell.Usage("omit one of them, or give a file name", "--out %s and --output json both write to standard output", o.out)
	}
	return nil
}

// besidesPlan returns an error for arguments that are given in addition to --plan.
func besidesPlan(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return shell.Usage("omit it: the plan determines what is restored", "%q cannot be combined with --plan", args[0])
}

func (a *app) newRestoreCommand() *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore NAME|PATH TIME",
		Short: "Restore parameters to their state at a time",
		Long: `Restore parameters to their state at a time: value, type, key, tier, data type,
description, allowed pattern, policies, tags and labels. Only differences are
written. Parameters that had been deleted by then are deleted; parameters created
later are kept unless --exact is given; unknown parameters are skipped.

On a terminal, restore shows the plan and asks for confirmation. It does not ask
with --yes, with --output json, if CI is set, or if standard input or standard
error is not a terminal; a restore that deletes or replaces parameters, or a
restore of /, then requires --yes.

After Ctrl-C no further parameters are started. Those in progress are completed,
including the creation of a parameter that was deleted to be replaced. A second
Ctrl-C stops immediately and lists the parameters that are deleted at that time.

--dry-run --out FILE writes the plan to a file, without values. --plan FILE applies
exactly that plan, and refuses parameters that have changed since. --plan FILE
--dry-run shows the options of the plan and what it would do now.

--check asks IAM, by iam:SimulatePrincipalPolicy, and KMS whether your role or user
may do everything that a restore needs, and lists what is missing. It changes
nothing, and takes no TIME if the parameters of today are meant. With --into, it asks
about a restore from the archive in --bucket, with the keys that it would use.

--into ACCOUNT/REGION restores from the archive in --bucket, of any account and region or a
copy, into the caller's own Parameter Store, which that must be. The archive of the
caller records it; --without-archive does without one, and then there is no undo. A
SecureString with a customer key needs --key-map or --key-id. Values that name the account
or region of the archive are listed; nothing in them is translated.

Every restore has an ID; ` + "`ssmbak undo ID`" + ` undoes it.
` + targetHelp + "\n" + selectorHelp,
		Example: `  ssmbak restore /app/db 2h
  ssmbak restore /app/db:3
  ssmbak restore /app 2024-06-13T20:10:54Z --recursive --dry-run
  ssmbak restore /app/ '2024-06-13 20:10:54' --exact --yes
  ssmbak restore /app 2h --recursive --to /copy
  ssmbak restore /app --recursive --check
  ssmbak restore --plan plan.json
  ssmbak restore /app 2h --recursive --bucket COPY --into 123456789012/eu-west-1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.permissions && o.planFile == "" && len(args) == 1 {
				return nil // without TIME, for the present
			}
			if o.planFile == "" {
				return a.orVersions(1, exactly("NAME|PATH", "TIME"))(cmd, args)
			}
			return besidesPlan(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(a); err != nil {
				return err
			}
			if o.permissions {
				return a.runCheck(cmd, o, args)
			}
			if o.planFile != "" {
				return a.orUnchanged(cmd.Context(), a.runPlanFile(cmd, o))
			}
			if err := o.aim(a, args); err != nil {
				return err
			}
			if o.dryRun {
				return a.runDiff(cmd.Context(), diffOptions{planOptions: o.planOptions, out: o.out}, "restore", flagsGiven(cmd, planFlags...))
			}
			return a.orUnchanged(cmd.Context(), a.runRestore(cmd.Context(), o, args[0], flagsGiven(cmd, planFlags...)))
		},
	}
	o.addFlags(cmd)
	o.addRunFlags(cmd)
	o.addPlanFileFlags(cmd)
	a.addSummary(cmd)
	cmd.Flags().BoolVar(&o.permissions, "check", false, "ask IAM and KMS whether you could restore it, at TIME or now, and list what is missing; change nothing")
	return cmd
}

// planFlags are the flags that decide what a restore does.
var planFlags = []string{"recursive", "exact", "replace", "to", "only", "exclude", "key-id", "key-map", "assume-last-known", "own", "into", "own-bucket", "without-archive"}

// runRestore plans and applies a restore. what is its first argument, and flags are those
// that decide what it does.
func (a *app) runRestore(ctx context.Context, o restoreOptions, what, flags string) error {
	m, err := moment{}, error(nil)
	if o.versions == nil {
		m, err = a.moment(o.time)
	}
	if err == nil {
		err = a.refuseFuture("", m.Point)
	}
	if err != nil {
		return err
	}
	a.maxRate = o.maxRate
	s, err := a.openPlanned(ctx, o.intoOptions, writing, o.command("restore", m, flags))
	if err != nil {
		return err
	}
	ro := o.restore(a)
	ro.Message = o.message
	s.from(&ro)
	point, err := a.aimed(ctx, s, &ro, o.planOptions, m)
	if err != nil {
		return err
	}
	at := point.At
	if o.versions != nil {
		what = o.target.String()
	} else if err := a.refuseFuture("", point); err != nil { // the clock may be behind that of a mark
		return err
	}
	arguments := "restore " + planned(what, at, ro.Options) + flags
	again := "ssmbak " + arguments // printed with the flags of this run
	if s.into {
		arguments += shell.Given("bucket", a.flags.bucket)
	}
	r, progress := a.restorer(s, ro, arguments, again)
	defer progress.Close()
	p, err := a.plan(ctx, s, r, o.target, at)
	if err != nil {
		return err
	}
	a.noteUnchecked(p.Unchecked)
	a.noteSecondOf(point, p.Items)
	return a.carryOut(ctx, s, r, p, progress, o, again)
}

// openToRestore opens the archive, or creates it, because live parameters are recorded
// before they are changed.
func (a *app) openToRestore(ctx context.Context, maxRate float64) (*session, error) {
	a.maxRate = maxRate
	s, err := a.open(ctx, writing)
	if err != nil {
		return nil, err
	}
	return s, s.archive.Establish(ctx)
}

// restorer returns a restorer and its progress bar. again is the command that finishes
// an interrupted restore.
func (a *app) restorer(s *session, ro restore.Options, arguments, again string) (*restore.Restorer, render.Progress) {
	progress := a.NewProgress("restore")
	ro.By, ro.Arguments, ro.Progress = s.caller.ARN, arguments, progress.Set
	if s.own == nil {
		a.watch(&ro, again, nil)
		return restore.New(nil, s.live, nil, ro), progress
	}
	a.watch(&ro, again, func(id string) string { return a.undoing(s, id) })
	return restore.New(s.own, s.live, s.recorder(a), ro), progress
}

// carryOut asks for confirmation if necessary, applies a plan, and prints its results.
// again is the command that finishes the rest.
func (a *app) carryOut(ctx context.Context, s *session, r *restore.Restorer, p *restore.Plan, progress render.Progress, o restoreOptions, again string) error {
	if err := a.agree(ctx, s, p, o); err != nil {
		return err
	}
	states, err := a.wanted(ctx, s, p.Items, true)
	if err != nil {
		return err
	}
	a.running.begin(p.Waits())
	progress.Start()
	end := a.onInterrupt(ctx)
	res, err := r.Apply(ctx, p)
	end()
	progress.Close()
	if err != nil && ctx.Err() != nil {
		return shell.Unchanged()
	}
	if err != nil {
		return err
	}
	if a.flags.summary {
		err = a.printSummary(summaryOfResult(p, res))
	} else {
		err = a.printOutcomes(p, res, states, a.Terminal(a.Stdout) && !o.allRows)
	}
	if err != nil {
		return err
	}
	err = a.conclude(s, p, res, again, o.replan)
	var f *shell.Failure
	switch {
	case ctx.Err() == nil:
		return err
	case err == nil:
		return &shell.Failure{Message: "interrupted, but everything had completed", Code: shell.Interrupted}
	case errors.As(err, &f):
		var hints []string
		if !slices.ContainsFunc(res.Outcomes, func(o plan.Outcome) bool { return o.Changed }) {
			hints = append(hints, "nothing was changed")
		}
		if f.Hint != "" {
			hints = append(hints, f.Hint)
		}
		return &shell.Failure{Message: "interrupted: " + f.Message, Hint: strings.Join(hints, "; "), Code: shell.Interrupted}
	}
	return err
}

// printOutcomes writes the restored states, as preview does, with a note for each
// failure. With brief, a table omits unchanged parameters.
func (a *app) printOutcomes(p *restore.Plan, res restore.Result, states []ssmbak.State, brief bool) error {
	rows := make([]render.Row, len(res.Outcomes))
	for i, o := range res.Outcomes {
		o.Item.After = states[i]
		failed, code := "", shell.Kind("")
		if o.Err != nil {
			failed, code = reason(o.Err), outcomeCode(p, o)
		}
		rows[i] = render.OutcomeRowOf(o, res.ID, failed, string(code), a.flags.decrypt)
	}
	return a.Data(rows, func(w io.Writer) error { return a.writeOutcomes(w, res.Outcomes, states, brief) })
}

func (a *app) writeOutcomes(w io.Writer, outcomes []plan.Outcome, states []ssmbak.State, brief bool) error {
	var shown []ssmbak.State
	var notes []string
	var statuses []plan.Status
	for i, o := range outcomes {
		// Skip parameters that did not exist then and do not exist now.
		if states[i].Deleted && (o.Item.Action == plan.ActionNone || o.Item.Action == plan.ActionKeep) {
			continue
		}
		if brief && o.Status == plan.StatusUnchanged {
			continue
		}
		st, note := states[i], ""
		switch {
		case o.Item.Action == plan.ActionSkip:
			note = "(skipped: " + o.Item.Reason + ")"
			if st.Deleted {
				st = ssmbak.State{Name: st.Name} // its absence is unknown
			}
		case o.Err != nil:
			note = "(" + reason(o.Err) + ")"
		}
		shown, notes, statuses = append(shown, st), append(notes, note), append(statuses, o.Status)
	}
	if len(shown) == 0 {
		return nil
	}
	return render.Restored(w, shown, a.view(w), statuses, notes)
}
