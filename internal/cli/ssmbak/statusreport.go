package ssmbakcli

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/health"
)

// runReport prints what the archive holds of a target, and what it does not hold.
func (a *app) runReport(ctx context.Context, target ssmbak.Target) error {
	s, err := a.open(ctx, reading)
	if err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	report, err := health.Complete(ctx, s.archive, target)
	if err != nil {
		return err
	}
	if report.Parameters == 0 && !target.Root() {
		return a.nothing(ctx, s, target)
	}
	if err := a.Data(report, func(w io.Writer) error { return a.writeReport(w, report) }); err != nil {
		return err
	}
	attention := 0
	if report.CompleteUpTo == 0 {
		attention++
	}
	for _, e := range report.Exceptions {
		if e.Kind == health.Hidden || e.Kind == health.Damaged || e.Kind == health.Failed {
			attention++
		}
	}
	return shell.Judged(attention, 0)
}

func (a *app) writeReport(w io.Writer, r health.Completeness) error {
	v := a.view(w)
	when := func(t ssmbak.Time, none string) string {
		if t == 0 {
			return none
		}
		return v.Exact(t)
	}
	facts := [][]string{
		{"archive", fmt.Sprintf("bucket %s, account %s in %s", r.Bucket, r.Account, r.Region)},
		{"path", r.Path},
		{"recording since", when(r.Since, "not yet")},
		{"first complete", when(r.First, "not yet")},
		{"complete up to", when(r.CompleteUpTo, "not yet")},
		{"parameters", fmt.Sprintf("%d recorded, %d of them live", r.Parameters, r.Live)},
		{"versions", strconv.Itoa(r.Versions)},
	}
	if r.Legacy {
		facts = append(facts, []string{"earlier records", "of the legacy ssmbak, which knew no deletions by others, labels and tags"})
	}
	if !r.Checked {
		facts = append(facts, []string{"hidden indexes", "not looked for: the register of names is not complete yet"})
	}
	if len(r.Exceptions) == 0 {
		facts = append(facts, []string{"exceptions", "none"})
	}
	if err := render.Table(w, []string{"Report", "Note"}, facts, v); err != nil || len(r.Exceptions) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	rows := make([][]string, len(r.Exceptions))
	for i, e := range r.Exceptions {
		version := ""
		if e.Version != 0 {
			version = strconv.FormatInt(e.Version, 10)
		}
		rows[i] = []string{e.Kind, e.Subject, version, when(e.Time, ""), when(e.Until, ""), v.Local(e.Reason)}
	}
	return render.Table(w, []string{"Exception", "Name", "Version", "Time", "Until", "Reason"}, rows, v)
}
