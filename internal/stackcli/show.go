package stackcli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/stack"
)

// EventRow is one event in JSON.
type EventRow struct{ Time, Status, Resource, Type, Reason string }

func eventRow(e stack.Event) EventRow {
	return EventRow{e.Time.Format("2006-01-02T15:04:05.000Z"), e.Status, e.Resource, e.Type, e.Reason}
}

func (a *app) events(ctx context.Context) error {
	s, _, err := a.open(ctx)
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
	if a.json() {
		rows := make([]EventRow, len(all))
		for i, e := range all {
			rows[i] = eventRow(e)
		}
		return render.JSON(a.env.Stdout, rows)
	}
	for _, e := range all {
		a.event(e)
	}
	return nil
}

func (a *app) outputs(ctx context.Context) error {
	s, _, err := a.open(ctx)
	if err != nil {
		return err
	}
	all, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, all)
	}
	rows := make([][]string, len(all))
	for i, o := range all {
		rows[i] = []string{o.Key, o.Value, o.Description}
	}
	return render.Table(a.env.Stdout, []string{"Output", "Value", "Description"}, rows)
}

func (a *app) resources(ctx context.Context) error {
	s, _, err := a.open(ctx)
	if err != nil {
		return err
	}
	all, err := s.Resources(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, all)
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{r.LogicalID, r.Type, r.PhysicalID, r.Status}
	}
	return render.Table(a.env.Stdout, []string{"Resource", "Type", "Id", "Status"}, rows)
}

// word prints one word, for $(...).
func (a *app) word(key, value string, err error) error {
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.env.Stdout, map[string]string{key: value})
	}
	return a.print("%s", value)
}

func (a *app) bucketname(ctx context.Context) error {
	s, _, err := a.open(ctx)
	if err != nil {
		return err
	}
	name, err := s.BucketName(ctx)
	return a.word("BucketName", name, err)
}

func (a *app) lambdaname(ctx context.Context) error {
	s, _, err := a.open(ctx)
	if err != nil {
		return err
	}
	name, err := s.LambdaName(ctx)
	return a.word("LambdaName", name, err)
}

func (a *app) region(ctx context.Context) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return a.word("Region", conn.Region(), nil)
}

func (a *app) template(context.Context) error {
	_, err := fmt.Fprint(a.env.Stdout, stack.Template())
	return err
}

func (a *app) status(ctx context.Context) error {
	s, _, err := a.open(ctx)
	if err != nil {
		return err
	}
	st, err := s.Status(ctx)
	if err != nil {
		return err
	}
	wrong := a.judge(st)
	if a.json() {
		if err := render.JSON(a.env.Stdout, struct {
			stack.Status
			Healthy  bool
			Problems []string
		}{st, len(wrong) == 0, append([]string{}, wrong...)}); err != nil {
			return err
		}
	} else if err := a.printStatus(st); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fail(wrong[0], "the stack %s is not as it should be", a.name)
	}
	if st.Version != a.env.Version && !st.Original {
		a.note("the stack is of ssmbak %s, and this is %s: `ssmbak-stack %s update` brings it to this one", versionText(st.Version), a.env.Version, a.name)
	}
	return nil
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
	for _, line := range lines {
		if err := a.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

func versionText(v string) string {
	if v == "" {
		return "(unknown)"
	}
	return v
}

// late is how long after the last reconcile something is wrong.
const late = 3 * time.Hour

// judge says what is not as it should be, as what to do about it.
func (a *app) judge(st stack.Status) (wrong []string) {
	command := func(words string) string { return fmt.Sprintf("`ssmbak-stack %s %s`", a.name, words) }
	if !strings.HasSuffix(st.Stack, "_COMPLETE") || strings.HasPrefix(st.Stack, "ROLLBACK") || strings.HasPrefix(st.Stack, "DELETE") {
		wrong = append(wrong, command("events")+" tells what happens to it")
	}
	switch {
	case st.Original:
		wrong = append(wrong, command("update")+" takes it over from the original ssmbak")
	case !st.HasFunctions:
		wrong = append(wrong, "it is half made: "+command("create")+" goes on")
	}
	if st.DeadLetters > 0 {
		wrong = append(wrong, "changes could not be recorded: `aws logs tail /aws/lambda/$(ssmbak-stack "+a.name+" lambdaname)` tells why, then "+command("redrive"))
	}
	if st.HasFunctions && !st.Original && !st.Complete.IsZero() && time.Since(st.Complete) > late {
		wrong = append(wrong, "the last complete reconcile is "+time.Since(st.Complete).Round(time.Minute).String()+" old: `ssmbak reconcile` makes one")
	}
	return wrong
}
