package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// TestRestore restores a tree by the command, from plan to summary, in accounts with these
// limits and in one without. Each fifth parameter has a tag. At least 90 % of the allowed
// PutParameter must be used, with at most 5 requests for each parameter in the account without
// limits.
func TestRestore(t *testing.T) {
	t.Parallel()
	for _, account := range []struct {
		name        string
		small, full int
		put         float64
		limits      map[string]float64
	}{
		{"Put=10,Describe=5", 120, 500, 10, map[string]float64{"ssm:PutParameter": 10, "ssm:DescribeParameters": 5}},
		{"Put=3,Describe=3,Tags=10,History=10", 120, 500, 3, map[string]float64{"ssm:PutParameter": 3, "ssm:DescribeParameters": 3, "ssm:ListTagsForResource": 10, "ssm:GetParameterHistory": 10, "ssm:GetParameter": 40}},
		{"Put=10,Describe=5,Tags=10,History=10", 120, 500, 10, map[string]float64{"ssm:PutParameter": 10, "ssm:DescribeParameters": 5, "ssm:ListTagsForResource": 10, "ssm:GetParameterHistory": 10, "ssm:GetParameter": 40}},
		{"Unlimited", 120, 1000, 0, nil},
	} {
		t.Run(account.name, func(t *testing.T) {
			t.Parallel()
			n := Size(account.small, account.full)
			Run(t, Options{Limits: account.limits}, func(b *Bed) {
				each := func(value string) {
					for i := range n {
						name := fmt.Sprintf("/app/%03d", i)
						put(b, name, value)
						if i%5 == 0 && value == "one" {
							key, tag := "team", "a"
							_, err := b.SSM.AddTagsToResource(b.Context(), &ssm.AddTagsToResourceInput{ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: &key, Value: &tag}}})
							b.Must(err)
						}
						if account.put > 0 { // as a deployment that heeds the limit
							time.Sleep(time.Duration(1.1 * float64(time.Second) / account.put))
						}
					}
				}
				each("one")
				time.Sleep(time.Minute)
				b.Record()
				then := time.Now().UTC().Format(time.RFC3339)
				time.Sleep(time.Minute)
				each("two")
				time.Sleep(time.Minute)
				b.Record()
				time.Sleep(time.Minute)
				m := b.Measure(func() { command(b, "archive", 0, "restore", "/app", then, "-R", "--yes") })
				for i := range n {
					if got := b.AWS.SSM.Truth(fmt.Sprintf("/app/%03d", i)); got[len(got)-1].Value != "one" {
						b.Fatalf("/app/%03d is %q", i, got[len(got)-1].Value)
					}
				}
				requests, rate := float64(m.Requests)/float64(n), float64(n)/m.Took.Seconds()
				metrics := []any{fmt.Sprintf("%.2f", requests), "requests/parameter", fmt.Sprintf("%.2f", rate), "restored/s"}
				if account.put > 0 {
					metrics = append(metrics, fmt.Sprintf("%.0f", 100*rate/account.put), "%/limit")
				}
				if account.put == 0 && requests > 5 || rate < 0.9*account.put {
					b.Errorf("%.2f requests for each parameter and %.2f parameters per second, want at most 5 and at least 90 %% of %g", requests, rate, account.put)
				}
				m.Row(t, fmt.Sprintf("Restore/%s/parameters=%d", account.name, n), metrics...)
			})
		})
	}
}

// TestRevert takes back one version of each of some parameters by the command, in an account
// with the limits of a restore: it reads neither tags nor histories, which did not change. A
// restore of as few parameters reads both of each in its plan.
func TestRevert(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"revert", "restore"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			n := Size(50, 100)
			limits := map[string]float64{"ssm:PutParameter": 10, "ssm:DescribeParameters": 5, "ssm:ListTagsForResource": 10, "ssm:GetParameterHistory": 10}
			Run(t, Options{Limits: limits}, func(b *Bed) {
				each := func(value string) {
					for i := range n {
						put(b, fmt.Sprintf("/app/%03d", i), value)
						time.Sleep(110 * time.Millisecond)
					}
					time.Sleep(time.Minute)
				}
				each("one")
				b.Record()
				times := []string{time.Now().UTC().Format(time.RFC3339)}
				time.Sleep(time.Minute)
				each("two")
				if verb == "revert" {
					times = append(times, time.Now().UTC().Format(time.RFC3339))
				}
				time.Sleep(time.Minute)
				b.Record()
				time.Sleep(time.Minute)
				m := b.Measure(func() {
					command(b, "archive", 0, slices.Concat([]string{verb, "/app"}, times, []string{"-R", "--yes"})...)
				})
				for i := range n {
					if got := b.AWS.SSM.Truth(fmt.Sprintf("/app/%03d", i)); got[len(got)-1].Value != "one" {
						b.Fatalf("/app/%03d is %q", i, got[len(got)-1].Value)
					}
				}
				rate, reads := float64(n)/m.Took.Seconds(), m.Operations["ssm:ListTagsForResource"]+m.Operations["ssm:GetParameterHistory"]
				if verb == "revert" && (reads > 0 || rate < 9) {
					b.Errorf("%d reads of tags and histories, and %.2f parameters per second, want none and at least 90 %% of 10", reads, rate)
				}
				m.Row(t, fmt.Sprintf("Few/%s/parameters=%d", verb, n), fmt.Sprintf("%.2f", rate), "changed/s", fmt.Sprintf("%.0f", 10*rate), "%/limit")
			})
		})
	}
}
