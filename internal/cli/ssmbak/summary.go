package ssmbakcli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

func (a *app) addSummary(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.flags.summary, "summary", false, "print a summary with counts instead of the rows")
}

func (a *app) printSummary(s render.SummaryRow) error {
	return a.Data(s, func(w io.Writer) error { return render.WriteSummary(w, s, a.view(w)) })
}

// printRestorePlan writes the plan of a restore, or its summary. to is the prefix that it
// restores to, or "", and out is the file that gets the plan, or "": if that is standard
// output, the plan is written to standard error.
func (a *app) printRestorePlan(ctx context.Context, s *session, p *restore.Plan, to, out string) error {
	if out != "" && a.isStdout(out) {
		view := a.view(a.Stderr)
		view.Live = true
		return render.Items(a.Stderr, render.Title(p, to, view), render.Summary(p), p.Items, view)
	}
	if a.flags.summary {
		return a.printSummary(summaryOfPlan(p))
	}
	return a.printPlan(ctx, s, render.Title(p, to, a.view(a.Stdout)), render.Summary(p), p.Items)
}

// printComparison writes what is left of the rows of a comparison, or its summary.
func (a *app) printComparison(ctx context.Context, c *restore.Comparison, rows *itemRows) error {
	if a.flags.summary {
		return a.printSummary(summaryOfComparison(c, rows))
	}
	return rows.close(ctx, render.ComparisonSummary(rows.count, c.Unchanged))
}

// summaryOfItems returns the summary of the items of a plan or a comparison.
func summaryOfItems(target string, items []plan.Item) render.SummaryRow {
	s := render.SummaryOf(target)
	for _, item := range items {
		render.Count(&s, item.Action)
	}
	return s
}

func summaryOfPlan(p *restore.Plan) render.SummaryRow {
	s := summaryOfItems(fmt.Sprint(p.Target), p.Items)
	s.CompleteUpTo = p.Complete
	switch {
	case p.Until != 0:
		s.From, s.Until = p.At, p.Until
	case p.Undoes == "":
		s.At = p.At
	}
	return s
}

func summaryOfComparison(c *restore.Comparison, rows *itemRows) render.SummaryRow {
	s := render.SummaryOf(c.Target.String())
	for action, n := range rows.counts {
		s.Counts[string(action)] += n
	}
	if c.Unchanged > 0 {
		s.Counts[string(plan.ActionNone)] += c.Unchanged
	}
	s.From, s.Until, s.CompleteUpTo = c.From, c.To, c.Complete
	return s
}

// summaryOfResult returns the summary of what a restore did, counted by status.
func summaryOfResult(p *restore.Plan, res restore.Result) render.SummaryRow {
	s := summaryOfPlan(p)
	s.Counts = make(map[string]int)
	s.SetRestore(res.ID)
	for _, o := range res.Outcomes {
		if o.Item.Action == plan.ActionKeep {
			render.Count(&s, plan.ActionKeep)
		} else {
			render.Count(&s, o.Status)
		}
	}
	return s
}

// summaryOfStates returns the summary of a preview, counted by certainty, with deleted
// parameters as one kind.
func summaryOfStates(target string, states []ssmbak.State) render.SummaryRow {
	s := render.SummaryOf(target)
	for _, st := range states {
		if st.Deleted && st.Certainty != ssmbak.Unknown {
			render.Count(&s, "deleted")
		} else {
			render.Count(&s, st.Certainty.String())
		}
	}
	return s
}

// summaryOfChanges returns the summary of a log, counted by change.
func summaryOfChanges(target ssmbak.Target, changes iter.Seq[ssmbak.Change]) render.SummaryRow {
	s := render.SummaryOf(target.String())
	for c := range changes {
		render.Count(&s, strings.ToLower(string(c.Operation)))
	}
	return s
}
