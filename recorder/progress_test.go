package recorder_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// runs reconciles everything, 15 minutes of each hour, until it is complete.
func runs(t *testing.T, w *testworld.World, r *recorder.Recorder, most int) (n int, last recorder.Report) {
	t.Helper()
	for n = 1; ; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		report, err := r.Reconcile(ctx, testworld.Everything(t), recorder.ReconcileOptions{})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if report.Complete {
			return n, report
		}
		if n == most {
			t.Fatalf("%d parameters are left after %d runs", report.Left, n)
		}
		time.Sleep(45 * time.Minute)
	}
}

// TestFillInRuns fills an archive with secrets in runs of 15 minutes, with AWS's rate of
// DescribeParameters, at 10 reads a second of which the reconciler has a third. Live
// parameters are listed once, not in every run. SSMBAK_FILL=100000 fills that many.
func TestFillInRuns(t *testing.T) {
	if !extent.Long() && os.Getenv("SSMBAK_FILL") == "" {
		t.Skip("it fills an archive with thousands of secrets: set SSMBAK_LONG=1")
	}
	t.Parallel()
	n := 3000
	if text := os.Getenv("SSMBAK_FILL"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{Emulator: kind()})
		secrets(t, w, n, "alias/app")
		began := time.Now()
		w.AWS.ResetCounts()
		share := 10.0 / 3
		most := 2 + int(float64(2*n)/share/800) // two reads for each
		count, report := runs(t, w, paced(w, share), most)
		if len(report.Failed)+len(report.Unreadable) > 0 {
			t.Errorf("%d failed, %d unreadable", len(report.Failed), len(report.Unreadable))
		}
		c := w.AWS.Counts()
		// The listing, the one that follows it, and throttled requests.
		if pages := n / 50; c["ssm:DescribeParameters"] > 5*pages/2 || c["ssm:GetParameterHistory"] > n+33*count {
			t.Errorf("%d DescribeParameters and %d GetParameterHistory for %d parameters in %d runs", c["ssm:DescribeParameters"], c["ssm:GetParameterHistory"], n, count)
		}
		if count < 3 {
			t.Errorf("it took %d runs, want several", count)
		}
		t.Logf("%d secrets in %d runs, %s", n, count, time.Since(began))
		index, err := w.Archive.Index(t.Context(), ssmbak.Name(fmt.Sprintf("/app/app/%05d", n-1)))
		if err != nil || len(index.Facts.Versions) != 1 || len(index.Facts.Versions[0].Objects) != 1 {
			t.Errorf("the last is recorded as %+v, %v", index.Facts, err)
		}
	})
}

// TestUnreadableStarveNobody has more secrets that cannot be read than one run can try.
// A parameter whose event was lost is recorded by the next run all the same, and each
// unreadable secret is tried in turn.
func TestUnreadableStarveNobody(t *testing.T) {
	if !extent.Long() {
		t.Skip("SSMBAK_LONG=1 runs it: it reads thousands of secrets")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 2900
		w := testworld.New(t, testworld.Options{Emulator: kind()})
		secrets(t, w, n, "alias/lost")
		w.AWS.SSM.DeleteKey("alias/lost")
		time.Sleep(time.Minute)
		r := paced(w, 10.0/3)
		_, report := runs(t, w, r, 20)
		if len(report.Unreadable) != n {
			t.Errorf("%d are unreadable, want %d", len(report.Unreadable), n)
		}
		hourly := func() recorder.Report {
			t.Helper()
			time.Sleep(45 * time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			report, err := r.Reconcile(ctx, testworld.Everything(t), recorder.ReconcileOptions{})
			if err != nil || !report.Complete {
				t.Errorf("a reconcile after everything was tried: %+v, %v", report.Left, err)
			}
			return report
		}
		if _, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/zzz"), Value: aws.String("v"), Type: types.ParameterTypeString}); err != nil {
			t.Fatal(err)
		}
		if report := hourly(); len(report.Unreadable) != n || !slices.Contains(report.Recorded, "/zzz") {
			t.Errorf("%d are unreadable and %v was recorded, want %d and /zzz", len(report.Unreadable), report.Recorded, n)
		}
		w.AWS.SSM.EnableKey("alias/lost")
		left, hours := n, 0
		for ; left > 0 && hours < 8; hours++ {
			left = len(hourly().Unreadable)
		}
		if left > 0 {
			t.Errorf("%d of %d are still unreadable %d hours after the key can be used", left, n, hours)
		}
		t.Logf("%d read again in %d hours", n, hours)
	})
}

// TestKilledListing kills a reconcile at each of its requests. The next ones continue the
// same listing if it was saved; everything is recorded, and complete since it began.
func TestKilledListing(t *testing.T) {
	t.Parallel()
	for kill := 1; ; kill++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			w := testworld.New(t, testworld.Options{Emulator: noEvents(emulator.Options{})})
			secrets(t, w, 3, "alias/app")
			secrets(t, w, 1, "alias/lost")
			w.AWS.SSM.DeleteKey("alias/lost")
			time.Sleep(time.Minute)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			// A killed process sends nothing more, and saves nothing.
			var mu sync.Mutex
			alive, sent, listed := true, 0, false
			dying := w.AWS.ClientWith(func(service, op, key string) emulator.Fault {
				mu.Lock()
				defer mu.Unlock()
				if alive { // it opens the archive
					return emulator.Fault{}
				}
				sent++
				if sent >= kill {
					cancel()
					return emulator.Fault{LostBefore: true}
				}
				listed = listed || service == "s3" && op == "PutObject" && key == ".ssmbak/listing"
				if op == "GetParameterHistory" && !listed {
					t.Error("a parameter was read before the listing was saved")
				}
				return emulator.Fault{}
			})
			_, r := w.Another(w.Conn)
			first := ssmbak.TimeOf(time.Now())
			_, killed := w.Another(w.Connect(dying))
			alive = false
			if _, err := killed.Reconcile(ctx, testworld.Everything(t), recorder.ReconcileOptions{}); err == nil && sent < kill {
				finished = true
			}
			time.Sleep(time.Hour)
			// The next one has time only for what the first one left.
			var report recorder.Report
			limited, cancel := context.WithTimeout(t.Context(), 45*time.Second)
			defer cancel()
			report, err := r.Reconcile(limited, testworld.Everything(t), recorder.ReconcileOptions{})
			if err != nil || !report.Complete || report.Left != 0 || len(report.Unreadable) != 1 {
				t.Fatalf("killed at request %d, then: %+v, %v", kill, report, err)
			}
			noted, err := w.Archive.Reconciled(t.Context())
			if err != nil || noted.First.IsZero() {
				t.Fatalf("killed at request %d: %+v, %v", kill, noted, err)
			}
			if since := ssmbak.TimeOf(noted.First); listed && since > first.Add(time.Minute) {
				t.Errorf("killed at request %d, after the listing of %v was saved: complete since %v", kill, first, since)
			}
			for i := range 3 {
				name := ssmbak.Name(fmt.Sprintf("/app/app/%05d", i))
				if index, err := w.Archive.Index(t.Context(), name); err != nil || len(index.Facts.Versions) != 1 || len(index.Facts.Versions[0].Objects) == 0 {
					t.Errorf("killed at request %d: %s is recorded as %+v, %v", kill, name, index.Facts, err)
				}
			}
		})
		if finished || t.Failed() {
			if kill < 20 {
				t.Errorf("a reconcile has only %d requests", kill)
			}
			return
		}
	}
}

// recorderWith returns a recorder that uses a client.
func recorderWith(w *testworld.World, client *http.Client) *recorder.Recorder {
	conn := w.Connect(client)
	return recorder.New(w.Archive, paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()}), recorder.Options{Account: account, Region: region, Exclude: []string{}})
}

// TestGoneBeforeContinued deletes a parameter between the run that lists it and the run
// that continues, whose event is lost. Its version is in the archive: it existed.
func TestGoneBeforeContinued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{Emulator: noEvents(emulator.Options{})})
		secrets(t, w, 40, "alias/app")
		time.Sleep(time.Minute)
		slow := w.AWS.ClientWith(func(_, op, _ string) emulator.Fault {
			if op == "GetParameterHistory" {
				return emulator.Fault{Hang: true}
			}
			return emulator.Fault{}
		})
		limited, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		listed := ssmbak.TimeOf(time.Now())
		report, err := recorderWith(w, slow).Reconcile(limited, testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || report.Left != 40 {
			t.Fatalf("the first run: %+v, %v", report, err)
		}
		const name = "/app/app/00007"
		if _, err := w.SSM.DeleteParameters(t.Context(), &ssm.DeleteParametersInput{Names: []string{name}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		limited, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		report, err = w.Recorder.Reconcile(limited, testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !report.Complete {
			t.Fatalf("the second run: %+v, %v", report, err)
		}
		index, err := w.Archive.Index(t.Context(), name)
		if err != nil || len(index.Facts.Versions) != 1 || !strings.HasPrefix(index.Facts.Versions[0].Unreadable, "not read: ") {
			t.Errorf("%s, which was listed at %v, is recorded as %+v, %v", name, listed, index.Facts, err)
		}
	})
}

// store writes the progress of a listing.
func store(t *testing.T, w *testworld.World, text string) {
	t.Helper()
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	_, err := zip.Write([]byte(text + "\n"))
	if err := errors.Join(err, zip.Close()); err != nil {
		t.Fatal(err)
	}
	in := &s3.PutObjectInput{Bucket: aws.String("archive"), Key: aws.String(".ssmbak/listing"), Body: bytes.NewReader(body.Bytes())}
	if _, err := w.Conn.S3().PutObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// TestForgedProgress writes progress that says that nothing is left of a listing that
// began later than it was written. It is not believed.
func TestForgedProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{Emulator: noEvents(emulator.Options{})})
		secrets(t, w, 1, "alias/app")
		_, r := w.Another(w.Conn)
		store(t, w, `{"format":1,"writer":"w","id":"1","began":"`+time.Now().UTC().Add(2*time.Minute).Format(time.RFC3339)+`","total":1}`)
		report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !report.Complete || report.Resumed || len(report.Recorded) != 1 || report.Began > ssmbak.TimeOf(time.Now()) {
			t.Errorf("reconcile: %+v, %v", report, err)
		}
	})
}

// TestNewerProgress checks that progress that only a newer program can read is neither
// used nor replaced.
func TestNewerProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.New(t, testworld.Options{Emulator: noEvents(emulator.Options{})})
		secrets(t, w, 1, "alias/app")
		store(t, w, `{"format":2,"reader":2,"what":"else"}`)
		report, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !report.Complete || len(report.Recorded) != 1 {
			t.Errorf("reconcile: %+v, %v", report, err)
		}
		if all := w.AWS.S3.Versions("archive", ".ssmbak/listing"); len(all) != 1 {
			t.Errorf("there are %d versions of it", len(all))
		}
		_, err = w.Archive.Progress(t.Context())
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("read without an error")
		}
	})
}
