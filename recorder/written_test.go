package recorder_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// written counts the bytes of the objects that requests store.
type written struct {
	*http.Client
	bytes *atomic.Int64
}

func (w written) Do(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		w.bytes.Add(r.ContentLength)
	}
	return w.Client.Do(r)
}

// TestFillWritesLinearly fills an archive with ten times as many secrets as another. Each
// parameter costs as many bytes: the cache and the progress of the listing, which are always
// written completely, are written the less often the larger they are.
func TestFillWritesLinearly(t *testing.T) {
	if !extent.Long() {
		t.Skip("SSMBAK_LONG=1 runs it: it fills an archive with thousands of secrets")
	}
	t.Parallel()
	few, rate := 100, 0.25 // reads a second: it takes hours
	if !testing.Short() {  // not for each mutation
		few, rate = 500, 10.0
	}
	fill := func(n int) (each float64) {
		synctest.Test(t, func(t *testing.T) {
			w := testworld.New(t, testworld.Options{Emulator: kind()})
			secrets(t, w, n, "alias/app")
			var total atomic.Int64
			conn := w.Connect(written{w.AWS.Client(), &total})
			a, _ := w.Another(conn)
			live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging(), MaxReadRate: rate})
			r := recorder.New(a, live, recorder.Options{Account: account, Region: region, Exclude: []string{}, Parallel: 4})
			report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
			if err != nil || !report.Complete || len(report.Recorded) != n {
				t.Fatalf("reconcile: %d recorded, complete: %v, %v", len(report.Recorded), report.Complete, err)
			}
			each = float64(total.Load()) / float64(n)
			t.Logf("%d secrets: %.0f bytes each", n, each)
		})
		return each
	}
	if small, large := fill(few), fill(10*few); large > 1.5*small {
		t.Errorf("%.0f bytes for each of %d, and %.0f for each of %d, want at most 1.5 times as many", small, few, large, 10*few)
	}
}
