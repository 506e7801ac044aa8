package ssmbakcli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

type logOptions struct {
	target       ssmbak.Target
	recursive    bool
	since, until string
}

func (a *app) newLogCommand() *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log NAME|PATH",
		Short: "Show every recorded change, newest first",
		Long: `Show every recorded change, newest first: time, operation, version, principal,
and known gaps. It does not read values. A change whose time is uncertain is shown
as "between" two times, and is included if it may have happened in the requested
period. Every time that is shown is valid as TIME: at that time the change has
happened; with before: in front of it, it has not. A time without a fraction has a
precision of one second.
` + targetHelp + `
--since includes the second that it names, and so does --until.`,
		Example: `  ssmbak log /app/db
  ssmbak log /app --recursive --since 2d
  ssmbak log /app/ --since 2024-06-13 --until 2024-06-14T12:00:00 --output json
  ssmbak restore /app before:2024-06-13T20:10:54.417Z --recursive  # a time from its output`,
		Args: exactly("NAME|PATH"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.target, err = a.target(args[0], o.recursive); err != nil {
				return err
			}
			return a.runLog(cmd.Context(), o)
		},
	}
	addRecursive(cmd, &o.recursive)
	cmd.Flags().StringVar(&o.since, "since", "", "only changes at this `TIME` or later")
	cmd.Flags().StringVar(&o.until, "until", "", "only changes at this `TIME` or earlier")
	return cmd
}

func (a *app) runLog(ctx context.Context, o logOptions) error {
	since, err := a.bound("since", o.since)
	if err != nil {
		return err
	}
	until, err := a.bound("until", o.until)
	if err != nil {
		return err
	}
	if since != 0 && until != 0 && since > until {
		return shell.Usage("swap the two times", "--since %s is later than --until %s", since, until)
	}
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	found, err := s.archive.Log(ctx, o.target, since, until)
	if err != nil {
		return err
	}
	if found.Names+len(found.Problems) == 0 {
		if err := a.unproved(found.Unproved); err != nil {
			return err
		}
		return a.nothing(ctx, s, o.target)
	}
	if err := a.printChanges(found.Changes); err != nil {
		return err
	}
	if len(found.Changes) == 0 {
		a.Note("no changes are recorded in this period")
	}
	if until == 0 {
		until = ssmbak.TimeOf(a.Now())
	}
	a.noteCompleteness(found.Complete, until)
	return a.concluded(found.Problems, nil, found.Unproved)
}

// bound parses the TIME of --since or --until, zero if it is "", and prints it as a
// note. Both include the complete second of a time in seconds.
func (a *app) bound(flag, text string) (ssmbak.Time, error) {
	if text == "" {
		return 0, nil
	}
	p, err := a.point("--"+flag+": ", text)
	if err != nil {
		return 0, err
	}
	at := p.At
	if flag == "since" {
		at = p.Begin
	}
	a.Note("%s %s", flag, a.both(at))
	if at.Second() > a.Now().Unix() {
		a.noteFuture()
	}
	return at, nil
}

// printChanges writes the rows of changes.
func (a *app) printChanges(changes []ssmbak.Change) error {
	rows := make([]render.ChangeRow, len(changes))
	for i, c := range changes {
		rows[i] = render.ChangeRowOf(c)
	}
	return a.Data(rows, func(w io.Writer) error {
		if len(changes) == 0 {
			return nil
		}
		return render.Changes(w, changes, a.view(w))
	})
}
