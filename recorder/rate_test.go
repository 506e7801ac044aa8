package recorder_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestReconcileRate lists 10,000 parameters where 3 DescribeParameters are allowed a
// second, while another client sends 5 a second, and reads the recorded ones at
// 5 a second: nothing fails.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-troubleshooting.html
func TestReconcileRate(t *testing.T) {
	if testing.Short() {
		t.Skip("it lists ten thousand parameters")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const parameters, recorded = 10_000, 50 // the others are listed and excluded
		w := testworld.New(t, testworld.Options{Emulator: emulator.Options{
			Queue:   emulator.QueueOptions{Copies: func(string) int { return 0 }},
			Limits:  map[string]float64{"ssm:DescribeParameters": 3, "ssm:GetParameterHistory": 5, "ssm:ListTagsForResource": 5},
			Latency: func(service, _ string) time.Duration { return 20 * time.Millisecond },
		}})
		users := w.Conn.SSM()
		name := func(i int) string {
			if i < recorded {
				return fmt.Sprintf("/app/%05d", i)
			}
			return fmt.Sprintf("/ci/%05d", i)
		}
		for i := range parameters {
			_, err := users.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(name(i)), Value: aws.String("v"), Type: types.ParameterTypeString})
			if err != nil {
				t.Fatal(err)
			}
		}
		r := recorder.New(w.Archive, paramstore.New(w.Conn.SSM(), paramstore.Options{Tagging: w.Conn.Tagging()}), recorder.Options{Account: account, Region: region, Exclude: []string{"/ci/*"}})
		done := make(chan struct{})
		defer close(done)
		go func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(200 * time.Millisecond): // whether it is served or not
					_, _ = users.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{}, func(o *ssm.Options) { o.Retryer = aws.NopRetryer{} })
				}
			}
		}()
		began := time.Now()
		report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !report.Complete || len(report.Failed) > 0 || report.Checked != recorded || report.Excluded != parameters-recorded {
			t.Fatalf("after %s: %d checked, %d failed, %v", time.Since(began), report.Checked, len(report.Failed), err)
		}
		t.Logf("%s, %d DescribeParameters of both", time.Since(began), w.AWS.Counts()["ssm:DescribeParameters"])
	})
}
