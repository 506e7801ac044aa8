package health

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
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

// The rates of PutParameter in requests per second, with and without higher throughput.
// https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
const (
	usualRate  = 3
	higherRate = 10
)

// throughputSetting is the setting of the account that says which rate applies.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
const throughputSetting = "/ssm/parameter-store/high-throughput-enabled"

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
	rto := &RTO{Path: i.o.Target.String(), Rate: usualRate}
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
	out, err := i.conn.SSM().GetServiceSetting(ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(throughputSetting)})
	switch {
	case err != nil:
		assumed = ", which is assumed: ssm:GetServiceSetting would show whether it is higher"
	case out.ServiceSetting != nil && aws.ToString(out.ServiceSetting.SettingValue) == "true":
		rto.Rate = higherRate
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
