package verify_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/verify"
)

// TestWhileRecording verifies while a recorder is between a value and its index, for long.
func TestWhileRecording(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := build(t)
		_, err := w.Live.Put(t.Context(), paramstore.Write{
			Name: "/other", Value: ssmbak.NewValue("two"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString},
		})
		w.Must(err)
		time.Sleep(2 * time.Second)
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/index/other", Times: 1, Fault: emulator.Fault{Delay: 20 * time.Second}})
		go w.Drain()
		time.Sleep(time.Second)
		if current := w.AWS.S3.Versions(bucket, "/other")[0]; string(current.Body) != "two" {
			t.Fatalf("the current value is %q", current.Body)
		}
		report, err := verify.Run(t.Context(), w.Archive, testworld.Target(t, "/", true), verify.Options{Found: func(f archive.Finding) {
			t.Errorf("found %s %s: %s", f.Fault, f.Name, f.Detail)
		}})
		w.Must(err)
		if report.Parameters < 5 {
			t.Errorf("report %+v", report)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}
