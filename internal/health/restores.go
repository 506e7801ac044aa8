package health

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ssmbak/ssmbak/paramstore"
)

// lastRestore says what the last restore did.
func (i *inspection) lastRestore(ctx context.Context) []Check {
	all, _, err := i.archive.RestoreRecords(ctx, 1)
	switch {
	case err != nil:
		return unseen("restore", "the last restore", "s3:GetObject on .ssmbak/restores/*", err)
	case len(all) == 0:
		return ok("restore", "none yet")
	}
	r := all[0]
	text := fmt.Sprintf("%s, %s, of %s", r.ID, i.ago(r.Began), r.Target)
	if r.Ended.IsZero() && i.now.Sub(r.Began) > time.Hour {
		return warning("restore", text+": it was interrupted", "`ssmbak undo "+r.ID+" --dry-run` shows what it changed")
	}
	if r.Ended.IsZero() {
		return ok("restore", text+": in progress")
	}
	failed := 0
	for _, item := range r.Items {
		if item.Status == "failed" {
			failed++
		}
	}
	if failed > 0 {
		return warning("restore", fmt.Sprintf("%s: %s failed", text, number(failed, "parameter")), "rerun it: `ssmbak "+r.Arguments+"`")
	}
	return ok("restore", text+": "+number(len(r.Items), "parameter"))
}

// drillAge is the age from which on a drill says little about today's parameters.
const drillAge = 90 * 24 * time.Hour

// lastDrill says what the last drill found.
func (i *inspection) lastDrill(ctx context.Context) []Check {
	const again = "`ssmbak drill PATH now` proves that a restore works"
	d, exists, err := i.archive.LastDrill(ctx)
	switch {
	case err != nil:
		return unseen("drill", "the last drill", "s3:GetObject on .ssmbak/drill", err)
	case !exists:
		return warning("drill", "none yet: no restore has been practiced", again)
	}
	of, command := d.Path, "ssmbak drill "+d.Path+" now"
	if d.From != "" {
		of += " from bucket " + d.From
		command += " --bucket " + d.From + " --into " + i.account + "/" + i.conn.Region()
	}
	text := fmt.Sprintf("of %s, %s", of, i.ago(d.Began))
	i.report.Drill = &d
	switch {
	case d.Ended.IsZero() && i.now.After(d.Until):
		return problem("drill", text+": it was killed, and its parameters below "+d.Prefix()+" may exist", "`ssmbak reconcile` removes them, half an hour after "+d.Until.UTC().Format(time.RFC3339))
	case d.Ended.IsZero():
		return ok("drill", text+": in progress")
	case len(d.Findings) > 0:
		return problem("drill", fmt.Sprintf("%s: %s not restored as recorded, first %s: %s", text, number(len(d.Findings), "parameter"), d.Findings[0].Name, d.Findings[0].Reason), "fix the cause, then `"+command+"`")
	case d.Incomplete:
		return warning("drill", text+": it was not completed", again)
	case i.now.Sub(d.Began) > drillAge:
		return warning("drill", text, again)
	}
	return ok("drill", fmt.Sprintf("%s: %s restored in %s, and compared", text, number(d.Compared, "parameter"), span(time.Duration(d.Seconds*float64(time.Second)))))
}

// RTO estimates how long a restore takes that has to write every live parameter of a path.
type RTO struct {
	Path       string
	Parameters int
	Rate       float64 // writes per second
	Estimate   Seconds
}

// estimate estimates the time of a restore. Parameters are counted by their current value
// objects, since an index does not say in a listing whether its parameter exists.
func (i *inspection) estimate(ctx context.Context) []Check {
	rto := &RTO{Path: i.o.Target.String()}
	if name, possible := i.o.Target.Name(); possible {
		index, err := i.archive.Index(ctx, name)
		if err != nil {
			return unseen("RTO", "the index of "+name.String(), "s3:GetObject on .ssmbak/index/*", err)
		}
		if _, live := index.Newest(); live {
			rto.Parameters++
		}
	}
	for _, err := range i.archive.CurrentValues(ctx, i.o.Target) {
		if err != nil {
			return unseen("RTO", "how many parameters there are", "s3:ListBucket", err)
		}
		if rto.Parameters++; rto.Parameters == MaxNames {
			break
		}
	}
	assumed := ""
	rate, err := paramstore.WriteRate(ctx, i.conn.SSM())
	if rto.Rate = rate; err != nil {
		assumed = ", which is assumed: ssm:GetServiceSetting would show whether it is higher"
	}
	rto.Estimate = Seconds(math.Ceil(float64(rto.Parameters)/rto.Rate)) * Seconds(time.Second)
	i.report.RTO = rto
	if rto.Parameters == 0 {
		return ok("RTO", "no live parameter of "+rto.Path+" is recorded")
	}
	about := "about"
	if rto.Parameters == MaxNames {
		about = "more than"
	}
	return ok("RTO", fmt.Sprintf("a restore of %s of %s takes %s %s, at %g writes per second%s",
		number(rto.Parameters, "live parameter"), i.o.Target, about, span(time.Duration(rto.Estimate)), rto.Rate, assumed))
}
