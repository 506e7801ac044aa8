package restore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// limits are the requests per second of an account. Of PutParameter and DescribeParameters,
// accounts allow 3 by default and 10 with the higher throughput setting; 40 is more than was
// ever reported. The limits of the history, the tags and the labels are not published.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
// https://github.com/github-aws-runners/terraform-aws-github-runner/issues/5243
func limits(put, describe float64) map[string]float64 {
	return map[string]float64{
		"ssm:PutParameter": put, "ssm:DescribeParameters": describe, "ssm:DeleteParameter,DeleteParameters": 5,
		"ssm:GetParameterHistory": 10, "ssm:ListTagsForResource": 10, "ssm:AddTagsToResource": 10, "ssm:RemoveTagsFromResource": 10,
		"ssm:LabelParameterVersion": 10, "ssm:UnlabelParameterVersion": 10,
	}
}

// inAccount runs a test in virtual time, in an account with these limits per second that
// answers after 20 ms, with clients as a user of the library creates them.
func inAccount(t *testing.T, limits map[string]float64, test func(w *world)) {
	t.Helper()
	inWorld(t, emulator.Options{Limits: limits, Latency: func(string, string) time.Duration { return 20 * time.Millisecond }}, test)
}

// fill writes a version of n parameters below a path.
func (w *world) fill(path string, n int, value string, overwrite bool) {
	w.Helper()
	for i := range n {
		_, err := w.Live.Put(w.Context(), paramstore.Write{Name: numbered(path, i), Value: ssmbak.NewValue(value), Overwrite: overwrite, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
		w.Must(err)
	}
}

// fillTags sets tags of n parameters below a path.
func (w *world) fillTags(path string, n int, tags map[string]string) {
	w.Helper()
	for i := range n {
		w.Must(w.Live.AddTags(w.Context(), numbered(path, i), tags))
	}
}

func numbered(path string, i int) ssmbak.Name { return ssmbak.Name(fmt.Sprintf("%s%03d", path, i)) }

// TestRestoreRate plans and restores parameters in accounts with all limits, in virtual
// time, as the first command of a process. It checks that at least 90 % of the PutParameter
// limit is used, the plan included, and that nothing fails.
func TestRestoreRate(t *testing.T) {
	if testing.Short() {
		t.Skip("it restores hundreds of parameters in each of several accounts")
	}
	t.Parallel()
	type rate struct {
		name          string
		put, describe float64
		parameters    int
		tags          bool
	}
	rates := []rate{{"3", 3, 3, 120, false}, {"10 with tags", 10, 5, 150, true}}
	if extent.Long() {
		rates = []rate{{"3", 3, 3, 120, false}, {"10", 10, 5, 300, false}, {"10 with tags", 10, 5, 300, true}}
	}
	for _, rate := range rates {
		t.Run(rate.name, func(t *testing.T) {
			t.Parallel()
			inAccount(t, limits(rate.put, rate.describe), func(w *world) {
				w.fill("/app/", rate.parameters, "one", false)
				if rate.tags {
					w.fillTags("/app/", rate.parameters, map[string]string{"env": "prod"})
				}
				w.Record()
				then := w.pass()
				w.fill("/app/", rate.parameters, "two", true)
				if rate.tags {
					w.fillTags("/app/", rate.parameters, map[string]string{"env": "dev"})
				}
				w.Record()
				w.pass()

				w.AWS.ResetCounts()
				began := time.Now()
				r := restore.New(w.Archive, paramstore.New(w.Conn.SSM(), paramstore.Options{}), w.Recorder, restore.Options{})
				p, err := r.Plan(w.Context(), testworld.Target(w, "/app/", false), then)
				w.Must(err)
				planned := time.Since(began)
				res, err := r.Apply(w.Context(), p)
				w.Must(err)
				w.Must(res.Unrecorded)
				took := time.Since(began)
				for _, o := range res.Outcomes {
					if o.Status != plan.StatusRestored {
						w.Fatalf("%s: %s, %v", o.Item.Name, o.Status, o.Err)
					}
				}
				got := (float64(rate.parameters) - rate.put) / took.Seconds() // without what the first second has in addition
				w.Logf("%g PutParameter and %g DescribeParameters per second: %.2f restored per second, %.0f %%, planned after %.1f s: %v",
					rate.put, rate.describe, got, 100*got/rate.put, planned.Seconds(), w.AWS.Counts())
				if got < 0.9*rate.put {
					w.Errorf("%.2f per second, want at least 90 %% of %g", got, rate.put)
				}
			})
		})
	}
}

// TestApplyRate applies plans that restore and delete hundreds of parameters, at all rates. It
// checks that at least 90 % of the PutParameter limit is used, and that parameters are read
// about once a second.
func TestApplyRate(t *testing.T) {
	if testing.Short() {
		t.Skip("it restores hundreds of parameters in each of several accounts")
	}
	t.Parallel()
	parameters, deletions := 500, 100
	rates := []struct{ put, describe float64 }{{40, 10}, {10, 10}, {3, 3}}
	if !extent.Long() {
		parameters, deletions, rates = 200, 40, rates[:1]
	}
	for _, rate := range rates {
		t.Run(fmt.Sprint(rate.put), func(t *testing.T) {
			t.Parallel()
			inAccount(t, limits(rate.put, rate.describe), func(w *world) {
				w.fill("/app/", parameters, "one", false)
				w.Record()
				then := w.pass()
				w.fill("/app/", parameters, "two", true)
				w.fill("/app/new", deletions, "new", false)
				w.Record()
				w.pass()

				p := w.plan("/app/", false, then, restore.Options{Options: plan.Options{Exact: true}})
				w.AWS.ResetCounts()
				began := time.Now()
				outcomes := w.apply(w.Context(), p, restore.Options{Options: plan.Options{Exact: true}})
				took := time.Since(began)
				for _, o := range outcomes {
					want := plan.StatusRestored
					if o.Item.Action == plan.ActionDelete {
						want = plan.StatusDeleted
					}
					if o.Status != want {
						w.Fatalf("%s: %s, %v", o.Item.Name, o.Status, o.Err)
					}
				}
				counts := w.AWS.Counts()
				puts, looks := counts["ssm:PutParameter"], counts["ssm:DescribeParameters"]
				got := (float64(parameters) - rate.put) / took.Seconds()
				w.Logf("%g PutParameter and %g DescribeParameters per second: %.2f restored per second, %.0f %%, with %d PutParameter, %d DescribeParameters, %d DeleteParameters",
					rate.put, rate.describe, got, 100*got/rate.put, puts, looks, counts["ssm:DeleteParameters"])
				if got < 0.9*rate.put {
					w.Errorf("%.2f per second, want at least 90 %% of %g", got, rate.put)
				}
				if puts > 2*parameters {
					w.Errorf("%d PutParameter for %d parameters", puts, parameters)
				}
				// One per second, and one for each throttled write.
				if most := int(took.Seconds()) + puts - parameters + 20; looks > most {
					w.Errorf("%d DescribeParameters in %s, want at most %d", looks, took, most)
				}
			})
		})
	}
}
