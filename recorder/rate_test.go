package recorder_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestReconcileRate lists 10,000 parameters where 3 DescribeParameters are allowed a
// second, while another client sends 5 a second, and reads the recorded ones at
// 5 a second: nothing fails.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-troubleshooting.html
func TestReconcileRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const parameters, recorded = 10_000, 50 // the others are listed but excluded
		a := emulator.New(emulator.Options{
			Account: "123456789012", Region: "us-east-1", Clock: emulator.RealClock(),
			Queue:   emulator.QueueOptions{Copies: func(string) int { return 0 }},
			Limits:  map[string]float64{"ssm:DescribeParameters": 3, "ssm:GetParameterHistory": 5, "ssm:ListTagsForResource": 5},
			Latency: func(service, _ string) time.Duration { return 20 * time.Millisecond },
		})
		a.S3.CreateBucket("backup", true)
		conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", EndpointURL: "http://127.0.0.1", HTTPClient: a.Client(), Anonymous: true})
		if err != nil {
			t.Fatal(err)
		}
		users := conn.SSM()
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
		opened, err := archive.Open(t.Context(), conn.S3(), archive.Options{Bucket: "backup", Account: "123456789012", Region: "us-east-1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := opened.Establish(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := recorder.New(opened, paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()}), recorder.Options{Account: "123456789012", Region: "us-east-1", Exclude: []string{"/ci/*"}})
		all, err := ssmbak.ParseTarget("/", true)
		if err != nil {
			t.Fatal(err)
		}
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
		report, err := r.Reconcile(t.Context(), all, recorder.ReconcileOptions{})
		if err != nil || !report.Complete || len(report.Failed) > 0 || report.Checked != recorded || report.Excluded != parameters-recorded {
			t.Fatalf("after %s: %d checked, %d failed, %v", time.Since(began), report.Checked, len(report.Failed), err)
		}
		t.Logf("%s, %d DescribeParameters of both", time.Since(began), a.Counts()["ssm:DescribeParameters"])
	})
}
