package ssmbakcli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

type logOptions struct {
	logFilter
	target                        ssmbak.Target
	recursive                     bool
	since, until                  string
	from, to                      ssmbak.Time // since and until, zero if they are not given
	patch, reverse, oneline, sets bool
	gap                           time.Duration
	requireComplete               bool
}

func (a *app) newLogCommand() *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log NAME|PATH",
		Short: "Show every recorded change, newest first",
		Long: `Show every recorded change, newest first: time, operation, version, principal,
known gaps, and which restore of ssmbak made it. Without --patch it does not read
values. A change whose time is uncertain is shown as "between" two times, and is
included if it may have happened in the requested period. Every time that is shown
is valid as TIME: at that time the change has happened; with before: in front of it,
it has not. A time without a fraction has a precision of one second.

Marks are shown in their place as @NAME, unless --by or --operation is given, and
never in JSON and text.

--patch shows what each change changed: JSON by key, text by line. Of SecureStrings
it says only "differs", "same" or "not compared", unless --with-decryption is given.

--sets groups changes of one principal (a role without its session) that are at most
--gap apart. It is a view only: a set says which others it overlaps.
` + targetHelp + `
--since includes the second that it names, and so does --until.`,
		Example: `  ssmbak log /app/db --patch
  ssmbak log /app --recursive --since 2d --by alice --operation Delete
  ssmbak log /app --recursive --since 14:00 --sets
  ssmbak log /app/ --since 2024-06-13 --until 2024-06-14T12:00:00 --output json
  ssmbak restore /app before:2024-06-13T20:10:54.417Z --recursive  # a time from its output`,
		Args: func(cmd *cobra.Command, args []string) error {
			for _, text := range []string{o.since, o.until} {
				if len(args) == 2 {
					if err := unquoted(text, args[1]); err != nil {
						return err
					}
				}
			}
			return exactly("NAME|PATH")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.target, err = a.target(args[0], o.recursive); err != nil {
				return err
			}
			return a.runLog(cmd.Context(), o)
		},
	}
	addRecursive(cmd, &o.recursive)
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "only changes at this `TIME` or later")
	f.StringVar(&o.until, "until", "", "only changes at this `TIME` or earlier")
	o.addFlags(cmd)
	f.BoolVarP(&o.patch, "patch", "p", false, "show what each change changed")
	f.BoolVar(&o.reverse, "reverse", false, "show the oldest change first")
	f.BoolVar(&o.oneline, "oneline", false, "show each change on one line, without a table")
	f.BoolVar(&o.sets, "sets", false, "group changes of one principal that are close in time")
	f.DurationVar(&o.gap, "gap", 2*time.Minute, "with --sets, the longest `DURATION` between two changes of a set")
	addRequireComplete(cmd, &o.requireComplete)
	a.addSummary(cmd)
	return cmd
}

// check returns an error for options that exclude each other.
func (o *logOptions) check(a *app) error {
	switch {
	case o.patch && o.oneline:
		return shell.Usage("omit one of them", "--patch and --oneline exclude each other")
	case o.sets && (o.patch || o.oneline):
		return shell.Usage("omit one of them", "--sets cannot be combined with --patch and --oneline")
	case a.flags.summary && (o.patch || o.oneline || o.sets):
		return shell.Usage("omit one of them", "--summary cannot be combined with --patch, --oneline and --sets")
	case o.gap <= 0:
		return shell.Usage("use a duration such as 2m", "--gap must be positive")
	}
	return o.logFilter.check()
}

func (a *app) runLog(ctx context.Context, o logOptions) error {
	if err := o.check(a); err != nil {
		return err
	}
	period, err := a.bounds(o)
	if err != nil {
		return err
	}
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	since, until, err := a.period(ctx, s, period)
	if err != nil {
		return err
	}
	o.from, o.to = since, until
	found, err := s.archive.Log(ctx, o.target, since, until)
	if err != nil {
		return err
	}
	if found.Names+len(found.Problems) == 0 {
		a.noteUnchecked(found.Unchecked)
		if err := a.unproved(found.Unproved); err != nil {
			return err
		}
		return a.nothing(ctx, s, o.target)
	}
	changes, err := a.filter(ctx, s, o, found.Changes)
	if err != nil {
		return err
	}
	last := until
	if last == 0 {
		last = ssmbak.TimeOf(a.Now())
	}
	switch {
	case a.flags.summary:
		changes = o.chosen(changes)
		sum := summaryOfChanges(o.target, changes.All())
		sum.From, sum.Until, sum.CompleteUpTo = since, last, found.Complete
		err = a.printSummary(sum)
	case o.sets:
		err = a.printSets(ctx, s, changes, o)
	default:
		changes = o.chosen(changes)
		var problems []archive.Problem
		problems, err = a.printLog(ctx, s, changes, o)
		found.Problems = append(found.Problems, problems...)
	}
	if err != nil {
		return err
	}
	switch {
	case found.Changes.Len() == 0:
		a.noteNothingChanged(o.target, found.One, since, last, found.Complete, found.Unchecked)
	case changes.Len() == 0:
		a.Note("no recorded change of this period matches the filters")
		fallthrough
	default:
		a.noteCompleteness(found.Complete, last, found.Unchecked)
	}
	if err := a.concluded(found.Problems, nil, found.Unproved); err != nil || !o.requireComplete {
		return err
	}
	gaps := found.Changes.Where(func(c ssmbak.Change) bool { return c.Operation == ssmbak.OpGap })
	return a.incomplete(found.Complete, since, last, gaps.Len() > 0, found.Unchecked)
}

// bounds parses --since and --until, zero for those that are not given.
func (a *app) bounds(o logOptions) (bounds [2]moment, err error) {
	for i, text := range []string{o.since, o.until} {
		if text == "" {
			continue
		}
		if bounds[i], err = a.point([]string{"--since: ", "--until: "}[i], text); err != nil {
			return bounds, err
		}
	}
	return bounds, nil
}

// period returns the times of --since and --until, zero for those that are not given, and
// prints them as notes. Both include the complete second of a time in seconds.
func (a *app) period(ctx context.Context, s *session, bounds [2]moment) (since, until ssmbak.Time, err error) {
	for i, m := range bounds {
		p, err := a.locate(ctx, s, m)
		if err != nil {
			return 0, 0, err
		}
		at, flag := p.At, "until"
		if i == 0 {
			at, flag = p.Begin, "since"
			since = at
		} else {
			until = at
		}
		if at == 0 {
			continue
		}
		a.NoteFacts(shell.Facts{strings.ToUpper(flag[:1]) + flag[1:]: at}, "%s %s", flag, a.both(at))
		if m.mark == "" && a.future(p) {
			a.noteFuture()
		}
	}
	if since != 0 && until != 0 && since > until {
		return 0, 0, shell.Usage("swap the two times", "--since %s is later than --until %s", since, until)
	}
	return since, until, nil
}

// printLog writes changes in the requested form, and returns the parameters whose values
// could not be read.
func (a *app) printLog(ctx context.Context, s *session, changes archive.Changes, o logOptions) (problems []archive.Problem, err error) {
	entries := a.withMarks(ctx, s, o, changes, a.markRestores(ctx, s, changes))
	each := func(write func(render.LogEntry) error) error {
		if o.patch {
			problems, err = a.patched(ctx, s, entries, write)
			return err
		}
		for e := range entries {
			if err := write(e); err != nil {
				return err
			}
		}
		return nil
	}
	if a.Flags.Output == shell.JSON {
		array := a.Array()
		if err := each(func(e render.LogEntry) error { return array.Add(render.ChangeRowOf(e, a.flags.decrypt)) }); err != nil {
			return nil, err
		}
		return problems, array.Close()
	}
	if changes.Len() == 0 {
		return nil, nil
	}
	view := a.view(a.Stdout)
	err = a.Paged(func(w io.Writer) error {
		switch {
		case o.patch:
			return render.Block(w, "diff", view, func(w io.Writer) error {
				return each(func(e render.LogEntry) error { return render.Patch(w, e, view) })
			})
		case o.oneline:
			return render.Block(w, "", view, func(w io.Writer) error {
				return each(func(e render.LogEntry) error { return render.OneLine(w, e, view) })
			})
		}
		return render.Changes(w, entries, view)
	})
	if err != nil {
		return nil, fmt.Errorf("write the log: %w", err)
	}
	return problems, nil
}
