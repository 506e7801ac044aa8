package ssmbakcli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// planOptions are what diff and restore have in common: all that decides what a
// restore does.
type planOptions struct {
	target          ssmbak.Target
	time            string
	recursive       bool
	exact           bool
	replace         bool
	assumeLastKnown bool
	own             bool
	to, keyID       string
	only, exclude   []string
}

// onlyLive are the flags that mean nothing between two times.
var onlyLive = []string{"exact", "replace", "to", "key-id"}

func (o *planOptions) addFlags(cmd *cobra.Command) {
	addRecursive(cmd, &o.recursive)
	f := cmd.Flags()
	f.BoolVar(&o.exact, "exact", false, "delete also what had not begun by then, which is kept otherwise")
	f.StringVar(&o.to, "to", "", "restore below this `PREFIX` instead, beside what is there")
	f.BoolVar(&o.assumeLastKnown, "assume-last-known", false, "take the last known state for the true one where it is unknown")
	f.BoolVar(&o.own, "own", false, "include the parameters that name ssmbak's bucket, /newvoll/ssmbak/*")
	o.addSomeFlags(cmd)
}

// addSomeFlags adds those that undo has too.
func (o *planOptions) addSomeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.replace, "replace", false, "delete and create anew what cannot be changed in place: from the advanced tier to the standard one, another type or data type")
	f.StringVar(&o.keyID, "key-id", "", "the KMS `KEY` of every SecureString that is written, instead of its own")
	f.StringArrayVar(&o.only, "only", nil, "only names that match this `GLOB`: 'db*' the last level, /app/db it and all below, '*/db/host' at any depth, '/app/**/db'; may be repeated")
	f.StringArrayVar(&o.exclude, "exclude", nil, "no names that match this `GLOB`, see --only; may be repeated")
}

func (o *planOptions) aim(a *app, args []string) (err error) {
	for _, text := range slices.Concat([]string{o.to}, o.only, o.exclude) {
		if err := rewritten(text); err != nil {
			return err
		}
	}
	o.target, err = a.target(args[0], o.recursive)
	o.time = args[1]
	return err
}

func (o *planOptions) restore(a *app) restore.Options {
	return restore.Options{Options: plan.Options{AssumeLastKnown: o.assumeLastKnown, Exact: o.exact, Replace: o.replace, Own: o.own, To: o.to, KeyID: o.keyID, Only: o.only, Exclude: o.exclude}, Recreation: a.env.Recreation, Logger: a.Log}
}

// flagsGiven returns the flags of a command that were given, as they are typed.
func flagsGiven(cmd *cobra.Command, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		values := []string{f.Value.String()}
		if all, err := cmd.Flags().GetStringArray(name); err == nil {
			values = all
		}
		for _, value := range values {
			b.WriteString(" --" + name)
			if f.Value.Type() != "bool" {
				b.WriteString(" " + shell.Quote(value))
			}
		}
	}
	return b.String()
}

// syncer returns what records live parameters while a plan is made: nothing
// where there is no archive of ours yet, since only a command that was asked to
// write begins one.
func (s *session) syncer(a *app) restore.Syncer {
	if _, ok := s.archive.Identity(); !ok {
		a.Note("nothing of what is live can be recorded: `ssmbak reconcile` begins an archive in this bucket")
		return nil
	}
	return s.recorder(a)
}

// plan makes a plan and explains the cases in which there is nothing in it.
func (a *app) plan(ctx context.Context, s *session, r *restore.Restorer, target ssmbak.Target, at ssmbak.Time) (*restore.Plan, error) {
	made, err := r.Plan(ctx, target, at)
	if err != nil {
		return nil, err
	}
	a.noteLeftOut(made.LeftOut, made.Excluded)
	if n := len(made.Unrecorded); n > 0 {
		a.Note("%s left out, since the recorder does: %s", shell.Count(n, "parameter was", "parameters were"), made.Unrecorded[0])
	}
	a.noteUnchanged(made.Items)
	if made.Unlisted > 0 {
		a.Note("kept %s first recorded after that time; whether %s existed then is not known: no complete listing is that old", shell.Count(made.Unlisted, "parameter", "parameters"), shell.Plural(made.Unlisted, "it", "they"))
	}
	if made.Trusted > 0 {
		a.Note("tags and labels of %s in which nothing else differs were not read: `ssmbak reconcile --deep` compares those of all", shell.Count(made.Trusted, "parameter", "parameters"))
	}
	if len(made.Items)+len(made.Problems)+len(made.LeftOut)+len(made.Unrecorded)+made.Excluded > 0 || !made.Unproved.Empty() {
		if len(made.Items) > 0 && len(made.Problems) == 0 && made.Unproved.Empty() && allBefore(made.Items) {
			return nil, a.before(ctx, s, target, at)
		}
		if name, possible := target.Name(); possible && len(made.Items) == 1 && made.Items[0].Name == name && nowhere(&made.Items[0]) {
			return nil, a.absentThen(ctx, s, name, "%s did not exist at %s, and does not exist now", name, at)
		}
		return made, nil
	}
	return made, a.anything(ctx, s, target, at.String())
}

// nowhere reports whether a parameter was not there at the moment and is not now.
func nowhere(item *plan.Item) bool {
	return item.Action == plan.ActionNone && item.Before == nil && item.After.Deleted
}

// noteLeftOut says what is no part of the answer.
func (a *app) noteLeftOut(own []ssmbak.Name, excluded int) {
	if n := len(own); n > 0 {
		a.Note("%s left out, since the name of ssmbak's bucket stands there: --own includes %s", shell.Count(n, "parameter was", "parameters were"), shell.Plural(n, "it", "them"))
	}
	if excluded > 0 {
		a.Note("%s left out by --only and --exclude", shell.Count(excluded, "parameter was", "parameters were"))
	}
}

// noteUnchanged says what cannot come back of parameters that are as they should
// be otherwise.
func (a *app) noteUnchanged(items []plan.Item) {
	for _, item := range items {
		if item.Action != plan.ActionNone {
			continue
		}
		for _, notice := range item.Notices {
			a.Note("note: %s: %s", item.Name, notice)
		}
	}
}

// anything returns an error if the archive holds nothing of the target, or if
// that is one parameter; when says when that did not exist.
func (a *app) anything(ctx context.Context, s *session, target ssmbak.Target, when string) error {
	lines, err := s.archive.Timelines(ctx, target)
	if err != nil {
		return err
	}
	if len(lines.All)+len(lines.Problems) == 0 {
		return a.nothing(ctx, s, target)
	}
	if name, possible := target.Name(); possible && lines.One {
		return a.absentThen(ctx, s, name, "%s did not exist at %s", name, when)
	}
	return nil // all of it began later and is gone again
}

// allBefore reports whether nothing was known at the moment of any of the items.
func allBefore(items []plan.Item) bool {
	return !slices.ContainsFunc(items, func(item plan.Item) bool {
		w := item.After
		return item.Action != plan.ActionUnknown || w.Deleted || w.Version.Time != 0
	})
}

// printPlan writes a plan as lines, or as JSON.
func (a *app) printPlan(ctx context.Context, s *session, title, summary string, items []plan.Item) error {
	if a.Flags.Output == shell.Table {
		return render.Items(a.Stdout, title, summary, items, render.PlanOptions{Reveal: a.flags.decrypt, Color: a.Color(a.Stdout)})
	}
	states, err := a.wanted(ctx, s, items)
	if err != nil {
		return err
	}
	rows := make([]render.Row, len(items))
	for i, item := range items {
		item.After = states[i]
		item.Notices = slices.Concat(item.Notices, item.Warnings)
		rows[i] = render.PlannedRowOf(item, a.flags.decrypt)
	}
	a.Note("%s: %s", title, summary)
	return render.JSON(a.Stdout, rows)
}

// wanted returns the wanted state of each item, with the values that are to be
// shown. A plan itself reads only those that it compares.
func (a *app) wanted(ctx context.Context, s *session, items []plan.Item) ([]ssmbak.State, error) {
	states := make([]ssmbak.State, len(items))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i, item := range items {
		st := &states[i]
		*st = item.After
		st.Name = item.Name
		if st.Value.IsKnown() || st.Value.Reason != "" || st.Deleted || len(item.AfterObjects) == 0 || render.Masked(st.Version.Type, a.flags.decrypt) {
			continue
		}
		g.Go(func() error {
			source := item.Name
			if item.Source != "" {
				source = item.Source
			}
			v, err := s.archive.Value(gctx, source, item.AfterObjects)
			switch {
			case errors.Is(err, archive.ErrExpired):
				st.Value.Reason = archive.ErrExpired.Error()
			case archive.Lost(err):
				st.Value.Reason = "the value object is damaged"
			case err != nil:
				return err
			default:
				st.Value = ssmbak.Know(v, ssmbak.Proved)
			}
			return nil
		})
	}
	return states, g.Wait()
}
