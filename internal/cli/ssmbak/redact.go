package ssmbakcli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// redactAgain is how long a recorder that read the index before a redaction may still write
// the value: the greatest timeout of a Lambda function.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const redactAgain = 15 * time.Minute

type redactOptions struct {
	version selector
	at      string
	yes     bool
}

func (a *app) newRedactCommand() *cobra.Command {
	var o redactOptions
	cmd := &cobra.Command{
		Use:   "redact NAME:VERSION",
		Short: "Remove the value of one version from the archive, permanently",
		Long: `Remove every copy of the value of one version of a parameter from the archive, such as
a secret that was stored by mistake, and never record it again. What else is known of
the version stays. Nothing brings the value back.

The version that is live is refused: overwrite or delete the parameter first. Other
versions and other parameters with the same value are listed. Parameter Store keeps up
to 100 older versions of its own, and copies of the bucket keep what they hold. A
recorder that is at work may still write the value: repeat the command after 15
minutes. It needs s3:DeleteObjectVersion, which only the stack's admins have.`,
		Example: `  ssmbak redact /app/card:3
  ssmbak redact /app/card:3 --time 2024-06-13T20:10:54.417Z`,
		Args: exactly("NAME:VERSION"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, ok := a.selector(args[0])
			if !ok || s.label {
				return shell.Usage("`ssmbak log NAME` shows the numbers of versions", "%q is not NAME:VERSION, such as /app/db:3", args[0])
			}
			o.version = s
			return a.runRedact(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.at, "time", "", "the `TIME` of the version that log shows, if an earlier life of the parameter has the number, too")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask for confirmation")
	return cmd
}

// redactedRow is the outcome in JSON.
type redactedRow struct {
	Name    ssmbak.Name
	Version int64
	Time    ssmbak.Time
	Removed int
	Kept    []archive.KeptCopy
	// SameValue are other object versions with the same value.
	SameValue []holderRow
}

type holderRow struct {
	Name          ssmbak.Name
	Version       *int64
	Time          *ssmbak.Time
	ObjectVersion string
}

func (a *app) runRedact(ctx context.Context, o redactOptions) error {
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	v, err := a.versionToRedact(ctx, s, o)
	if err != nil {
		return err
	}
	if err := a.refuseLive(ctx, s, v); err != nil {
		return err
	}
	if err := a.confirmRedaction(ctx, v, o.yes); err != nil {
		return err
	}
	same, err := s.sameValue(ctx, v)
	if err != nil {
		return err
	}
	done, err := s.recorder(a).Redact(ctx, v.name, v.Version, timeline.Redaction{At: ssmbak.TimeOf(a.Now()), By: s.caller.ARN})
	if err != nil {
		return err
	}
	row := redactedRow{Name: v.name, Version: v.Number, Time: v.Time, Removed: done.Removed, Kept: done.Kept, SameValue: same}
	if row.Kept == nil {
		row.Kept = []archive.KeptCopy{}
	}
	if err := a.Data([]redactedRow{row}, func(io.Writer) error { return a.Lines(redactedLines(row)...) }); err != nil {
		return err
	}
	a.NoteFacts(shell.Facts{"Name": v.name, "Version": v.Number, "Time": v.Time, "Counts": shell.Facts{"removed": done.Removed}},
		"redacted version %d of %s and removed %s", v.Number, v.name, shell.Count(done.Removed, "copy", "copies"))
	again := ssmbak.TimeOf(a.Now().Add(redactAgain).Truncate(time.Second))
	a.NoteFacts(shell.Facts{"Until": again}, "Parameter Store and copies of the bucket may still hold the value; after %s, repeat the command", a.both(again))
	if n := len(done.Kept); n > 0 {
		return shell.KindPartial.Part("the first one: "+done.Kept[0].Reason, "%s not be removed", shell.Count(n, "copy could", "copies could"))
	}
	return nil
}

// versionToRedact finds the version in the archive: the one with the time, or else that of
// the newest life.
func (a *app) versionToRedact(ctx context.Context, s *session, o redactOptions) (chosen, error) {
	found, err := a.versions(ctx, s, []selector{o.version})
	if err != nil {
		return chosen{}, err
	}
	if o.at == "" {
		return found[0], nil
	}
	at, err := ssmbak.ParseTime(o.at, a.Now())
	if err != nil {
		return chosen{}, shell.Usage("copy it from `ssmbak log "+string(o.version.name)+"`", "--time: %v", err)
	}
	for _, v := range found[0].line.Facts().Versions {
		if v.Number == found[0].Number && v.Time == at {
			return chosen{v, found[0].line, found[0].name}, nil
		}
	}
	return chosen{}, shell.KindNotFound.Fail("`ssmbak log "+string(o.version.name)+"` shows the times", "%s has no version %d of %s", o.version.name, found[0].Number, at)
}

// refuseLive returns an error if the version is live: the archive must be able to bring
// back what is live.
func (a *app) refuseLive(ctx context.Context, s *session, v chosen) error {
	live, err := s.live.History(ctx, v.name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if n := len(live.Versions); n > 0 && live.Versions[n-1].Number == v.Number && live.Versions[n-1].Time == v.Time {
		return shell.KindLive.Fail("overwrite or delete the parameter first", "version %d of %s is live", v.Number, v.name)
	}
	for _, x := range live.Versions {
		if x.Number == v.Number && x.Time == v.Time {
			a.NoteFacts(shell.Facts{"Name": v.name, "Version": v.Number}, "Parameter Store still holds version %d in the history of %s: it goes with the parameter, or after 100 newer versions", v.Number, v.name)
		}
	}
	return nil
}

// confirmRedaction returns nil if the caller gave --yes or agrees.
func (a *app) confirmRedaction(ctx context.Context, v chosen, yes bool) error {
	if ask, err := a.Asks(yes, "--yes", "a redaction cannot be undone"); !ask {
		return err
	}
	return a.AskGravely(ctx, "this removes the value of "+v.String()+" from the archive, permanently")
}

// sameValue returns the other object versions with the value of a version, none if that has
// no value.
func (s *session) sameValue(ctx context.Context, v chosen) ([]holderRow, error) {
	rows := []holderRow{}
	value, _, err := s.archive.KnownValue(ctx, v.name, v.Version.Version, v.Objects)
	if err != nil || !value.IsKnown() {
		return rows, err
	}
	all, err := s.archive.Holders(ctx, value.V)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.Name == v.name && h.Version == v.Ref() {
			continue
		}
		rows = append(rows, holderRow{h.Name, orNil(h.Version.Number), orNil(h.Version.Time), h.ObjectVersion})
	}
	return rows, nil
}

func redactedLines(row redactedRow) (lines []string) {
	for _, k := range row.Kept {
		lines = append(lines, "kept "+string(row.Name)+" (object version "+k.ObjectVersion+"): "+k.Reason)
	}
	for _, h := range row.SameValue {
		line := "same value: " + string(h.Name)
		if h.Version != nil {
			line = "same value: " + chosen{Version: timeline.Version{Version: ssmbak.Version{Number: *h.Version}}, name: h.Name}.String() + " of " + h.Time.String()
		}
		lines = append(lines, line+" (object version "+h.ObjectVersion+")")
	}
	return lines
}
