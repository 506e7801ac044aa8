package function

import (
	"context"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/recorder"
)

// Reconciled is the response to {"ssmbak":"reconcile"}. Its numbers count parameters.
type Reconciled struct {
	Checked, Recorded, Deleted, Gaps, Unreadable, Failed, Left, Excluded, Forged int
	Complete                                                                     bool
}

// reconcile compares all parameters with the archive.
func (f *Function) reconcile(ctx context.Context, c *connection) (Reconciled, error) {
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return Reconciled{}, err
	}
	report, err := c.Reconcile(ctx, everything, recorder.ReconcileOptions{})
	answer := Reconciled{
		Checked: report.Checked, Recorded: len(report.Recorded), Deleted: len(report.Deleted),
		Gaps: len(report.Gaps), Unreadable: len(report.Unreadable), Failed: len(report.Failed), Left: report.Left, Excluded: report.Excluded, Forged: len(report.Forged), Complete: report.Complete,
	}
	f.warn(ctx, report)
	f.o.Logger.InfoContext(ctx, "reconciled", "checked", answer.Checked, "recorded", answer.Recorded, "deleted", answer.Deleted,
		"gaps", answer.Gaps, "unreadable", answer.Unreadable, "failed", answer.Failed, "left", answer.Left, "excluded", answer.Excluded, "complete", answer.Complete)
	f.measureReconcile(ctx, c.archive, report, err)
	if err == nil && len(report.Failed) > 0 {
		// Lambda's Errors metric counts errors only.
		err = fmt.Errorf("%d of %d parameters could not be reconciled, first %s: %w", answer.Failed, answer.Checked, report.Failed[0].Name, report.Failed[0].Err)
	}
	return answer, err
}

// warn logs what a reconcile could not do. The recorder has already logged each
// unavailable value and each gap.
func (f *Function) warn(ctx context.Context, report recorder.Report) {
	for _, failed := range report.Failed {
		f.o.Logger.ErrorContext(ctx, "parameter not reconciled", "name", string(failed.Name), "error", failed.Err.Error())
	}
	if n := len(report.Restored) + len(report.Reregistered); n > 0 {
		f.o.Logger.WarnContext(ctx, "hidden objects restored", "indexes", len(report.Restored), "entries", len(report.Reregistered))
	}
	if n := len(report.Forged); n > 0 {
		f.o.Logger.WarnContext(ctx, "indexes that another program had written were replaced by their newest signed versions", "indexes", n, "names", archive.NameList(report.Forged))
	}
	if n := len(report.Unregistered); n > 0 {
		f.o.Logger.WarnContext(ctx, "register of names not complete", "names", n, "error", report.Unregistered[0].Err.Error())
	}
	if n := len(report.Unreadable); n > 0 {
		f.o.Logger.WarnContext(ctx, "values are unavailable: allow the function's role to use their keys (kms:Decrypt)", "parameters", n)
	}
	if report.Left > 0 {
		f.o.Logger.WarnContext(ctx, "out of time: the next reconcile continues", "left", report.Left)
	}
	if report.TagsUnchecked != nil {
		f.o.Logger.WarnContext(ctx, "tags of unchanged parameters not compared", "error", report.TagsUnchecked.Error())
	}
}

// measureReconcile writes the metrics of a reconcile. One that failed as such has looked
// at too few parameters to say anything but how long the archive has not been complete.
func (f *Function) measureReconcile(ctx context.Context, a *archive.Archive, report recorder.Report, failed error) {
	var all []metric
	if failed == nil {
		all = append(all, metric{metricUnreadable, float64(len(report.Unreadable))}, metric{metricGaps, float64(len(report.Gaps))}, metric{metricFailed, float64(len(report.Failed))})
	}
	if forged := len(report.Forged) + len(report.LostFacts) + len(report.Restored) + len(report.Reregistered); failed == nil || forged > 0 {
		all = append(all, metric{metricForged, float64(forged)})
	}
	if since, err := completeSince(ctx, a); err != nil {
		f.o.Logger.ErrorContext(ctx, "cannot read the last complete reconcile", "error", err.Error())
	} else {
		all = append(all, metric{metricCompleteAge, max(0, time.Since(since).Hours())})
	}
	if len(all) > 0 {
		f.measure(ctx, all...)
	}
}

// completeSince returns the time up to which the archive is complete or, if no reconcile
// has completed yet, when recording began.
func completeSince(ctx context.Context, a *archive.Archive) (time.Time, error) {
	reconciled, err := a.Reconciled(ctx)
	if err != nil || !reconciled.Last.IsZero() {
		return reconciled.Last, err
	}
	identity, _ := a.Identity()
	return identity.Created, nil
}
