package health

import (
	"context"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// usualMissedHours is for how many hours no reconcile may have completed, unless the stack
// says otherwise; see the template.
const usualMissedHours = 3

// missedAfter returns how old the last complete reconcile may be.
func missedAfter(d *archive.Deployment) time.Duration {
	if d == nil || d.MissedHours < 1 {
		return usualMissedHours * time.Hour
	}
	return time.Duration(d.MissedHours) * time.Hour
}

// coverage checks the last reconcile: up to when the archive is complete, and what could not
// be recorded.
func (i *inspection) coverage(ctx context.Context, d *archive.Deployment) []Check {
	logs := "the output of `ssmbak reconcile`"
	if d != nil && d.Reconciler != "" {
		logs = "`aws logs tail /aws/lambda/" + d.Reconciler + "`"
	}
	progress, progressErr := i.archive.Progress(ctx)
	if progressErr == nil {
		i.report.LastReconcile = timeOf(progress.Began)
	}
	var all []Check
	reconciled, err := i.archive.Reconciled(ctx)
	if err != nil {
		all = unseen("complete", "up to when the archive is complete", "s3:GetObject on .ssmbak/reconciled", err)
	} else {
		i.report.CompleteUpTo = timeOf(reconciled.Last)
		all = i.complete(reconciled, progress, missedAfter(d), logs)
	}
	if progressErr != nil {
		return append(all, unseen("reconcile", "what the last reconcile could not record", "s3:GetObject on .ssmbak/listing", progressErr)...)
	}
	return append(all, i.findings(progress, reconciled, logs)...)
}

func timeOf(t time.Time) ssmbak.Time {
	if t.IsZero() {
		return 0
	}
	return ssmbak.TimeOf(t)
}

func (i *inspection) complete(r archive.Reconciled, p archive.Progress, missed time.Duration, logs string) []Check {
	left := ""
	if n := len(p.Todo); n > 0 {
		left = fmt.Sprintf("; %s of %d left to compare", number(n, "parameter"), p.Total)
	}
	if r.Last.IsZero() {
		id, exists := i.archive.Identity()
		text := "no reconcile has completed yet" + left
		if exists && i.now.Sub(id.Created) > missed {
			return problem("complete", text, "see why with "+logs+", then run `ssmbak reconcile`")
		}
		return warning("complete", text, "the first reconcile is in progress, or `ssmbak reconcile` runs one")
	}
	text := "up to " + ssmbak.TimeOf(r.Last).String() + ", " + i.ago(r.Last) + left
	if i.now.Sub(r.Last) >= missed {
		return problem("complete", text, "see why with "+logs+", then run `ssmbak reconcile`")
	}
	return ok("complete", text)
}

// findings checks what listings could not record.
func (i *inspection) findings(p archive.Progress, r archive.Reconciled, logs string) (all []Check) {
	names := func(keep func(archive.Attempt) bool) []ssmbak.Name { return append([]ssmbak.Name{}, p.Names(keep)...) }
	left := len(p.Todo)
	i.report.Left = &left
	i.report.Unreadable = names(func(a archive.Attempt) bool { return a.Unreadable != "" })
	i.report.Failed = names(func(a archive.Attempt) bool { return a.Failed != "" })
	i.report.Gaps = names(func(a archive.Attempt) bool { return a.Gap })
	switch {
	case p.ID == "" && r.Last.IsZero(): // the check before says so
	case p.ID == "":
		all = ok("reconcile", "found nothing to record")
	case len(i.report.Failed) > 0:
		all = problem("reconcile", "of "+timeOf(p.Began).String()+": could not record "+some(i.report.Failed), "see why with "+logs+"; the next reconcile tries again")
	default:
		all = ok("reconcile", "of "+timeOf(p.Began).String()+", "+number(p.Total, "parameter")+" compared")
	}
	if n := len(i.report.Unreadable); n > 0 {
		all = append(all, problem("unreadable", number(n, "parameter")+" with an unavailable value: "+some(i.report.Unreadable), "allow the functions' roles to use their keys (kms:Decrypt); see why with "+logs)...)
	} else {
		all = append(all, ok("unreadable", "none")...)
	}
	if missed := r.Unrecorded(); len(missed) > 0 && len(i.report.Failed) == 0 {
		all = append(all, warning("missed", "earlier listings could not record or compare "+some(missed)+": they are unknown before their first record", "nothing: readers name them")...)
	}
	if n := len(i.report.Gaps); n > 0 {
		return append(all, problem("gaps", "changes of "+some(i.report.Gaps)+" were never observed", "`ssmbak log "+i.report.Gaps[0].String()+"` shows the gaps, which cannot be filled")...)
	}
	return append(all, ok("gaps", "none found by the last reconcile")...)
}
