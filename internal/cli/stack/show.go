package stackcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
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
	if missing := new(stack.NotSignedError); errors.As(err, &missing) {
		return shell.Fail("`ssmbak-stack "+missing.Name+" update --sign on` begins to sign it", "%s", missing)
	}
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
	problems := a.problems(st)
	row := struct {
		stack.Status
		Healthy  bool
		Problems []string
	}{st, len(problems) == 0, make([]string, len(problems))}
	for i, p := range problems {
		row.Problems[i] = p.String()
	}
	if err := a.Data(row, func(io.Writer) error { return a.printStatus(st) }); err != nil {
		return err
	}
	if st.Version != a.env.Version && !st.Legacy {
		a.Note("the stack was deployed by ssmbak %s, but this is %s: `%s` updates it", versionText(st.Version), a.env.Version, a.command("update"))
	}
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return shell.KindStackUnhealthy.Fail(problems[0].do, "problem with the stack %s: %s", a.name, problems[0].what)
	}
	for _, p := range problems {
		a.Note("%s: %s", p.what, p.do)
	}
	return shell.KindStackUnhealthy.Fail("start with the first", "%d problems with the stack %s", len(problems), a.name)
}

func (a *app) printStatus(st stack.Status) error {
	lines := []string{st.Stack}
	if st.Legacy {
		lines = append(lines, "version: legacy ssmbak")
	} else {
		complete := "unknown: no reconcile has completed yet"
		if !st.Complete.IsZero() {
			complete = "up to " + st.Complete.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		lines = append(lines,
			"version: "+versionText(st.Version),
			"bucket: "+st.BucketName,
			fmt.Sprintf("waiting: %d, being recorded: %d, dead letters: %d", st.Waiting, st.InFlight, st.DeadLetters),
			"complete: "+complete,
			fmt.Sprintf("unreadable: %d, failed: %d, new gaps: %d, left to compare: %d", len(st.Listing.Unreadable), len(st.Listing.Failed), len(st.Listing.Gaps), st.Listing.Left))
	}
	return a.Lines(lines...)
}

func versionText(v string) string {
	if v == "" {
		return "(unknown)"
	}
	return v
}

// problem is a problem with a stack, and what to do about it.
type problem struct{ what, do string }

func (p problem) String() string { return p.what + ": " + p.do }

// problems returns the problems with a stack, most serious first.
func (a *app) problems(st stack.Status) (all []problem) {
	add := func(what, format string, args ...any) {
		all = append(all, problem{what, fmt.Sprintf(format, args...)})
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
	if st.DeadLetters > 0 {
		add(shell.Count(st.DeadLetters, "change", "changes")+" could not be recorded", "see why with `aws logs tail /aws/lambda/%s-recorder%s` and fix the cause, then run `%s`", a.name, a.Where(), a.command("redrive"))
	}
	if st.HasFunctions && !st.Legacy && !st.Complete.IsZero() && a.Now().Sub(st.Complete) > time.Duration(max(1, st.MissedHours))*time.Hour {
		add("the last complete reconcile is "+a.Now().Sub(st.Complete).Round(time.Minute).String()+" old", "see why with `aws logs tail /aws/lambda/%s-reconciler%s`, then run `ssmbak reconcile%s`", a.name, a.Where(), a.Where())
	}
	return append(all, a.findings(st.Listing)...)
}

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
