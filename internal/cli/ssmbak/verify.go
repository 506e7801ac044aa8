package ssmbakcli

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/version"
	"github.com/ssmbak/ssmbak/timeline"
	"github.com/ssmbak/ssmbak/verify"
)

func (a *app) newVerifyCommand() *cobra.Command {
	var sample string
	var againstLive, record bool
	var known []string
	cmd := &cobra.Command{
		Use:   "verify [PATH]",
		Short: "Verify every object of the archive, and compare it with Parameter Store",
		Long: `Read everything that the archive holds, or holds below a path, and list every fault:
damaged, missing and hidden objects, values whose metadata disagrees with the index,
facts that went missing between two versions of an index, and restore records whose
values are gone. With --against-live, also compare each version that Parameter Store
still keeps with its record, secrets included. Verify writes nothing, unless --record
keeps the result of a verification of everything in the archive, where ` + "`ssmbak status`" + `
shows it. A stack can verify on a schedule: ` + "`ssmbak-stack NAME update --verify 'rate(1 day)'`" + `.

Without PATH, verify also checks the checkpoints of a signed archive: that each follows
the one before it, and that every object version that one has still exists. An object
version that is gone has expired by the lifecycle rules of then, was redacted, or was
removed otherwise, which is a fault. An admin can rewrite checkpoints, too:
--known-checkpoint finds that, with a line that ` + "`ssmbak status`" + ` printed earlier and
that was kept elsewhere. With the --bucket of a copy that S3 replicates, verify compares
it with the source.`,
		Example: `  ssmbak verify
  ssmbak verify /app --against-live
  ssmbak verify --sample 5% --output json
  ssmbak verify --record
  ssmbak verify --public-key ssmbak.pem --known-checkpoint "$(cat checkpoint.txt)"
  ssmbak verify --bucket COPY --bucket-owner 210987654321`,
		Args: optionalPath,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := a.pathTarget(args)
			if err != nil {
				return err
			}
			share, err := share(sample)
			if err != nil {
				return err
			}
			if record && (share < 1 || !target.Root() || !target.Recursive()) {
				return shell.Usage("omit PATH and --sample", "--record needs a verification of everything")
			}
			lines, err := knownCheckpoints(known, target)
			if err != nil {
				return err
			}
			return a.runVerify(cmd.Context(), target, share, againstLive, record, lines)
		},
	}
	cmd.Flags().StringVar(&sample, "sample", "100%", "verify only this share of the parameters, chosen at random: `N%`")
	cmd.Flags().BoolVar(&againstLive, "against-live", false, "also compare the archive with Parameter Store")
	cmd.Flags().BoolVar(&record, "record", false, "keep the result in the archive, for status")
	cmd.Flags().StringArrayVar(&known, "known-checkpoint", nil, "the archive must have the checkpoint of this `LINE`, which status printed; may be repeated")
	return cmd
}

// share parses a percentage and returns it as a fraction of 1.
func share(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(n > 0 && n <= 100) {
		return 0, shell.Usage("give a percentage such as 5%", "--sample %q must be more than 0%% and at most 100%%", text)
	}
	return n / 100, nil
}

// findingRow is one finding in JSON.
type findingRow struct {
	Fault         archive.Fault
	Name          *ssmbak.Name
	Key           *string
	ObjectVersion *string
	Reason        string
}

// orNil returns nil for the zero value.
func orNil[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func (a *app) runVerify(ctx context.Context, target ssmbak.Target, share float64, againstLive, record bool, known []archive.CheckpointLine) error {
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	if againstLive {
		if err := s.atHome("--against-live compares with the caller's own Parameter Store"); err != nil {
			return err
		}
	}
	progress := a.NewProgress("verify")
	defer progress.Close()
	rows, findings, began := []findingRow{}, []archive.Finding{}, time.Now()
	o := verify.Options{
		Sample: share, Progress: progress.Set, Known: known,
		Found: func(f archive.Finding) {
			findings = append(findings, f)
			rows = append(rows, findingRow{f.Fault, orNil(f.Name), orNil(f.Key), orNil(f.ObjectVersion), f.Detail})
		},
	}
	var redacted []func()
	var gone []archive.Gone
	o.Gone = func(g archive.Gone) {
		if !g.Redacted.IsZero() {
			gone = append(gone, g)
		}
	}
	o.Redacted = func(name ssmbak.Name, v timeline.Version) {
		redacted = append(redacted, func() {
			a.NoteFacts(shell.Facts{"Name": name, "Version": v.Number, "Time": v.Time, "RedactedAt": v.Redacted.At, "RedactedBy": v.Redacted.By},
				"version %d of %s was redacted at %s by %s", v.Number, name, a.both(v.Redacted.At), v.Redacted.By)
		})
	}
	if againstLive {
		o.Live = s.live
	}
	everything := target.Root() && target.Recursive()
	report, err := verify.Run(ctx, s.archive, target, o)
	progress.Close()
	if err != nil {
		return err
	}
	var uncompared error
	if everything {
		uncompared = a.compareCopy(ctx, s, o.Found)
	}
	if report.Parameters == 0 && report.Findings == 0 && share == 1 && !target.Root() {
		return a.nothing(ctx, s, target)
	}
	if err := a.Data(rows, func(io.Writer) error { return a.Lines(findingLines(rows)...) }); err != nil {
		return err
	}
	a.NoteFacts(shell.Facts{"Counts": shell.Facts{
		"parameters": report.Parameters, "indexVersions": report.IndexVersions, "values": report.Values, "expired": report.Expired, "faults": len(rows),
	}}, "verified %s, %s, %s; %s expired", shell.Count(report.Parameters, "parameter", "parameters"),
		shell.Count(report.IndexVersions, "version of an index", "versions of indexes"),
		shell.Count(report.Values, "value", "values"), shell.Count(report.Expired, "value has", "values have"))
	for _, note := range redacted {
		note()
	}
	if againstLive {
		a.NoteFacts(shell.Counted("compared", report.Compared), "compared %s with Parameter Store", shell.Count(report.Compared, "version", "versions"))
	}
	if report.Unreadable > 0 {
		a.NoteFacts(shell.Counted("unreadable", report.Unreadable), "did not compare the secrets of %s: the caller may not decrypt them", shell.Count(report.Unreadable, "parameter", "parameters"))
	}
	if record {
		if err := verify.Record(ctx, s.archive, version.String(), began, report, findings); err != nil {
			return err
		}
	}
	if everything {
		public, _ := a.publicKey() // an error was one of open
		a.noteCheckpoints(s, report.Checkpoints, gone, public != nil || len(known) > 0)
	}
	switch {
	case len(rows) > 0:
		return shell.KindNeedsAttention.Part("", "verification found %s", shell.Count(len(rows), "fault", "faults"))
	case len(known) > 0 && report.Checkpoints.Denied:
		return shell.KindPermissionsMissing.Fail("allow "+readCheckpoints, "the known checkpoint was not compared: the caller may not read the checkpoints")
	}
	return uncompared
}

func findingLines(rows []findingRow) (lines []string) {
	for _, row := range rows {
		where := ""
		switch {
		case row.Name != nil:
			where = row.Name.String()
		case row.Key != nil:
			where = *row.Key
		}
		line := string(row.Fault) + " " + cmp.Or(where, "archive") + ": " + row.Reason
		if row.ObjectVersion != nil {
			line += " (" + *row.Key + ", object version " + *row.ObjectVersion + ")"
		}
		lines = append(lines, line)
	}
	return lines
}
