package ssmbakcli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

type markOptions struct {
	name, at, message string
	remove, force     bool
}

func (a *app) newMarkCommand() *cobra.Command {
	var o markOptions
	cmd := &cobra.Command{
		Use: "mark [NAME]",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeMarks(cmd, args, begin)
		},
		Short: "Name a point in time, or list the names",
		Long: `Name a point in time, now or that of --at, so that every command takes @NAME and
before:@NAME for it; without NAME, list the marks, the latest time first. A pipeline
sets a mark before each deployment, with a role that may do nothing else.

A mark that exists is not changed, unless --force moves it. A mark that was removed
can be set again. NAME consists of letters, digits, periods, underscores and hyphens.

` + timeHelp,
		Example: `  ssmbak mark deploy-42 -m 'release 1.7'
  ssmbak mark incident --at 2024-06-13T20:10:54.417Z
  ssmbak mark
  ssmbak diff /app @deploy-41 @deploy-42 --recursive
  ssmbak restore /app before:@deploy-42 --recursive
  ssmbak mark deploy-42 --delete`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return noMarkFlags(cmd)
			}
			return exactly("NAME")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.runMarks(cmd.Context())
			}
			o.name = args[0]
			if err := o.check(cmd); err != nil {
				return err
			}
			if o.remove {
				return a.runRemoveMark(cmd.Context(), o)
			}
			return a.runMark(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.at, "at", "", "the `TIME` that is named (default: now)")
	f.StringVarP(&o.message, "message", "m", "", "keep this `TEXT` in the mark")
	f.BoolVar(&o.force, "force", false, "move the mark if it exists")
	f.BoolVar(&o.remove, "delete", false, "remove the mark")
	return cmd
}

// noMarkFlags returns an error if a flag is given that needs NAME.
func noMarkFlags(cmd *cobra.Command) error {
	for _, flag := range []string{"at", "message", "force", "delete"} {
		if cmd.Flags().Changed(flag) {
			return shell.Usage("give the name of the mark, or omit --"+flag, "NAME is missing")
		}
	}
	return checkRegion(cmd)
}

func (o *markOptions) check(cmd *cobra.Command) error {
	if err := checkMarkName("", o.name); err != nil {
		return err
	}
	for _, flag := range []string{"at", "message", "force"} {
		if o.remove && cmd.Flags().Changed(flag) {
			return shell.Usage("omit one of them", "--delete and --%s exclude each other", flag)
		}
	}
	if n := len(o.message); n > archive.MaxMarkMessage {
		return shell.Usage("shorten it", "--message has %s, more than %d", shell.Count(n, "byte", "bytes"), archive.MaxMarkMessage)
	}
	return nil
}

// runMark sets or moves a mark.
func (a *app) runMark(ctx context.Context, o markOptions) error {
	m, err := a.point("--at: ", cmp.Or(o.at, "now"))
	if err == nil {
		err = a.refuseFuture("--at: ", m.Point)
	}
	if err != nil {
		return err
	}
	s, err := a.openToMark(ctx)
	if err != nil {
		return err
	}
	p, err := a.locate(ctx, s, m)
	if err == nil {
		err = a.refuseFuture("--at: ", p)
	}
	if err != nil {
		return err
	}
	if o.at == "" {
		now := ssmbak.TimeOf(s.archive.Now()) // the changes that it separates are by AWS's clock
		p.At, p.Begin = now, now
	}
	before, err := s.archive.SetMark(ctx, archive.Mark{
		Name: o.name, At: p.At, Begin: p.Begin, Made: a.made(), By: s.caller.ARN, Message: o.message,
	}, o.force)
	if err != nil {
		return err
	}
	if before.At != 0 {
		a.NoteFacts(shell.Facts{"Mark": o.name, "Was": before.At, "By": before.By}, "mark %s was at %s, set by %s", o.name, a.both(before.At), before.By)
	}
	a.NoteFacts(shell.Facts{"Mark": o.name, "Time": p.At}, "mark %s is at %s", o.name, a.both(p.At))
	return nil
}

// runRemoveMark removes a mark.
func (a *app) runRemoveMark(ctx context.Context, o markOptions) error {
	s, err := a.openToMark(ctx)
	if err != nil {
		return err
	}
	before, err := s.archive.RemoveMark(ctx, o.name, s.caller.ARN, a.made())
	if errors.Is(err, archive.ErrNoMark) {
		return a.noMark(ctx, s, o.name)
	}
	if err != nil {
		return err
	}
	if before.At == 0 {
		a.NoteFacts(shell.Facts{"Mark": o.name}, "removed mark %s, which was damaged", o.name)
		return nil
	}
	a.NoteFacts(shell.Facts{"Mark": o.name, "Was": before.At, "By": before.By}, "removed mark %s, which was at %s, set by %s", o.name, a.both(before.At), before.By)
	return nil
}

// openToMark opens an archive that exists: a mark does not make one.
func (a *app) openToMark(ctx context.Context) (*session, error) {
	s, err := a.open(ctx, marking)
	if err != nil {
		return nil, err
	}
	return s, s.exists()
}

// made returns the time of a change of a mark.
func (a *app) made() time.Time { return a.opened.Now().UTC().Truncate(time.Millisecond) }

// refuseFuture returns an error for a point in the future. what is the flag that it belongs
// to, followed by a colon and a space, or "".
func (a *app) refuseFuture(what string, p ssmbak.Point) error {
	if !a.future(p) {
		return nil
	}
	hint := "it is " + a.both(ssmbak.TimeOf(a.Now())) + " now"
	if !a.flags.localTime {
		hint += ", and a time without a zone is UTC unless --local-time is given"
	}
	return shell.Usage(hint, "%s%s is in the future", what, p.At)
}

// runMarks lists the marks.
func (a *app) runMarks(ctx context.Context) error {
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	marks, unreadable, err := s.archive.Marks(ctx)
	if err != nil {
		return err
	}
	err = a.Data(render.MarkRows(marks), func(w io.Writer) error {
		if len(marks) == 0 {
			return nil
		}
		return render.Marks(w, marks, a.view(w))
	})
	if err != nil {
		return err
	}
	if len(marks)+len(unreadable) == 0 {
		a.Note("no marks yet")
	}
	for _, problem := range unreadable {
		a.NoteFacts(shell.Facts{"Error": reason(problem)}, "%s", reason(problem))
	}
	if n := len(unreadable); n > 0 {
		return shell.KindPartial.Part("`ssmbak mark NAME --delete` removes a damaged mark, and --force replaces it", "%s not be read", shell.Count(n, "mark could", "marks could"))
	}
	return nil
}
