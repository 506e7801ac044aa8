package stackcli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/health"
	"github.com/ssmbak/ssmbak/internal/signkey"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// EventRow is the JSON form of an event.
type EventRow struct{ Time, Status, Resource, Type, Reason string }

func eventRow(e stack.Event) EventRow {
	return EventRow{e.Time.Format("2006-01-02T15:04:05.000Z"), e.Status, e.Resource, e.Type, e.Reason}
}

// event prints an event, with its time in UTC.
func (a *app) event(e stack.Event) {
	if a.Flags.Output == shell.JSON {
		_ = a.WriteLine(struct{ Event EventRow }{eventRow(e)})
		return
	}
	line := fmt.Sprintf("%s   %s  %s  %s", e.Time.Format("01/02/06 15:04:05"), e.Status, e.Resource, e.Type)
	if e.Reason != "" {
		line += "  " + e.Reason
	}
	_ = a.Lines(line)
}

func (a *app) events(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	var all []stack.Event
	for e, err := range s.Events(ctx) {
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	slices.Reverse(all)
	rows := make([]EventRow, len(all))
	for i, e := range all {
		rows[i] = eventRow(e)
	}
	return a.Data(rows, func(io.Writer) error {
		for _, e := range all {
			a.event(e)
		}
		return nil
	})
}

func (a *app) outputs(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	all, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, o := range all {
		rows[i] = []string{o.Key, o.Value}
	}
	return a.Data(all, func(w io.Writer) error { return columns(w, rows) })
}

func (a *app) resources(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	all, err := s.Resources(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{r.LogicalID, r.Type, r.Status, r.PhysicalID}
	}
	return a.Data(all, func(w io.Writer) error { return columns(w, rows) })
}

// columns writes rows in aligned columns. It does not wrap lines, so that names can be
// copied.
func columns(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = render.Escape(cell)
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

// word prints a single value, for use in $(...).
func (a *app) word(key, value string, err error) error {
	if err != nil {
		return err
	}
	return a.Data(map[string]string{key: value}, func(io.Writer) error { return a.Lines(value) })
}

func (a *app) bucketname(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	name, err := s.BucketName(ctx)
	return a.word("BucketName", name, err)
}

func (a *app) lambdaname(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	name, err := s.LambdaName(ctx)
	return a.word("LambdaName", name, err)
}

func (a *app) publicKey(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	key, err := s.PublicKey(ctx)
	if err != nil {
		return err
	}
	text, err := signkey.PEM(key)
	if err != nil {
		return err
	}
	return a.Data(map[string]string{"PublicKey": text}, func(io.Writer) error {
		return a.Lines(strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	})
}

func (a *app) region(ctx context.Context) error {
	conn, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	return a.word("Region", conn.Region(), nil)
}

func (a *app) template(context.Context) error {
	_, err := fmt.Fprint(a.Stdout, stack.Template())
	return err
}

func (a *app) status(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	st, err := s.Status(ctx)
	if err != nil {
		return err
	}
	report, err := a.inspect(ctx, s, st)
	if err != nil {
		return err
	}
	report.Checks = append(a.inCloudFormation(st), report.Checks...)
	rows := make([]render.CheckRow, len(report.Checks))
	for i, c := range report.Checks {
		rows[i] = render.CheckRow{Check: c.Name, State: string(c.State), Text: c.Text, Do: a.AddFlags(c.Do, func(string) string { return a.Where() })}
		report.Checks[i].Do = rows[i].Do
	}
	row := struct {
		State health.State
		stack.Status
		health.Report
	}{report.State(), st, report}
	err = a.Data(row, func(w io.Writer) error {
		if err := a.Lines(st.Stack); err != nil {
			return err
		}
		return render.Checks(w, rows, render.View{Width: a.Columns(w)})
	})
	if err != nil {
		return err
	}
	return shell.Judged(report.Count(health.Problem), report.Count(health.Unseen))
}

// inspect runs the checks of the archive of a stack that has one.
func (a *app) inspect(ctx context.Context, s *stack.Stack, st stack.Status) (health.Report, error) {
	if st.Legacy || st.BucketName == "" {
		return health.Report{}, nil
	}
	conn, err := a.Connect(ctx)
	if err != nil {
		return health.Report{}, err
	}
	caller, err := conn.Caller(ctx)
	if err != nil {
		return health.Report{}, err
	}
	opened, err := s.OpenArchive(ctx, st.BucketName)
	if err != nil {
		return health.Report{}, err
	}
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return health.Report{}, err
	}
	return health.Run(ctx, conn, opened, caller.Account, health.Options{Deployment: &st.Deployment, Version: a.env.Version, Target: everything})
}

// inCloudFormation returns the problem that CloudFormation shows, if there is one.
func (a *app) inCloudFormation(st stack.Status) (all []health.Check) {
	add := func(what, format string, args ...any) {
		all = append(all, health.Check{Name: "CloudFormation", State: health.Problem, Text: what, Do: fmt.Sprintf(format, args...)})
	}
	switch creating := strings.HasPrefix(st.Stack, "ROLLBACK") || strings.HasPrefix(st.Stack, "CREATE"); {
	case strings.HasSuffix(st.Stack, "_IN_PROGRESS"):
		add("it is "+st.Stack, "`%s` shows the progress", a.command("events"))
	case st.Stack == "ROLLBACK_COMPLETE", strings.HasSuffix(st.Stack, "_FAILED") && creating:
		add("it is "+st.Stack, "`%s` shows why; delete the stack with `%s`, then create it again with `%s`", a.command("events"), a.command("delete"), a.command("create"))
	case !strings.HasSuffix(st.Stack, "_COMPLETE"):
		add("it is "+st.Stack, "`%s` shows why", a.command("events"))
	case st.Legacy:
		add("it was created by the legacy ssmbak", "`%s` converts it", a.command("update"))
	case !st.HasFunctions:
		add("it is incomplete", "`%s` resumes its creation", a.command("create"))
	}
	return all
}

// problem is a problem with a stack, and what to do about it.
type problem struct{ what, do string }

func (p problem) String() string { return p.what + ": " + p.do }

// findings returns what the last listing could not record.
func (a *app) findings(l stack.Listing) (all []problem) {
	log := fmt.Sprintf("`aws logs tail /aws/lambda/%s-reconciler%s`", a.name, a.Where())
	if len(l.Failed) > 0 {
		all = append(all, problem{"not recorded: " + some(l.Failed), "see why with " + log + "; the next reconcile tries again"})
	}
	if len(l.Unreadable) > 0 {
		all = append(all, problem{"values unavailable: " + some(l.Unreadable), "see why with " + log + ", and allow the functions' roles to use their keys (kms:Decrypt)"})
	}
	if len(l.Gaps) > 0 {
		all = append(all, problem{"changes were never observed: " + some(l.Gaps), "`ssmbak log NAME" + a.Where() + "` shows the gaps"})
	}
	return all
}

// some returns the first names of a list.
func some(names []string) string {
	const shown = 3
	text := strings.Join(names[:min(len(names), shown)], ", ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (a *app) version(context.Context) error { return a.WriteVersion(a.env.Version, archive.Format) }
