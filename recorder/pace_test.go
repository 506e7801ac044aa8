package recorder_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// paced returns a recorder like that of a function, which may send so many reads a second.
func paced(w *testworld.World, rate float64) *recorder.Recorder {
	live := paramstore.New(w.Conn.SSM(), paramstore.Options{Tagging: w.Conn.Tagging(), MaxReadRate: rate})
	return recorder.New(w.Archive, live, recorder.Options{Account: account, Region: region, Exclude: []string{}})
}

// secrets creates secrets under a key, without events.
func secrets(t *testing.T, w *testworld.World, n int, key string) {
	t.Helper()
	for i := range n {
		in := &ssm.PutParameterInput{Name: aws.String(fmt.Sprintf("/app/%s/%05d", key[6:], i)), Value: aws.String("v"), Type: types.ParameterTypeSecureString, KeyId: &key}
		if i >= 10_000 { // https://docs.aws.amazon.com/general/latest/gr/ssm.html
			in.Tier = types.ParameterTierAdvanced
		}
		if _, err := w.SSM.PutParameter(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// kind is an account with AWS's default rates, of which all reads of values share one. The
// requests of the functions take 20 ms.
func kind() emulator.Options {
	limits := maps.Clone(emulator.StandardThroughput())
	delete(limits, "ssm:GetParameter,GetParameters,GetParametersByPath")
	limits["ssm:GetParameter,GetParameters,GetParametersByPath,GetParameterHistory"] = 40
	delete(limits, "ssm:PutParameter")
	o := noEvents(emulator.Options{})
	o.Limits, o.Latency = limits, func(string, string) time.Duration { return 20 * time.Millisecond }
	return o
}

// TestApplicationIsServed lets an application read 5 parameters a second, without retries,
// while a first fill records 4,000 secrets. No read is throttled.
func TestApplicationIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 4000
		if !extent.Long() {
			n = 400
		}
		w := testworld.New(t, testworld.Options{Emulator: kind()})
		secrets(t, w, n, "alias/app")
		done, stopped := make(chan struct{}), make(chan struct{})
		reads, lost := 0, 0
		go func() {
			defer close(stopped)
			for {
				select {
				case <-done:
					return
				case <-time.After(200 * time.Millisecond):
					reads++
					in := &ssm.GetParameterInput{Name: aws.String(fmt.Sprintf("/app/app/%05d", reads%n)), WithDecryption: aws.Bool(true)}
					if _, err := w.SSM.GetParameter(t.Context(), in, func(o *ssm.Options) { o.Retryer = aws.NopRetryer{} }); err != nil {
						lost++
					}
				}
			}
		}()
		r := paced(w, 10)
		began := time.Now()
		report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		took := time.Since(began)
		close(done)
		<-stopped
		if err != nil || !report.Complete || len(report.Recorded) != n {
			t.Errorf("reconcile: %d recorded, complete: %v, %v", len(report.Recorded), report.Complete, err)
		}
		if lost > 0 || reads < 100 {
			t.Errorf("%d of %d reads of the application were lost", lost, reads)
		}
		counts := w.AWS.Counts()
		sent := counts["ssm:GetParameterHistory"] + counts["ssm:ListTagsForResource"] + counts["ssm:DescribeParameters"]
		if rate := float64(sent-1) / took.Seconds(); rate > 10 || counts["ssm:GetParameter"] != reads {
			t.Errorf("%.1f reads a second, %d GetParameter of the recorder", rate, counts["ssm:GetParameter"]-reads)
		}
		t.Logf("%d secrets in %s, %d reads of the application", n, took, reads)
	})
}

// TestOneHistory checks that a reconcile reads the values of a secret with its history, and
// no value by GetParameter, whether its keys can be used or not.
func TestOneHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{Emulator: noEvents(emulator.Options{})})
		secrets(t, w, 10, "alias/app")
		secrets(t, w, 5, "alias/lost")
		w.AWS.SSM.DeleteKey("alias/lost")
		time.Sleep(time.Minute)
		w.AWS.ResetCounts()
		r := paced(w, 0)
		report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || len(report.Unreadable) != 5 || len(report.Recorded) != 15 {
			t.Errorf("reconcile: %+v, %v", report, err)
		}
		if n := w.AWS.Counts(); n["ssm:GetParameterHistory"] != 10+2*5 || n["ssm:GetParameter"] != 0 {
			t.Errorf("%d GetParameterHistory and %d GetParameter, want 20 and 0", n["ssm:GetParameterHistory"], n["ssm:GetParameter"])
		}
		index, err := w.Archive.Index(t.Context(), ssmbak.Name("/app/lost/00000"))
		if err != nil || len(index.Facts.Versions) != 1 || index.Facts.Versions[0].Unreadable == "" {
			t.Errorf("recorded %+v, %v, want a version with the reason", index.Facts, err)
		}
	})
}
