package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/restore"
)

type restoreOptions struct {
	planOptions
	dryRun, yes bool
}

func (a *app) newRestoreCommand() *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore NAME|PATH TIME",
		Short: "Bring parameters back to what they were at a time",
		Long: `Bring parameters back to what they were at a time: value, type, key, tier, data
type, description, pattern, policies and tags. Only what differs is written.
What had been deleted by then is deleted again; what had not begun is kept,
unless --exact is given; what is unknown is left alone. A restore that deletes,
or is for /, asks first, or needs --yes where there is no terminal.

Every restore can be taken back by another one to the moment before it.
` + targetHelp,
		Example: `  ssmbak restore /app/db 2h
  ssmbak restore /app 2024-06-13T20:10:54Z --recursive --dry-run
  ssmbak restore /app/ '2024-06-13 20:10:54' --exact --yes`,
		Args: exactly("NAME|PATH", "TIME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.aim(args); err != nil {
				return err
			}
			if o.dryRun {
				return a.runDiff(cmd.Context(), diffOptions{planOptions: o.planOptions})
			}
			return a.runRestore(cmd.Context(), o, cmd.CommandPath()+" "+rerun(args[0], cmd))
		},
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, as diff does, and change nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	return cmd
}

// rerun returns the arguments with which the same restore is started again,
// with %s for its time.
func rerun(name string, cmd *cobra.Command) string {
	text := name + " %s"
	for _, flag := range []string{"recursive", "exact", "assume-last-known", "own"} {
		if cmd.Flags().Changed(flag) {
			text += " --" + flag
		}
	}
	return text
}

func (a *app) runRestore(ctx context.Context, o restoreOptions, again string) error {
	at, future, err := a.moment(o.time)
	if err != nil {
		return err
	}
	if future {
		now := a.env.Now()
		return usage("it is "+local(ssmbak.TimeOf(now), now)+" here, and a time without a zone means UTC", "%s is in the future", at)
	}
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	// What is live is recorded before it is changed, so there must be an archive.
	if err := s.archive.Establish(ctx); err != nil {
		return err
	}
	rec := s.recorder(a)
	plan, err := a.plan(ctx, s, o.planOptions, at, rec)
	if err != nil {
		return err
	}
	if plan.Asks() && changes(plan) > 0 && !o.yes {
		if err := a.ask(ctx, plan); err != nil {
			return err
		}
	}
	states, err := a.wanted(ctx, s, plan)
	if err != nil {
		return err
	}
	progress := render.NewProgress(ctx, a.env.Stderr, a.env.Terminal(a.env.Stderr), "restore")
	defer progress.Close()
	ro := o.restore(a)
	ro.Progress = progress.Set
	outcomes, err := restore.New(s.archive, s.live, rec, ro).Apply(ctx, plan)
	progress.Close()
	if err != nil {
		return err
	}
	if err := a.printOutcomes(outcomes, states); err != nil {
		return err
	}
	return a.conclude(plan, outcomes, fmt.Sprintf(again, at))
}

// ask shows a plan and returns nil if a person agrees to it.
func (a *app) ask(ctx context.Context, plan *restore.Plan) error {
	why := "a restore of " + plan.Target.String() + " may concern everything"
	if n := plan.Count(restore.Delete); n > 0 {
		why = "this restore deletes " + parameters(n)
	}
	if !a.env.Terminal(a.env.Stdin) {
		return fail("look at it with --dry-run, then add --yes; nothing was changed", "%s, and there is no terminal to ask on", why)
	}
	if err := render.Plan(a.env.Stderr, plan, render.PlanOptions{Reveal: a.flags.decrypt, Color: a.color()}); err != nil {
		return err
	}
	fmt.Fprintf(a.env.Stderr, "%s. Go on? Only yes is taken for it: ", why)
	answer, err := readLine(ctx, a.env.Stdin)
	if err != nil {
		return err
	}
	if answer != "yes" {
		return fail("nothing was changed", "the answer was not yes")
	}
	return nil
}

// readLine reads one line, or stops waiting when ctx ends.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r).ReadString('\n') // no answer is no yes
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line := <-lines:
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// wanted returns the wanted state of each item, with the values that are to be
// shown. A plan itself reads only those that it compares.
func (a *app) wanted(ctx context.Context, s *session, plan *restore.Plan) ([]ssmbak.State, error) {
	states := make([]ssmbak.State, len(plan.Items))
	var lacking []int
	for i, item := range plan.Items {
		st := item.Wanted
		st.Name = item.Name
		states[i] = st
		if !st.HasValue && st.NoValue == "" && !st.Deleted && st.Version.Time != 0 && !render.Masked(st.Version.Type, a.flags.decrypt) {
			lacking = append(lacking, i)
		}
	}
	if len(lacking) == 0 {
		return states, nil
	}
	snap, err := s.archive.At(ctx, plan.Target, plan.At, a.values())
	if err != nil {
		return nil, err
	}
	read := make(map[ssmbak.Name]ssmbak.State, len(snap.States))
	for _, st := range snap.States {
		read[st.Name] = st
	}
	for _, i := range lacking {
		if st := read[states[i].Name]; st.Version.Number == states[i].Version.Number && st.Version.Time == states[i].Version.Time {
			states[i].Value, states[i].HasValue, states[i].NoValue = st.Value, st.HasValue, st.NoValue
		}
	}
	return states, nil
}

// printOutcomes writes what a restore stands for, as preview does, with a note
// for what could not be done.
func (a *app) printOutcomes(outcomes []restore.Outcome, states []ssmbak.State) error {
	if a.json() {
		rows := make([]render.OutcomeRow, len(outcomes))
		for i, o := range outcomes {
			o.Item.Wanted = states[i]
			failed := ""
			if o.Err != nil {
				failed = reason(o.Err)
			}
			rows[i] = render.OutcomeRowOf(o, failed, a.flags.decrypt)
		}
		return render.JSON(a.env.Stdout, rows)
	}
	var shown []ssmbak.State
	var notes []string
	for i, o := range outcomes {
		// What is not there, then as now, is no part of the picture.
		if states[i].Deleted && (o.Item.Action == restore.None || o.Item.Action == restore.Kept) {
			continue
		}
		st, note := states[i], ""
		switch {
		case o.Item.Action == restore.Unknown:
			note = "(unknown: " + o.Item.Reason + ")"
			if st.Deleted {
				st = ssmbak.State{Name: st.Name} // that it was not there is not known
			}
		case o.Err != nil:
			note = "(" + string(o.Status) + ": " + reason(o.Err) + ")"
		}
		shown, notes = append(shown, st), append(notes, note)
	}
	if len(shown) == 0 {
		return nil
	}
	return render.Noted(a.env.Stdout, shown, a.flags.decrypt, func(i int) string { return notes[i] })
}

// conclude says what was done, and what is left to do.
func (a *app) conclude(plan *restore.Plan, outcomes []restore.Outcome, again string) error {
	var restored, deleted, unchanged, refused, failed int
	first := "" // hint of what failed
	for _, o := range outcomes {
		switch o.Status {
		case restore.Restored:
			if o.Item.Action == restore.Delete {
				deleted++
			} else {
				restored++
			}
			for _, notice := range o.Item.Notices {
				a.note("note: %s: %s", o.Item.Name, notice)
			}
		case restore.Unchanged:
			if o.Item.Action != restore.Kept {
				unchanged++
			}
		case restore.Refused:
			refused++
			a.note("refused: %s: %s", o.Item.Name, reason(o.Err))
		case restore.Failed:
			failed++
			a.note("failed: %s: %s", o.Item.Name, reason(o.Err))
			if _, hint, ok := awsconn.Explain(o.Err); ok && first == "" {
				first = hint + "; "
			}
		}
	}
	a.note("restored %d, deleted %d, unchanged %d, kept %d, refused %d, failed %d",
		restored, deleted, unchanged, plan.Count(restore.Kept), refused, failed)
	bad := refused + failed
	if bad == 0 {
		return a.problems(plan.Problems, nil)
	}
	for _, p := range plan.Problems {
		a.note("%s: %s", p.Name, reason(p.Err))
	}
	hint := first + "`" + again + "` finishes the rest and writes nothing twice"
	if bad == plan.Count(restore.Unknown) {
		hint = "what is unknown is left alone: `ssmbak preview` shows what is known of it, --assume-last-known acts on that"
	}
	if restored+deleted+unchanged+plan.Count(restore.Kept) == 0 {
		return fail(hint, "%s not be brought back", could(bad))
	}
	return partly(hint, "%s not be brought back", could(bad))
}
