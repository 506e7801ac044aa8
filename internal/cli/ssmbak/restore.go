package ssmbakcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

type restoreOptions struct {
	planOptions
	dryRun, yes   bool
	allRows       bool
	out, planFile string
	anew          string // the command that makes the plan file anew
	maxRate       float64
}

func (o *restoreOptions) addRunFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and change nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.allRows, "all-rows", false, "list every parameter on a terminal, also those that did not change")
	f.Float64Var(&o.maxRate, "max-rate", 0, "write at most `N` times per second; without it, as often as the account allows")
}

func (a *app) newRestoreCommand() *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore NAME|PATH TIME",
		Short: "Bring parameters back to what they were at a time",
		Long: `Bring parameters back to what they were at a time: value, type, key, tier, data
type, description, pattern, policies, tags and labels. Only what differs is
written. What had been deleted by then is deleted again; what had not begun is
kept, unless --exact is given; what is unknown is left alone.

On a terminal a restore shows its plan and asks before it changes anything. It
asks nothing with --yes, with --output json, if CI is set, and where standard
input or standard error is no terminal; one that deletes or replaces, or is for
/, then needs --yes.

Ctrl-C starts nothing more: what was not sent is not done. A parameter that was
deleted to be created again is always created again first. A second Ctrl-C stops
at once, and says what is deleted at that moment.

With --dry-run --out FILE the plan is kept in a file, without any value; with
--plan FILE exactly that is applied, and what has moved since is refused.

Every restore has an id, and ` + "`ssmbak undo ID`" + ` takes it back.
` + targetHelp,
		Example: `  ssmbak restore /app/db 2h
  ssmbak restore /app 2024-06-13T20:10:54Z --recursive --dry-run
  ssmbak restore /app/ '2024-06-13 20:10:54' --exact --yes
  ssmbak restore /app 2h --recursive --to /copy
  ssmbak restore --plan plan.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.planFile == "" {
				return exactly("NAME|PATH", "TIME")(cmd, args)
			}
			if len(args) > 0 {
				return shell.Usage("leave it out: the plan says what is restored", "%q does not go with --plan", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.maxRate < 0 {
				return shell.Usage("give a number of writes per second, such as 3", "--max-rate %g is below zero", o.maxRate)
			}
			if o.planFile != "" {
				return a.runPlanFile(cmd, o)
			}
			if o.out != "" && !o.dryRun {
				return shell.Usage("add --dry-run: what is applied at once needs no file", "--out goes with --dry-run")
			}
			if o.out != "" && a.isStdout(o.out) && a.Flags.Output == shell.JSON {
				return shell.Usage("leave one of them out, or name a file", "--out %s and --output json both write to standard output", o.out)
			}
			if err := o.aim(a, args); err != nil {
				return err
			}
			if o.dryRun {
				return a.runDiff(cmd.Context(), diffOptions{planOptions: o.planOptions, out: o.out})
			}
			return a.runRestore(cmd.Context(), o, "restore "+shell.Quote(args[0])+" %s"+flagsGiven(cmd, planFlags...))
		},
	}
	o.addFlags(cmd)
	o.addRunFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "with --dry-run, keep the plan in this `FILE`; - is standard output")
	f.StringVar(&o.planFile, "plan", "", "apply the plan in this `FILE`; - is standard input, and needs --yes")
	return cmd
}

// planFlags are the flags that decide what a restore does.
var planFlags = []string{"recursive", "exact", "replace", "to", "only", "exclude", "key-id", "assume-last-known", "own"}

// runRestore plans a restore and carries it out. arguments are those of the same
// command, with %s for its time.
func (a *app) runRestore(ctx context.Context, o restoreOptions, arguments string) error {
	at, future, err := a.moment(o.time)
	if err != nil {
		return err
	}
	if future {
		now := a.Now()
		return shell.Usage("it is "+local(ssmbak.TimeOf(now), now)+" here, and a time without a zone means UTC", "%s is in the future", at)
	}
	s, err := a.openToRestore(ctx, o.maxRate)
	if err != nil {
		return err
	}
	arguments = fmt.Sprintf(arguments, at)
	r, progress := a.restorer(s, o.restore(a), arguments, "ssmbak "+arguments+a.where())
	defer progress.Close()
	made, err := a.plan(ctx, s, r, o.target, at)
	if err != nil {
		return err
	}
	a.noteSecondOf(o.time, at, made.Items)
	return a.carryOut(ctx, s, r, made, progress, o, "ssmbak "+arguments+a.where())
}

// runPlanFile applies a plan that was kept.
func (a *app) runPlanFile(cmd *cobra.Command, o restoreOptions) error {
	for _, flag := range append([]string{"dry-run", "out"}, planFlags...) {
		if cmd.Flags().Changed(flag) {
			return shell.Usage("leave it out: the plan was made with its own options", "--%s does not go with --plan", flag)
		}
	}
	if o.planFile == "-" && !o.yes {
		return shell.Usage("look at the plan, then add --yes", "--plan - reads the plan from standard input, so no question can be asked")
	}
	f, err := a.readPlanFile(o.planFile)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	s, err := a.openToRestore(ctx, o.maxRate)
	if err != nil {
		return err
	}
	a.Note("time %s, local %s", f.At, local(f.At, a.Now()))
	arguments := "restore --plan " + shell.Quote(o.planFile)
	same := "ssmbak restore " + shell.Quote(f.Target) + " " + f.At.String() + optionsOf(f) + a.where()
	o.to, o.anew = f.Options.To, same+" --dry-run --out "+shell.Quote(o.planFile)
	again := "ssmbak " + arguments + a.where()
	if o.planFile == "-" { // what was read cannot be read again
		again = same
	}
	options := o.restore(a)
	options.Options = f.Options
	r, progress := a.restorer(s, options, arguments, again)
	defer progress.Close()
	made, err := r.PlanFile(ctx, f)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, s, r, made, progress, o, again)
}

// openToRestore opens the archive and begins it where there is none: what is
// live is recorded before it is changed.
func (a *app) openToRestore(ctx context.Context, maxRate float64) (*session, error) {
	a.maxRate = maxRate
	s, err := a.open(ctx, writing)
	if err != nil {
		return nil, err
	}
	return s, s.archive.Establish(ctx)
}

// restorer returns what restores, and the progress that it shows. again is the
// command that finishes what an interrupted one left.
func (a *app) restorer(s *session, ro restore.Options, arguments, again string) (*restore.Restorer, render.Progress) {
	progress := a.NewProgress("restore")
	ro.By, ro.Arguments, ro.Progress = s.caller.ARN, arguments, progress.Set
	a.watch(&ro, again)
	return restore.New(s.archive, s.live, s.recorder(a), ro), progress
}

// carryOut asks where a plan has to be agreed to, applies it, and says what
// became of it. again is the command that finishes the rest.
func (a *app) carryOut(ctx context.Context, s *session, r *restore.Restorer, made *restore.Plan, progress render.Progress, o restoreOptions, again string) error {
	if err := a.agree(ctx, s, made, o); err != nil {
		return err
	}
	states, err := a.wanted(ctx, s, made.Items)
	if err != nil {
		return err
	}
	a.running.expect(made.Waits())
	progress.Start()
	end := a.onInterrupt(ctx)
	res, err := r.Apply(ctx, made)
	end()
	progress.Close()
	if err != nil && ctx.Err() != nil {
		return shell.Unchanged()
	}
	if err != nil {
		return err
	}
	if err := a.printOutcomes(res, states, a.Terminal(a.Stdout) && !o.allRows); err != nil {
		return err
	}
	err = a.conclude(made, res, again, o.anew)
	var f *shell.Failure
	switch {
	case ctx.Err() == nil:
		return err
	case err == nil:
		return &shell.Failure{Message: "interrupted, but everything had completed", Code: shell.Interrupted}
	case errors.As(err, &f):
		return &shell.Failure{Message: "interrupted: " + f.Message, Hint: f.Hint, Code: shell.Interrupted}
	}
	return err
}

// printOutcomes writes what a restore stands for, as preview does, with a note
// for what could not be done. brief leaves out what did not change in a table.
func (a *app) printOutcomes(res restore.Result, states []ssmbak.State, brief bool) error {
	rows := make([]render.Row, len(res.Outcomes))
	for i, o := range res.Outcomes {
		o.Item.After = states[i]
		failed := ""
		if o.Err != nil {
			failed = reason(o.Err)
		}
		rows[i] = render.OutcomeRowOf(o, res.ID, failed, a.flags.decrypt)
	}
	return a.Data(rows, func(w io.Writer) error { return a.writeOutcomes(w, res.Outcomes, states, brief) })
}

func (a *app) writeOutcomes(w io.Writer, outcomes []plan.Outcome, states []ssmbak.State, brief bool) error {
	var shown []ssmbak.State
	var notes []string
	var statuses []plan.Status
	for i, o := range outcomes {
		// What is not there, then as now, is no part of the picture.
		if states[i].Deleted && (o.Item.Action == plan.ActionNone || o.Item.Action == plan.ActionKept) {
			continue
		}
		if brief && o.Status == plan.StatusUnchanged {
			continue
		}
		st, note := states[i], ""
		switch {
		case o.Item.Action == plan.ActionUnknown:
			note = "(unknown: " + o.Item.Reason + ")"
			if st.Deleted {
				st = ssmbak.State{Name: st.Name} // that it was not there is not known
			}
		case o.Err != nil:
			note = "(" + reason(o.Err) + ")"
		}
		shown, notes, statuses = append(shown, st), append(notes, note), append(statuses, o.Status)
	}
	if len(shown) == 0 {
		return nil
	}
	return render.Restored(w, shown, a.flags.decrypt, statuses, notes)
}

// conclude says what was done, and what is left to do: again finishes it, and anew
// plans it anew where what was kept in a file is out of date.
func (a *app) conclude(made *restore.Plan, res restore.Result, again, anew string) error {
	var restored, deleted, unchanged, refused, failed, idle int
	var cause error
	first := "" // hint of what failed
	for _, o := range res.Outcomes {
		var notBegun *restore.NotBegunError
		if errors.As(o.Err, &notBegun) {
			cause = notBegun.Cause
			idle++
			continue
		}
		switch o.Status {
		case plan.StatusRestored, plan.StatusDeleted:
			if o.Status == plan.StatusDeleted {
				deleted++
			} else {
				restored++
			}
			for _, notice := range o.Item.Notices {
				a.Note("note: %s: %s", o.Item.Name, notice)
			}
		case plan.StatusUnchanged:
			if o.Item.Action != plan.ActionKept {
				unchanged++
			}
		case plan.StatusRefused:
			refused++
			a.Note("refused: %s: %s", o.Item.Name, reason(o.Err))
		case plan.StatusFailed:
			failed++
			a.Note("failed: %s: %s", o.Item.Name, reason(o.Err))
			if _, hint, ok := shell.ExplainAWS(o.Err); ok && first == "" {
				first = hint + "; "
			}
		}
	}
	if idle > 0 {
		a.Note("not begun: %s, since %s", shell.Count(idle, "parameter", "parameters"), ended(cause))
	}
	kept := made.Count(plan.ActionKept)
	a.Note("restored %d, deleted %d, unchanged %d, kept %d, refused %d, failed %d",
		restored, deleted, unchanged, kept, refused, failed+idle)
	if slices.ContainsFunc(res.Outcomes, func(o plan.Outcome) bool { return o.Changed }) {
		a.Note("`ssmbak undo %s%s` takes this back", res.ID, a.where())
	}
	if res.Unrecorded != nil {
		a.Note("what became of it is not in its record: %s", reason(res.Unrecorded))
	}
	bad := refused + failed + idle
	if bad == 0 {
		return a.concluded(made.Problems, nil, made.Unproved)
	}
	_ = a.unproved(made.Unproved) // its notes: the exit code is no better
	for _, p := range made.Problems {
		a.Note("%s: %s", p.Name, reason(p.Err))
	}
	hint := first + remedies(made, res, again)
	switch {
	case bad == made.Count(plan.ActionUnknown):
		hint = beforeUnknown(made) + "unknown parameters are skipped: `ssmbak preview` shows what is known of them"
		if slices.ContainsFunc(made.Items, lastKnown) {
			hint += ", --assume-last-known acts on the last known state"
		}
	case failed+idle == 0 && anew != "":
		hint = "`" + anew + "` makes a new plan of what was refused"
	}
	if restored+deleted+unchanged+kept == 0 {
		return shell.Fail(hint, "%s not be brought back", shell.Count(bad, "parameter could", "parameters could"))
	}
	return shell.Part(hint, "%s not be brought back", shell.Count(bad, "parameter could", "parameters could"))
}

// lastKnown reports whether a state that is unknown has a last known one.
func lastKnown(item plan.Item) bool {
	return item.Action == plan.ActionUnknown && (item.After.Deleted || item.After.Version.Time != 0)
}

// remedies says what helps where something was refused or failed, "" where nothing
// does. again is the command that was given.
func remedies(made *restore.Plan, res restore.Result, again string) string {
	helps := make(map[plan.Remedy]bool)
	for _, o := range res.Outcomes {
		remedy := o.Remedy
		if made.Undoes != "" && remedy == plan.RemedyRerun && o.Status == plan.StatusRefused {
			continue // somebody changed it since the restore
		}
		helps[remedy] = true
	}
	var all []string
	if helps[plan.RemedyRerun] {
		all = append(all, "`"+again+"` finishes the rest and writes nothing twice")
	}
	if helps[plan.RemedyReplace] {
		all = append(all, "`"+again+" --replace` also deletes and recreates what cannot be changed in place")
	}
	if helps[plan.RemedyFix] {
		all = append(all, "fix the cause, then rerun `"+again+"`")
	}
	return strings.Join(all, "; ")
}

// noteBusy says what a write waits for.
func (a *app) noteBusy(parameter, message string) {
	if message == "" {
		message = "other writes of it are under way"
	}
	a.Note("waiting for %s: Parameter Store answers TooManyUpdates (%s), and is asked again for %d minutes", parameter, message, int(paramstore.BusyPatience.Minutes()))
}

// ended says why a restore began nothing more.
func ended(cause error) string {
	if errors.Is(cause, context.Canceled) {
		return "it was interrupted"
	}
	return reason(cause)
}
