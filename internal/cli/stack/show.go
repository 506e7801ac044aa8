package stackcli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/version"
)

// EventRow is one event in JSON.
type EventRow struct{ Time, Status, Resource, Type, Reason string }

func eventRow(e stack.Event) EventRow {
	return EventRow{e.Time.Format("2006-01-02T15:04:05.000Z"), e.Status, e.Resource, e.Type, e.Reason}
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

// columns writes rows under each other. Nothing wraps, so that a name can be
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

// word prints one word, for $(...).
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
	wrong := a.judge(st)
	row := struct {
		stack.Status
		Healthy  bool
		Problems []string
	}{st, len(wrong) == 0, make([]string, len(wrong))}
	for i, p := range wrong {
		row.Problems[i] = p.String()
	}
	if err := a.Data(row, func(io.Writer) error { return a.printStatus(st) }); err != nil {
		return err
	}
	if st.Version != a.env.Version && !st.Original {
		a.Note("the stack is of ssmbak %s, and this is %s: `%s` brings it to this one", versionText(st.Version), a.env.Version, a.command("update"))
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return shell.Fail(wrong[0].do, "the stack %s is not as it should be: %s", a.name, wrong[0].what)
	}
	for _, p := range wrong {
		a.Note("%s: %s", p.what, p.do)
	}
	return shell.Fail("begin with the first", "%d things about the stack %s are not as they should be", len(wrong), a.name)
}

func (a *app) printStatus(st stack.Status) error {
	lines := []string{st.Stack}
	if st.Original {
		lines = append(lines, "version: of the original ssmbak")
	} else {
		complete := "not known: no reconcile has ended yet"
		if !st.Complete.IsZero() {
			complete = "up to " + st.Complete.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		lines = append(lines,
			"version: "+versionText(st.Version),
			"bucket: "+st.BucketName,
			fmt.Sprintf("waiting: %d, being recorded: %d, dead letters: %d", st.Waiting, st.InFlight, st.DeadLetters),
			"complete: "+complete)
	}
	return a.Lines(lines...)
}

func versionText(v string) string {
	if v == "" {
		return "(unknown)"
	}
	return v
}

// problem is something that is not as it should be, and what to do about it.
type problem struct{ what, do string }

func (p problem) String() string { return p.what + ": " + p.do }

// judge says what is not as it should be, the gravest first.
func (a *app) judge(st stack.Status) (wrong []problem) {
	add := func(what, format string, args ...any) {
		wrong = append(wrong, problem{what, fmt.Sprintf(format, args...)})
	}
	switch begun := strings.HasPrefix(st.Stack, "ROLLBACK") || strings.HasPrefix(st.Stack, "CREATE"); {
	case strings.HasSuffix(st.Stack, "_IN_PROGRESS"):
		add("it is "+st.Stack, "`%s` shows what happens to it", a.command("events"))
	case st.Stack == "ROLLBACK_COMPLETE", strings.HasSuffix(st.Stack, "_FAILED") && begun:
		add("it is "+st.Stack, "`%s` tells why; `%s` takes it away, then `%s` makes it anew", a.command("events"), a.command("delete"), a.command("create"))
	case !strings.HasSuffix(st.Stack, "_COMPLETE"):
		add("it is "+st.Stack, "`%s` tells why", a.command("events"))
	case st.Original:
		add("it is one of the original ssmbak", "`%s` takes it over", a.command("update"))
	case !st.HasFunctions:
		add("it is half made", "`%s` goes on", a.command("create"))
	}
	if st.DeadLetters > 0 {
		add(shell.Count(st.DeadLetters, "change", "changes")+" could not be recorded", "`aws logs tail /aws/lambda/%s-recorder%s` tells why, then `%s`", a.name, a.Where(), a.command("redrive"))
	}
	if st.HasFunctions && !st.Original && !st.Complete.IsZero() && a.Now().Sub(st.Complete) > time.Duration(max(1, st.MissedHours))*time.Hour {
		add("the last complete reconcile is "+a.Now().Sub(st.Complete).Round(time.Minute).String()+" old", "`aws logs tail /aws/lambda/%s-reconciler%s` tells why, and `ssmbak reconcile%s` makes one", a.name, a.Where(), a.Where())
	}
	return wrong
}

func (a *app) version(context.Context) error {
	row := struct{ Version, Revision, Go, Platform string }{a.env.Version, version.Revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	return a.Data(row, func(io.Writer) error {
		return a.Print("ssmbak-stack %s, %s %s", row.Version, row.Go, row.Platform)
	})
}
