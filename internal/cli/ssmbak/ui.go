package ssmbakcli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/ui"
	"github.com/ssmbak/ssmbak/restore"
)

type uiOptions struct {
	target           ssmbak.Target
	allowRestore     bool
	open             bool
	port             int
	maxRate          float64
	report           string
	at, since, until string
}

func (a *app) newUICommand() *cobra.Command {
	var o uiOptions
	cmd := &cobra.Command{
		Use:   "ui [PATH]",
		Short: "Open a page that shows what changed, and restores it",
		Long: `Serve a page on 127.0.0.1 until interrupted, and print its address: a strip of
changes over time, the parameters below PATH at any moment next to those of now, the
history of each parameter, and plans of restores and reverts. Without PATH, it shows
all parameters.

The page is read-only. With --allow-restore it applies plans, as restore, revert and
undo do: the plan is shown first, and the word yes is needed where they need it. Every
screen shows the command that does the same. The archive is read when the page is
opened, and each time that you ask for it.

Only the browser that opens the printed address may use the page. Secrets are masked,
and shown one by one on request. Ctrl-C ends the page; a restore in progress is
completed as far as one of the command would be.

--report writes the same view to a file for others: masked, without a script and
without links.
`,
		Example: `  ssmbak ui
  ssmbak ui /app --allow-restore --open
  ssmbak ui /app --report report.html --at before:14:03:11.120`,
		Args: optionalPath,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.target, err = a.pathTarget(args); err != nil {
				return err
			}
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.runUI(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.allowRestore, "allow-restore", false, "let the page apply plans to Parameter Store")
	f.BoolVar(&o.open, "open", false, "open the page in the default browser")
	f.IntVar(&o.port, "port", 0, "the `PORT` to listen on; 0 means any free port")
	f.Float64Var(&o.maxRate, "max-rate", 0, "write at most `N` times per second; default: as often as the account allows")
	f.StringVar(&o.report, "report", "", "write the page to this `FILE` instead of serving it; - is standard output")
	f.StringVar(&o.at, "at", "", "with --report, show the parameters at this `TIME`; default: right before the newest changes that no restore made")
	f.StringVar(&o.since, "since", "", "with --report, show changes since this `TIME`")
	f.StringVar(&o.until, "until", "", "with --report, show changes until this `TIME`")
	return cmd
}

// check returns an error for flags that are invalid or exclude each other.
func (o *uiOptions) check(cmd *cobra.Command) error {
	switch {
	case o.port < 0 || o.port > 65535:
		return shell.Usage("use a port from 1 to 65535, or 0 for any free port", "invalid port %d", o.port)
	case o.maxRate < 0:
		return shell.Usage("use a number of writes per second, such as 3", "--max-rate %g must not be negative", o.maxRate)
	case o.maxRate > 0 && !o.allowRestore:
		return shell.Usage("add --allow-restore, or omit --max-rate", "--max-rate has no effect on a page that is read-only")
	}
	served, reported := []string{"allow-restore", "open", "port", "max-rate"}, []string{"at", "since", "until"}
	for _, flag := range served {
		if o.report != "" && cmd.Flags().Changed(flag) {
			return shell.Usage("omit one of them", "--%s has no effect on a report", flag)
		}
	}
	for _, flag := range reported {
		if o.report == "" && cmd.Flags().Changed(flag) {
			return shell.Usage("add --report FILE, or omit it: the page has a field for it", "--%s goes with --report", flag)
		}
	}
	return nil
}

func (a *app) runUI(ctx context.Context, o uiOptions) error {
	var moments [3]moment
	for i, text := range []string{o.at, o.since, o.until} {
		if text == "" {
			continue
		}
		var err error
		if moments[i], err = a.point([]string{"--at: ", "--since: ", "--until: "}[i], text); err != nil {
			return err
		}
	}
	s, err := a.openUI(ctx, o)
	if err != nil {
		return err
	}
	page := a.page(s, o)
	if o.report == "" {
		return a.serveUI(ctx, o, page)
	}
	var points [3]ssmbak.Point
	for i, m := range moments {
		if points[i], err = a.locate(ctx, s, m); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if err := ui.New(ctx, page, "").Report(ctx, &text, ui.Period{At: points[0].At, From: points[1].Begin, Until: points[2].At}); err != nil {
		return err
	}
	if a.isStdout(o.report) {
		_, err = a.Stdout.Write(text.Bytes())
		return err
	}
	if _, err := writeFile(o.report, text.Bytes()); err != nil {
		return shell.KindFileFailed.Fail("give the name of a file in a directory that you may write to", "write %s: %v", o.report, err)
	}
	a.NoteFacts(shell.Facts{"File": o.report}, "wrote %s; it contains the values of all parameters that are not secret", o.report)
	return nil
}

// openUI opens the archive: to restore, if that is allowed.
func (a *app) openUI(ctx context.Context, o uiOptions) (*session, error) {
	if o.allowRestore {
		return a.openToRestore(ctx, o.maxRate)
	}
	s, err := a.open(ctx, reading)
	if err != nil {
		return nil, err
	}
	return s, s.exists()
}

// page returns the options of the page.
func (a *app) page(s *session, o uiOptions) ui.Options {
	id, _ := s.archive.Identity()
	return ui.Options{
		Archive: s.archive, Target: o.target, Account: id.Account, Region: id.Region, AllowRestore: o.allowRestore, MaxRate: o.maxRate,
		Live:  id.Account == s.caller.Account && id.Region == s.conn.Region(),
		Flags: a.where(), Now: a.Now, Logger: a.Log, Applying: a.onInterrupt,
		Restorer: func(ro restore.Options) *restore.Restorer { return a.uiRestorer(s, o, ro) },
		Explain: func(err error) (message, hint string) {
			f := explain(err)
			if refused := new(ssmbak.TimeError); errors.As(err, &refused) {
				f.Hint = refused.Advice()
			}
			return f.Message, f.Hint
		},
	}
}

// uiRestorer returns the restorer of the page. It records live parameters only if restores
// are allowed. An interrupt reports the restore in progress.
func (a *app) uiRestorer(s *session, o uiOptions, ro restore.Options) *restore.Restorer {
	ro.By, ro.Recreation, ro.Logger = s.caller.ARN, a.env.Recreation, a.Log
	if !o.allowRestore {
		return restore.New(s.archive, s.live, nil, ro)
	}
	if ro.Arguments != "" {
		began, away := ro.Began, ro.Away
		a.watch(&ro, "ssmbak "+ro.Arguments, func(id string) string { return a.undoing(s, id) })
		noted, gone := ro.Began, ro.Away
		ro.Began = func(id string) { began(id); noted(id) }
		ro.Away = func(x restore.Absence) { away(x); gone(x) }
	}
	return restore.New(s.archive, s.live, s.recorder(a), ro)
}

// serveUI serves the page until ctx ends.
func (a *app) serveUI(ctx context.Context, o uiOptions, page ui.Options) error {
	interrupted, err := ui.Serve(ctx, page, o.port, func(url, once string) {
		_ = a.Data(struct{ URL string }{url}, func(io.Writer) error { return a.Print("%s", url) })
		a.Note("open this address in a browser; press Ctrl-C to stop")
		if !o.open {
			return
		}
		if err := openBrowser(ctx, once); err != nil {
			a.NoteFacts(shell.Facts{"Error": err.Error()}, "cannot open a browser: %v", err)
		}
	})
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &emulator.PortTakenError{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port))}
	case interrupted:
		return &shell.Failure{Message: "interrupted during a restore", Hint: "`ssmbak undo` lists it", Code: shell.Interrupted}
	}
	return err
}
