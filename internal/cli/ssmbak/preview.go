package ssmbakcli

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// targetHelp explains NAME|PATH and TIME.
const targetHelp = `
An argument with a trailing slash, or with --recursive, is a path: its direct
children, or with --recursive everything below it. Any other argument is the
parameter with that name, or a path if there never was such a parameter. The ARN of
a parameter in the caller's account and region is accepted too.

` + timeHelp

type previewOptions struct {
	target    ssmbak.Target
	time      string
	recursive bool
	deleted   bool
	all       bool
}

func (a *app) newPreviewCommand() *cobra.Command {
	var o previewOptions
	cmd := &cobra.Command{
		Use:   "preview NAME|PATH TIME",
		Short: "Show the parameters at a time, from the archive only",
		Long:  "Show the parameters at a time, from the archive only." + "\n" + targetHelp + "\n" + selectorHelp,
		Example: `  ssmbak preview /app/db 2h
  ssmbak preview /app 2024-06-13T20:10:54Z --recursive --with-decryption
  ssmbak preview /app/ now --deleted --output json`,
		Args: a.orVersions(1, exactly("NAME|PATH", "TIME")),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if one, _ := a.selectors(args, 1); one != nil {
				return a.runPreviewVersion(cmd.Context(), one)
			}
			if o.target, err = a.target(args[0], o.recursive); err != nil {
				return err
			}
			o.time = args[1]
			return a.runPreview(cmd.Context(), o)
		},
	}
	addRecursive(cmd, &o.recursive)
	a.addSummary(cmd)
	cmd.Flags().BoolVar(&o.deleted, "deleted", false, "also show parameters that had been deleted by then")
	cmd.Flags().BoolVar(&o.all, "all", false, "also show parameters first recorded later")
	return cmd
}

// runPreviewVersion shows one version of a parameter.
func (a *app) runPreviewVersion(ctx context.Context, one []selector) error {
	v, state, problem, err := a.versionState(ctx, one)
	if err != nil {
		return err
	}
	var problems []archive.Problem
	if problem != nil {
		problems = append(problems, archive.Problem{Name: v.name, Err: problem})
	}
	shown := a.newStateRows()
	if err := errors.Join(shown.add(state, true), shown.close()); err != nil {
		return err
	}
	return a.problems(problems, shown.unfit)
}

func addRecursive(cmd *cobra.Command, recursive *bool) {
	cmd.Flags().BoolVarP(recursive, "recursive", "R", false, "everything below the path")
}

func (a *app) runPreview(ctx context.Context, o previewOptions) error {
	s, point, err := a.openAt(ctx, o.time)
	if err != nil {
		return err
	}
	at, r := point.At, s.archive.Read(o.target, point.At, a.values())
	snap, shown, within := &r.Snapshot, a.newStateRows(), second{point: point}
	deleted, later, states, recorded := 0, 0, 0, false
	for st, err := range r.States(ctx) {
		if err != nil {
			return err
		}
		states, recorded = states+1, recorded || st.Recorded()
		within.add(st)
		if !o.all && st.Certainty == ssmbak.Unknown && !st.Deleted && st.Version.Time == 0 {
			later++
			continue
		}
		gone := st.Deleted && st.Certainty != ssmbak.Unknown
		if gone && unborn(st, *snap) {
			continue
		}
		if gone {
			deleted++
		}
		if gone && !o.deleted {
			continue
		}
		if err := shown.add(st, recorded); err != nil {
			return err
		}
	}
	if err := a.noRecords(ctx, s, o.target, *snap, states, recorded); err != nil {
		return err
	}
	if a.flags.summary {
		sum := summaryOfStates(o.target.String(), shown.all)
		sum.At, sum.CompleteUpTo = at, snap.Complete
		err = a.printSummary(sum)
	} else {
		err = shown.close()
	}
	if err != nil {
		return err
	}
	if later > 0 {
		a.NoteFacts(shell.Facts{"Counts": shell.Facts{"unrecorded": later}, "At": at}, "%s first recorded after %s: whether %s existed then is unknown; use --all to show %s", shell.Count(later, "name was", "names were"), at, shell.Plural(later, "it", "they"), shell.Plural(later, "it", "them"))
	}
	within.note(a)
	switch {
	case deleted > 0 && !o.deleted:
		a.NoteFacts(shell.Counted("deleted", deleted), "%s deleted by then: use --deleted to show %s", shell.Count(deleted, "parameter was", "parameters were"), shell.Plural(deleted, "it", "them"))
	case shown.n == 0 && later == 0 && len(snap.Problems) == 0:
		a.Note("no parameters existed then")
	}
	a.noteCompleteness(snap.Complete, at, snap.Unchecked)
	return a.concluded(snap.Problems, shown.unfit, snap.Unproved)
}

// unborn reports whether a parameter that did not exist had not been created yet: it is
// absent since recording began, rather than since a deletion.
func unborn(st ssmbak.State, snap archive.Snapshot) bool { return st.Modified == snap.Since }

// problems prints which parameters could not be read completely, or have a value that JSON
// cannot represent, and returns the error.
func (a *app) problems(problems []archive.Problem, unfit []ssmbak.Name) error {
	n := len(problems) + len(unfit)
	hidden := a.noteProblems(problems)
	for _, name := range unfit {
		a.NoteFacts(shell.Facts{"Name": name}, "%s: its value is not UTF-8", name)
	}
	if n == 0 {
		return nil
	}
	hint := "the other parameters are not affected; older versions of an object may be intact"
	if slices.ContainsFunc(problems, func(p archive.Problem) bool { return errors.As(p.Err, new(*archive.NotReplicatedError)) }) {
		hint = "the other parameters are not affected; S3 may replicate the rest later, unless its source is gone"
	}
	if hidden {
		hint = hiddenHint
	}
	return shell.KindPartial.Part(hint, "%s not be read completely", shell.Count(n, "parameter could", "parameters could"))
}

// noRecords returns the error for a target of which the archive has no records at the time of
// a snapshot, nil if it has some. states counts its states, and recorded says that something
// was known about one of them.
func (a *app) noRecords(ctx context.Context, s *session, t ssmbak.Target, snap archive.Snapshot, states int, recorded bool) error {
	switch {
	case states+len(snap.Problems) == 0:
		a.noteUnchecked(snap.Unchecked)
		if err := a.unproved(snap.Unproved); err != nil {
			return err
		}
		return a.nothing(ctx, s, t)
	case !recorded && len(snap.Problems) == 0 && snap.Unproved.Empty():
		return a.before(ctx, s, t, snap.At)
	}
	return nil
}

// nothing returns the error for a target of which the archive has no records.
func (a *app) nothing(ctx context.Context, s *session, t ssmbak.Target) error {
	hint := "names are case-sensitive; run `ssmbak reconcile` to record all live parameters"
	if a.foreign {
		hint = "names are case-sensitive"
	}
	if !t.Recursive() {
		if deep, err := ssmbak.ParseTarget(t.Prefix(), true); err == nil {
			for _, err := range s.archive.Names(ctx, deep) {
				if err == nil {
					hint = "there are parameters further down: add --recursive"
				}
				break
			}
		}
	}
	return shell.KindNotFound.Fail(hint, "the archive in bucket %s has no records of %s", s.archive.Bucket(), t)
}

// before returns the error for a time before the first record of a target.
func (a *app) before(ctx context.Context, s *session, t ssmbak.Target, at ssmbak.Time) error {
	lines, err := s.archive.Timelines(ctx, t, ssmbak.MaxTime)
	if err != nil {
		return err
	}
	first := ssmbak.MaxTime
	for _, line := range lines.All {
		f := line.Facts()
		for _, v := range f.Versions {
			first = min(first, v.Time)
		}
		for _, d := range f.Deletions {
			first = min(first, ssmbak.Seconds(d.Second))
		}
		for _, tr := range f.MissedChanges {
			first = min(first, ssmbak.Seconds(tr.Second))
		}
		for _, o := range f.Legacy {
			second := o.Second
			if o.Deleted {
				second = o.LastModified.Second()
			}
			first = min(first, ssmbak.Seconds(second))
		}
	}
	hint := "its first record is from " + first.String()
	if lines.Since != 0 {
		hint += "; recording began at " + lines.Since.String()
	}
	return shell.KindNotFound.Fail(hint, "there are no records of %s at %s", t, at)
}
