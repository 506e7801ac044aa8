package ssmbakcli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/health"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/version"
)

func (a *app) newStatusCommand() *cobra.Command {
	var places placeFlags
	var report bool
	cmd := &cobra.Command{
		Use:   "status [PATH]",
		Short: "Show whether the archive is healthy and complete, and how long a restore takes",
		Long: `Show whether the archive and the stack that fills it are healthy: bucket, key,
functions, queues, up to when the archive is complete, what could not be recorded,
how late changes are recorded, the last restore, and how long a restore of all of
PATH would take. Each line is ok, warning or problem, and says what to do. What your
permissions do not show is "unseen", with the permission that would show it; the first
of the policies that ` + "`ssmbak-stack create`" + ` prints has all of them. Status writes nothing.

--report prints, for auditors, what the archive holds of PATH instead: since when and up
to when it is complete, and each exception: what is excluded, was never recorded, could
not be read, is hidden or damaged, or was removed by a lifecycle rule or on purpose.

--profiles and --regions make it a table with one row for each profile in each region,
read in parallel. One that cannot be read does not stop the others.

The exit code is 3 if there is a problem (with --report: nothing is complete, or something
is hidden, damaged or could not be recorded), 1 if something could not be seen, and 0
otherwise, also with warnings.`,
		Example: `  ssmbak status
  ssmbak status /app
  ssmbak status --output json
  ssmbak status --report --output markdown
  ssmbak status --profiles dev,prod --regions eu-west-1,us-east-1`,
		Args: optionalPath,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := a.pathTarget(args)
			if err != nil {
				return err
			}
			if report && places.given() {
				return shell.Usage("run it for each account and region", "--report is of one archive")
			}
			if report {
				return a.runReport(cmd.Context(), target)
			}
			if places.given() {
				return a.runStatuses(cmd.Context(), target, places)
			}
			return a.runStatus(cmd.Context(), target)
		},
	}
	cmd.Flags().BoolVar(&report, "report", false, "print what the archive holds, and what it does not, instead")
	cmd.Flags().StringSliceVar(&places.profiles, "profiles", nil, "one row for each of these `PROFILES` of the AWS configuration")
	cmd.Flags().StringSliceVar(&places.regions, "regions", nil, "one row for each of these `REGIONS`")
	cmd.Flags().StringVar(&places.file, "accounts-file", "", "one row for each line, PROFILE or PROFILE REGION, of this `FILE`; # begins a comment")
	return cmd
}

func (a *app) runStatus(ctx context.Context, target ssmbak.Target) error {
	conn, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	report, err := a.inspect(ctx, conn, target)
	if err != nil {
		return err
	}
	if err := a.printStatus(report); err != nil {
		return err
	}
	return shell.Judged(report.Count(health.Problem), report.Count(health.Unseen))
}

// inspect runs all checks of an account in a region.
func (a *app) inspect(ctx context.Context, conn *awsconn.Conn, target ssmbak.Target) (health.Report, error) {
	s, err := a.openWith(ctx, conn, reading)
	if err != nil {
		return health.Report{}, err
	}
	if err := s.atHome("status checks the functions and queues of the caller's own account and region"); err != nil {
		return health.Report{}, err
	}
	o := health.Options{Version: version.String(), Owner: a.flags.owner, Target: target, Now: time.Now}
	if _, described, err := s.archive.Deployment(ctx); err == nil && !described {
		if o.Deployment, err = a.deployment(ctx, s); err != nil {
			return health.Report{}, err
		}
	}
	return health.Run(ctx, s.conn, s.archive, s.caller.Account, o)
}

// deployment returns the stack that SSMBAK_STACKNAME names, nil if it names none, for an
// archive that does not say which stack records into it.
func (a *app) deployment(ctx context.Context, s *session) (*archive.Deployment, error) {
	name := a.Getenv("SSMBAK_STACKNAME")
	if name == "" {
		return nil, nil
	}
	st, err := stack.New(s.conn, stack.Options{Name: name})
	if err != nil {
		return nil, err
	}
	d, err := st.Deployment(ctx)
	return d, err
}

// printStatus writes the checks, with commands that can be pasted.
func (a *app) printStatus(report health.Report) error {
	rows := make([]render.CheckRow, len(report.Checks))
	for i, c := range report.Checks {
		rows[i] = render.CheckRow{Check: c.Name, State: string(c.State), Text: c.Text, Do: a.AddFlags(c.Do, a.flagsOf)}
		report.Checks[i].Do = rows[i].Do
	}
	return a.Data(statusRow{State: report.State(), Report: report}, func(w io.Writer) error { return render.Checks(w, rows, a.view(w)) })
}

// statusRow is a status in JSON.
type statusRow struct {
	State health.State
	health.Report
}

// flagsOf returns the flags with which a command of a program uses the account, the region
// and, for ssmbak, the archive of this run.
func (a *app) flagsOf(program string) string {
	if program == "ssmbak" {
		return a.where()
	}
	return a.Where()
}
