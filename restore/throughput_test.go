package restore_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// TestRestoreRate restores 500 parameters in accounts that allow 3, 10 and 40
// PutParameter per second, in virtual time: at least 90 % of that is used, and
// none fails. 3 are what an account has, 10 what one has that pays for higher
// throughput.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
func TestRestoreRate(t *testing.T) {
	t.Parallel()
	const parameters = 500
	for _, limit := range []float64{3, 10, 40} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{TB: t, aws: emulator.New(emulator.Options{
					Account: account, Region: region, Clock: emulator.RealClock(), Limits: map[string]float64{"ssm:PutParameter": limit},
					Latency: func(string, string) time.Duration { return 20 * time.Millisecond },
				})}
				w.aws.S3.CreateBucket(bucket, true)
				conn := w.conn(w.aws.Client())
				var err error
				w.archive, err = archive.Open(t.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region})
				w.must(err)
				w.must(w.archive.Establish(t.Context()))
				w.live = paramstore.New(conn.SSM(), paramstore.Options{Writer: conn.Writer(awsconn.WriteOptions{})})
				w.recorder = recorder.New(w.archive, w.live, recorder.Options{Account: account, Region: region})
				w.ssm = conn.Writer(awsconn.WriteOptions{})
				name := func(i int) string { return fmt.Sprintf("/app/%03d", i) }
				for i := range parameters {
					w.put(name(i), "one")
				}
				w.record()
				then := w.pass()
				for i := range parameters {
					w.put(name(i), "two")
				}
				w.record()
				w.pass()

				plan := w.plan("/app/", false, then, restore.Options{})
				w.aws.ResetCounts()
				began := time.Now()
				outcomes := w.apply(t.Context(), plan, restore.Options{})
				took := time.Since(began)
				for _, o := range outcomes {
					if o.Status != restore.Restored {
						t.Fatalf("%s: %s, %v", o.Item.Name, o.Status, o.Err)
					}
				}
				rate, puts := parameters/took.Seconds(), w.aws.Counts()["ssm:PutParameter"]
				t.Logf("%.2f of %g per second, %.0f %%, with %d requests", rate, limit, 100*rate/limit, puts)
				if rate < 0.9*limit {
					t.Errorf("%.2f per second, want at least 90 %% of %g", rate, limit)
				}
				if puts > 2*parameters {
					t.Errorf("%d requests for %d parameters", puts, parameters)
				}
			})
		})
	}
}
