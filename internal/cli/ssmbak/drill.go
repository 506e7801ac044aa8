package ssmbakcli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/drill"
	"github.com/ssmbak/ssmbak/paramstore"
)

func (a *app) newDrillCommand() *cobra.Command {
	var yes bool
	into := intoOptions{drill: true}
	cmd := &cobra.Command{
		Use:   "drill PATH TIME",
		Short: "Practice a restore: restore a copy of a path, compare it, and remove it again",
		Long: `Restore all of PATH as it was at TIME to copies below ` + ssmbak.DrillPath + `ID,
without policies and labels, compare every attribute with the archive, and remove the
copies again. The parameters of applications are not written. The copies are never
recorded, and never part of a restore. Drill writes at half of the account's rate, so
that applications can still write.

Drill first shows the number of writes and asks for confirmation, or requires --yes.
After Ctrl-C, it removes what it wrote. What a killed drill left is removed by the first
reconcile after the time that it had. ` + "`ssmbak status`" + ` shows the last drill.

With --bucket COPY and --into, drill restores from a copy of the archive, or from the
archive of another account or region, and proves that a restore from it would work.

Secrets are restored with their keys, or with the account's default key if you may not
use theirs, which is reported. The exit code is 3 if something could not be restored or
differs.`,
		Example: `  ssmbak drill /app 2h
  ssmbak drill / now --yes --output json
  ssmbak drill /app now --bucket backup-copy --into 123456789012/us-east-1`,
		Args: exactly("PATH", "TIME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := into.check(a); err != nil {
				return err
			}
			target, err := a.target(args[0], true)
			if err != nil {
				return err
			}
			return a.runDrill(cmd.Context(), into, target, args[1], yes)
		},
	}
	into.addSource(cmd, "drill")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	return cmd
}

func (a *app) runDrill(ctx context.Context, o intoOptions, target ssmbak.Target, text string, yes bool) error {
	m, err := a.point("", text)
	if err != nil {
		return err
	}
	s, err := a.openDrill(ctx, o, "ssmbak drill "+shell.Quote(target.String())+" "+shell.Quote(text))
	if err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	point, err := a.locate(ctx, s, m)
	if err != nil {
		return err
	}
	if err := a.refuseFuture("", point); err != nil {
		return err
	}
	rate, err := paramstore.WriteRate(ctx, s.conn.SSM())
	if err != nil && ctx.Err() != nil {
		return err
	}
	rate /= 2
	live := paramstore.New(s.conn.SSM(), paramstore.Options{MaxRate: rate, MaxReadRate: 4 * rate, Waiting: a.noteBusy, Logger: a.Log})
	if _, _, err := drill.Clean(ctx, s.own, live, time.Now()); err != nil {
		return err
	}
	d, err := drill.Prepare(ctx, s.archive, s.own, live, target, point.At, s.caller.ARN, rate)
	if err != nil {
		return err
	}
	if len(d.Record.Names)+len(d.Record.Findings)+d.Record.Skipped == 0 {
		return shell.KindNotFound.Fail("`ssmbak log "+target.String()+" -R` shows when it had parameters", "%s had no parameters at %s", target, point.At)
	}
	if err := a.agreeToDrill(ctx, d, yes); err != nil {
		return err
	}
	progress := a.NewProgress("drill")
	d.Progress = progress.Set
	progress.Start()
	err = d.Run(ctx)
	progress.Close()
	if err != nil && !d.Begun { // nothing was written, and there is nothing to remove
		return err
	}
	return a.concludeDrill(ctx, s, d, err)
}

// openDrill opens the archive to restore and the one that records the drill. command is the
// one that was given, without the flags of every command.
func (a *app) openDrill(ctx context.Context, o intoOptions, command string) (*session, error) {
	conn, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if o.into != "" {
		return a.openInto(ctx, conn, o, writing)
	}
	s, err := a.openWith(ctx, conn, writing)
	return s, a.suggestInto(ctx, conn, command, err)
}

// agreeToDrill returns nil if the drill may begin.
func (a *app) agreeToDrill(ctx context.Context, d *drill.Drill, yes bool) error {
	facts := shell.Facts{
		"Id": d.Record.ID, "Prefix": d.Record.Prefix(), "Seconds": d.Estimate().Seconds(), "Rate": d.Rate,
		"Counts": shell.Facts{"parameters": len(d.Record.Names), "writes": d.Writes()},
	}
	a.NoteFacts(facts, "drill %s: %s below %s, %s in about %s at %g per second", d.Record.ID, shell.Count(len(d.Record.Names), "parameter", "parameters"), d.Record.Prefix(),
		shell.Count(d.Writes(), "write", "writes"), d.Estimate(), d.Rate)
	if ask, err := a.Asks(yes, "--yes", "a drill writes parameters"); !ask {
		return err
	}
	return a.Ask(ctx)
}

// drillRow is the result of a drill in JSON.
type drillRow struct {
	ID         string `json:"Id"`
	Path       string
	Bucket     string // of the archive that it restored from
	At         ssmbak.Time
	Parameters int
	Written    int
	Compared   int
	Skipped    int
	OtherKey   int
	Seconds    float64
	Removed    bool
	Findings   []drillFinding
	Kept       []ssmbak.Name
}

type drillFinding struct {
	Name   ssmbak.Name
	Reason string
}

// concludeDrill prints the result of a drill.
func (a *app) concludeDrill(ctx context.Context, s *session, d *drill.Drill, failed error) error {
	r := d.Record
	row := drillRow{
		r.ID, r.Path, s.archive.Bucket(), r.At, len(r.Names), r.Written, r.Compared, r.Skipped, r.OtherKey, float64(int(1000*r.Seconds)) / 1000, !r.Ended.IsZero(),
		make([]drillFinding, len(r.Findings)), append([]ssmbak.Name{}, d.Kept...),
	}
	for i, f := range r.Findings {
		row.Findings[i] = drillFinding(f)
	}
	var lines []string
	for _, f := range row.Findings {
		lines = append(lines, f.Name.String()+": "+f.Reason)
	}
	err := a.Data(row, func(io.Writer) error { return a.Lines(append(lines, drillText(r))...) })
	if err != nil {
		return err
	}
	if r.OtherKey > 0 {
		a.NoteFacts(shell.Counted("other key", r.OtherKey), "%s restored with the account's default key, since you may not use the key", shell.Count(r.OtherKey, "secret was", "secrets were"))
	}
	if r.Skipped > 0 {
		a.NoteFacts(shell.Counted("skipped", r.Skipped), "skipped %s: unknown at that time, an AMI, or a name that is too long", shell.Count(r.Skipped, "parameter", "parameters"))
	}
	for _, name := range d.Kept {
		a.NoteFacts(shell.Facts{"Name": name}, "kept %s: the drill did not create it, or it was changed since", name)
	}
	switch {
	case ctx.Err() != nil && row.Removed:
		return &shell.Failure{Message: "interrupted", Hint: "everything was removed again", Code: shell.Interrupted}
	case !row.Removed && failed != nil:
		clean := "ssmbak reconcile"
		if s.into {
			clean += shell.Given("bucket", s.own.Bucket()) + a.Where()
		}
		return shell.KindDrillLeftovers.Fail("the next `"+clean+"` after "+drill.Abandoned(r).UTC().Format(time.RFC3339)+" removes the rest", "%s", shell.Reason(failed))
	case failed != nil:
		return failed
	case len(r.Findings) > 0:
		return shell.KindNeedsAttention.Part("`ssmbak verify "+r.Path+"` checks the values of all versions; `ssmbak log NAME --patch` shows what was recorded",
			"%s not restored as recorded", shell.Count(len(r.Findings), "parameter was", "parameters were"))
	case len(d.Kept) > 0:
		return shell.KindNeedsAttention.Part("find out who wrote them; `aws ssm delete-parameters --names NAME` removes them", "%s below the drill's prefix kept", shell.Count(len(d.Kept), "parameter was", "parameters were"))
	}
	return nil
}

// drillText describes the result of a drill in one line.
func drillText(r archive.Drill) string {
	removed := "and removed them again"
	if r.Ended.IsZero() {
		removed = "which are not removed yet"
	}
	rate := 0.0
	if r.Seconds > 0 {
		rate = float64(r.Written) / r.Seconds
	}
	return fmt.Sprintf("wrote %s in %s (%.1f per second), compared %d, %s", shell.Count(r.Written, "parameter", "parameters"), time.Duration(r.Seconds*float64(time.Second)).Round(time.Second), rate, r.Compared, removed)
}
