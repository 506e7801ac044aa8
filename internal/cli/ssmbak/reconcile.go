package ssmbakcli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

type reconcileOptions struct {
	target  ssmbak.Target
	dryRun  bool
	deep    bool
	maxTime time.Duration
}

func (a *app) newReconcileCommand() *cobra.Command {
	var o reconcileOptions
	cmd := &cobra.Command{
		Use:   "reconcile [PATH]",
		Short: "Record live parameters that the archive does not have",
		Long: `Compare all live parameters with the archive, or read those below a path, and
record what the archive does not have. Parameters that the listings show unchanged
are not read again; only --deep finds a label that moved without a new version and
without an event. With PATH, --deep also reads the recorded values of the versions
that Parameter Store has, and records damaged ones again. After a complete run the
archive is complete up to its start. If a run is stopped, the next one continues.
Reconcile never writes to Parameter Store.`,
		Example: `  ssmbak reconcile
  ssmbak reconcile --deep --max-time 15m
  ssmbak reconcile /app/db --deep
  ssmbak reconcile /app --dry-run`,
		Args: optionalPath,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.target, err = a.pathTarget(args); err != nil {
				return err
			}
			if o.maxTime < 0 {
				return shell.Usage("use a duration such as 15m", "--max-time %s must not be negative", o.maxTime)
			}
			again := "ssmbak reconcile"
			if !o.target.Root() {
				again += " " + o.target.String()
			}
			again += flagsGiven(cmd, "deep")
			err = a.runReconcile(cmd.Context(), o, again)
			if interrupted(cmd.Context(), err) && !o.dryRun {
				return &shell.Failure{Message: "interrupted", Hint: "what was recorded is kept, and `" + again + "` records the rest", Code: shell.Interrupted}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&o.deep, "deep", false, "read every parameter, including unchanged ones")
	cmd.Flags().DurationVar(&o.maxTime, "max-time", 0, "stop after this `DURATION`; the next run continues")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be recorded, without recording it")
	return cmd
}

// reconciledRow is one parameter of a reconcile in JSON.
type reconciledRow struct {
	Name   ssmbak.Name
	Change string
	Error  *string
	Code   *shell.Kind
}

// runReconcile records live parameters. again is the command that was given.
func (a *app) runReconcile(ctx context.Context, o reconcileOptions, again string) error {
	s, err := a.open(ctx, unlessDry(o.dryRun))
	if err != nil {
		return err
	}
	if !o.dryRun {
		if err := s.archive.Establish(ctx); err != nil {
			return err
		}
	}
	progress := a.NewProgress("reconcile")
	defer progress.Close()
	timed, cancel := ctx, context.CancelFunc(func() {})
	if o.maxTime > 0 {
		timed, cancel = context.WithTimeout(ctx, o.maxTime)
	}
	defer cancel()
	report, err := s.recorder(a).Reconcile(timed, o.target, recorder.ReconcileOptions{DryRun: o.dryRun, Deep: o.deep, Progress: progress.Set})
	progress.Close()
	if errors.Is(err, paramstore.ErrCredentials) {
		ended := explain(err)
		ended.Hint += "; then run `" + again + "` again"
		if o.target.Root() {
			ended.Hint += ", which continues"
		}
		return &ended
	}
	if err != nil && timed.Err() != nil && ctx.Err() == nil {
		if o.dryRun {
			again += " --dry-run"
		}
		return shell.KindOutOfTime.Part("run `"+again+"` without --max-time, or with a longer one", "ran out of time: %s was not compared completely within %s", o.target, o.maxTime)
	}
	if err != nil {
		return err
	}
	if err := a.printReport(report); err != nil {
		return err
	}
	would := ""
	if o.dryRun {
		would = "would have "
	}
	a.NoteFacts(shell.Facts{"Counts": shell.Facts{
		"checked": report.Checked, "recorded": len(report.Recorded), "deleted": len(report.Deleted), "gap": len(report.Gaps), "unreadable": len(report.Unreadable), "failed": len(report.Failed),
	}}, "checked %d, %srecorded %d, deleted %d, gaps %d, unreadable %d, failed %d",
		report.Checked, would, len(report.Recorded), len(report.Deleted), len(report.Gaps), len(report.Unreadable), len(report.Failed))
	if n := report.DrillRemoved; n > 0 {
		a.NoteFacts(shell.Counted("removed", n), "removed %s that a killed drill left", shell.Count(n, "parameter", "parameters"))
	}
	for _, name := range report.DrillKept {
		a.NoteFacts(shell.Facts{"Name": name}, "kept %s: no drill created it, or it was changed since", name)
	}
	if n := len(report.Restored); n > 0 {
		a.NoteFacts(shell.Facts{"Names": report.Restored}, "%srestored %s: %s", would, shell.Count(n, "hidden index", "hidden indexes"), archive.NameList(report.Restored))
	}
	if n := len(report.Forged); n > 0 {
		a.NoteFacts(shell.Facts{"Names": report.Forged}, "replaced %s that another program had written by their newest signed versions: %s", shell.Count(n, "index", "indexes"), archive.NameList(report.Forged))
	}
	if n := len(report.Reregistered); n > 0 {
		a.NoteFacts(shell.Facts{"Names": report.Reregistered}, "restored %s of the register: %s", shell.Count(n, "hidden entry", "hidden entries"), archive.NameList(report.Reregistered))
	}
	if report.Registered > 0 {
		a.NoteFacts(shell.Counted("registered", report.Registered), "registered %s", shell.Count(report.Registered, "name", "names"))
	}
	if report.Excluded > 0 {
		a.NoteFacts(shell.Counted("excluded", report.Excluded), "skipped %s excluded from recording", shell.Count(report.Excluded, "parameter", "parameters"))
	}
	if report.TagsUnchecked != nil {
		a.NoteFacts(shell.Facts{"Error": reason(report.TagsUnchecked)}, "tags of unchanged parameters were not compared: %s", reason(report.TagsUnchecked))
	}
	if len(report.Unreadable) > 0 {
		a.NoteFacts(shell.Facts{"Names": report.Unreadable}, "values are unavailable of %s: allow the use of their keys (kms:Decrypt), then run `%s`", archive.NameList(report.Unreadable), again)
	}
	if report.Complete {
		facts := shell.Facts{"CompleteUpTo": report.Began}
		if len(report.Failed) > 0 {
			facts["Names"] = namesOf(report.Failed)
		}
		a.NoteFacts(facts, "complete up to %s%s", report.Began, except(report.Failed))
	}
	unregistered := a.unregistered(report.Unregistered, again)
	switch n := len(report.Failed); {
	case n == 0 && report.Left > 0:
		return shell.KindPartial.Part("`"+again+"` continues", "ran out of time: %d of %s left", report.Left, shell.Count(report.Checked+report.Left, "parameter", "parameters"))
	case n == 0:
		return unregistered
	case n == report.Checked:
		return shell.KindNothingDone.Fail("", "%s not be recorded", shell.Count(n, "parameter could", "parameters could"))
	default:
		return shell.KindPartial.Part("`"+again+"` tries again", "%s not be recorded", shell.Count(n, "parameter could", "parameters could"))
	}
}

// unregistered prints which names could not be registered, and returns the error, or nil if
// there are none. again is the command that was given.
func (a *app) unregistered(failed []recorder.Failed, again string) error {
	n := len(failed)
	if n == 0 {
		return nil
	}
	a.NoteFacts(shell.Facts{"Name": failed[0].Name, "Error": reason(failed[0].Err)}, "the register of names is not complete: %s: %s", failed[0].Name, reason(failed[0].Err))
	return shell.KindPartial.Part("`"+again+"` tries again", "%s not be registered", shell.Count(n, "name could", "names could"))
}

// except names the parameters for which the archive is not complete.
func except(failed []recorder.Failed) string {
	if len(failed) == 0 {
		return ""
	}
	return ", except " + archive.NameList(namesOf(failed))
}

func namesOf(failed []recorder.Failed) []ssmbak.Name {
	names := make([]ssmbak.Name, len(failed))
	for i, f := range failed {
		names[i] = f.Name
	}
	return names
}

// printReport writes one line, or one JSON object, for each parameter with changes or
// an error.
func (a *app) printReport(report recorder.Report) error {
	rows := []reconciledRow{}
	add := func(change string, names []ssmbak.Name) {
		for _, name := range names {
			rows = append(rows, reconciledRow{Name: name, Change: change})
		}
	}
	add("restored", report.Restored)
	add("forged", report.Forged)
	add("reregistered", report.Reregistered)
	add("recorded", report.Recorded)
	add("deleted", report.Deleted)
	add("gap", report.Gaps)
	add("unreadable", report.Unreadable)
	for _, f := range report.Failed {
		rows = append(rows, reconciledRow{Name: f.Name, Change: "failed", Error: new(reason(f.Err)), Code: new(explain(f.Err).CodeName())})
	}
	slices.SortStableFunc(rows, func(x, y reconciledRow) int { return cmp.Compare(x.Name, y.Name) })
	return a.Data(rows, func(io.Writer) error { return a.Lines(reconciledLines(rows)...) })
}

func reconciledLines(rows []reconciledRow) (lines []string) {
	for _, row := range rows {
		line := row.Change + " " + row.Name.String()
		if row.Error != nil {
			line += ": " + *row.Error
		}
		lines = append(lines, line)
	}
	return lines
}
