package ssmbakcli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// planOptions are the options of diff and restore that determine the plan.
type planOptions struct {
	target          ssmbak.Target
	time            string
	versions        []selector // instead of time, nil for none
	recursive       bool
	exact           bool
	replace         bool
	assumeLastKnown bool
	own             bool
	to, keyID       string
	keyMap          []string
	only, exclude   []string
	intoOptions
}

// onlyLive are the flags that have no effect on a comparison of two times.
var onlyLive = []string{"exact", "replace", "to", "key-id", "key-map", "into", "own-bucket", "without-archive"}

func (o *planOptions) addFlags(cmd *cobra.Command) {
	addRecursive(cmd, &o.recursive)
	f := cmd.Flags()
	f.BoolVar(&o.exact, "exact", false, "also delete parameters created after TIME (kept by default)")
	f.StringVar(&o.to, "to", "", "restore to copies below this `PREFIX` instead")
	f.StringArrayVar(&o.keyMap, "key-map", nil, "encrypt every SecureString whose recorded KMS key is OLD with NEW: `OLD=NEW`; may be repeated, and goes before --key-id")
	o.intoOptions.addFlags(cmd)
	f.BoolVar(&o.assumeLastKnown, "assume-last-known", false, "where the state is unknown, use the last known state")
	o.addOwn(cmd)
	o.addSomeFlags(cmd)
}

func (o *planOptions) addOwn(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.own, "own", false, "include the parameters that name ssmbak's bucket, /newvoll/ssmbak/*")
}

// addSomeFlags adds the flags that revert and undo have too.
func (o *planOptions) addSomeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.replace, "replace", false, "delete and recreate parameters that cannot be changed in place (advanced to standard tier, type or data type changes)")
	f.StringVar(&o.keyID, "key-id", "", "encrypt every SecureString with this KMS `KEY` instead of its recorded one")
	o.addPatterns(cmd)
}

func (o *planOptions) addPatterns(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.only, "only", nil, "only parameters that match this `GLOB`: 'db*' (last level), /app/db (and below), '*/db/host' (any depth), '/app/**/db'; may be repeated")
	f.StringArrayVar(&o.exclude, "exclude", nil, "skip parameters that match this `GLOB`, see --only; may be repeated")
}

func (o *planOptions) aim(a *app, args []string) (err error) {
	for _, text := range slices.Concat([]string{o.to}, o.only, o.exclude) {
		if err := rewritten(text); err != nil {
			return err
		}
	}
	if _, err := o.keys(); err != nil {
		return err
	}
	if err := o.intoOptions.check(a); err != nil {
		return err
	}
	if o.versions, err = a.selectors(args, len(args)); err != nil {
		return err
	}
	if o.versions != nil {
		o.target = ssmbak.NameTarget(o.versions[0].name)
		if o.recursive || o.exact {
			return shell.Usage("omit it", "--recursive and --exact have no effect on one version of a parameter")
		}
		return nil
	}
	o.target, err = a.target(args[0], o.recursive)
	o.time = args[1]
	return err
}

func (o *planOptions) restore(a *app) restore.Options {
	keys, _ := o.keys() // checked by aim
	return restore.Options{Options: plan.Options{
		AssumeLastKnown: o.assumeLastKnown, Exact: o.exact, Replace: o.replace, Own: o.own, To: o.to, KeyID: o.keyID, KeyMap: keys, Only: o.only, Exclude: o.exclude,
	}, Recreation: a.env.Recreation, Logger: a.Log}
}

// keys returns the keys of --key-map, nil for none.
func (o *planOptions) keys() (map[string]string, error) {
	var keys map[string]string
	for _, text := range o.keyMap {
		before, after, ok := strings.Cut(text, "=")
		if !ok || before == "" || after == "" {
			return nil, shell.Usage("give the recorded key and the new one, as in --key-map alias/old=alias/new", "--key-map %q must be OLD=NEW", text)
		}
		if keys == nil {
			keys = make(map[string]string)
		}
		if _, twice := keys[before]; twice {
			return nil, shell.Usage("omit one of them", "--key-map names %s twice", before)
		}
		keys[before] = after
	}
	return keys, nil
}

// command returns the command that makes the plan for a moment, with flags.
func (o *planOptions) command(verb string, m moment, flags string) string {
	what := o.target.String() + " " + o.time
	switch {
	case o.versions != nil:
		what = o.versions[0].String()
	case m.mark == "":
		what = o.target.String() + " " + m.At.String()
	}
	return "ssmbak " + verb + " " + what + flags
}

// flagsGiven returns the named flags that are set, as on the command line.
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

// syncer returns the recorder that records live parameters for a plan. It is nil if the
// bucket has no archive yet: only commands that write create one.
func (s *session) syncer(a *app) restore.Syncer {
	if s.own == nil {
		return nil
	}
	if _, ok := s.own.Identity(); !ok {
		a.Note("this bucket holds no archive yet, so live values cannot be saved before they are overwritten; run `ssmbak reconcile` first")
		return nil
	}
	return s.recorder(a)
}

// plan makes a plan. If the plan is empty, it returns an error with the reason.
func (a *app) plan(ctx context.Context, s *session, r *restore.Restorer, target ssmbak.Target, at ssmbak.Time) (*restore.Plan, error) {
	p, err := r.Plan(ctx, target, at)
	if err != nil {
		return nil, err
	}
	a.noteSkipped(p)
	if p.Unlisted > 0 {
		a.NoteFacts(shell.Counted("unlisted", p.Unlisted), "kept %s first recorded after that time: whether %s existed then is unknown, because no complete listing is that old", shell.Count(p.Unlisted, "parameter", "parameters"), shell.Plural(p.Unlisted, "it", "they"))
	}
	if p.UnreadAttributes > 0 {
		a.NoteFacts(shell.Counted("unread", p.UnreadAttributes), "compared the tags and labels of %s only with those in the archive: `ssmbak reconcile --deep` reads all of them", shell.Count(p.UnreadAttributes, "parameter", "parameters"))
	}
	if concerned(p) {
		if len(p.Items) > 0 && len(p.Problems) == 0 && p.Unproved.Empty() && allBefore(p.Items) {
			return nil, a.before(ctx, s, target, at)
		}
		if name, possible := target.Name(); possible && len(p.Items) == 1 && p.Items[0].Name == name && nowhere(&p.Items[0]) {
			return nil, a.absentThen(ctx, s, name, "%s did not exist at %s, and does not exist now", name, at)
		}
		return p, nil
	}
	return p, a.anything(ctx, s, target, at.String())
}

// concerned reports whether there is anything that a plan is about.
func concerned(p *restore.Plan) bool {
	return len(p.Items)+len(p.Problems)+len(p.SkippedOwn)+len(p.Unrecorded)+p.Excluded > 0 || !p.Unproved.Empty()
}

// noteSkipped prints which parameters a plan skips, and what it cannot restore of those
// that it does not change.
func (a *app) noteSkipped(p *restore.Plan) {
	a.noteLeftOut(p.SkippedOwn, p.Excluded)
	if n := len(p.Unrecorded); n > 0 {
		a.NoteFacts(shell.Facts{"Counts": shell.Facts{"unrecorded": n}, "Name": p.Unrecorded[0]}, "skipped %s excluded from recording (%s)", shell.Count(n, "parameter", "parameters"), p.Unrecorded[0])
	}
	a.noteUnchanged(p.Items)
}

// nowhere reports whether a parameter did not exist at the time and does not now.
func nowhere(item *plan.Item) bool {
	return item.Action == plan.ActionNone && item.Before == nil && item.After.Deleted
}

// noteLeftOut prints which parameters were skipped.
func (a *app) noteLeftOut(own []ssmbak.Name, excluded int) {
	if n := len(own); n > 0 {
		a.NoteFacts(shell.Facts{"Names": own}, "skipped %s of ssmbak itself: use --own to include %s", shell.Count(n, "parameter", "parameters"), shell.Plural(n, "it", "them"))
	}
	if excluded > 0 {
		a.NoteFacts(shell.Counted("excluded", excluded), "skipped %s because of --only and --exclude", shell.Count(excluded, "parameter", "parameters"))
	}
}

// noteUnchanged prints what cannot be restored of parameters that are otherwise
// unchanged.
func (a *app) noteUnchanged(items []plan.Item) {
	for _, item := range items {
		if item.Action != plan.ActionNone {
			continue
		}
		for _, notice := range item.Notices {
			a.NoteFacts(shell.Facts{"Name": item.Name, "Notice": notice}, "note: %s: %s", item.Name, notice)
		}
	}
}

// anything returns an error if the archive has no records of the target, or if the
// target is one parameter. when is the time at which it did not exist.
func (a *app) anything(ctx context.Context, s *session, target ssmbak.Target, when string) error {
	lines, err := s.archive.Timelines(ctx, target, ssmbak.MaxTime)
	if err != nil {
		return err
	}
	if len(lines.All)+len(lines.Problems) == 0 {
		return a.nothing(ctx, s, target)
	}
	if name, possible := target.Name(); possible && lines.One {
		return a.absentThen(ctx, s, name, "%s did not exist at %s", name, when)
	}
	return nil // all parameters were created later and have been deleted
}

// allBefore reports whether the time is before the first record of every item.
func allBefore(items []plan.Item) bool {
	return !slices.ContainsFunc(items, func(item plan.Item) bool {
		w := item.After
		return item.Action != plan.ActionSkip || w.Deleted || w.Version.Time != 0
	})
}
