package recorder_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestExclude excludes names: their events are done at once, a reconcile skips
// them, and a missing record does not count as proof of absence. Once they are no
// longer excluded, the next reconcile records them.
func TestExclude(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, nil)
		with := func(exclude []string) *recorder.Recorder {
			return recorder.New(w.Archive, w.Live, recorder.Options{Account: account, Region: region, Exclude: exclude})
		}
		reconcile := func(r *recorder.Recorder) recorder.Report {
			t.Helper()
			time.Sleep(time.Hour)
			report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
			if err != nil || !report.Complete {
				t.Fatalf("%+v, %v", report, err)
			}
			return report
		}
		recorded := func() (names []ssmbak.Name) {
			t.Helper()
			for name, err := range w.Archive.Names(t.Context(), testworld.Everything(t)) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
			return names
		}
		covers := func(name ssmbak.Name, at time.Time, want bool) {
			t.Helper()
			complete, err := w.Archive.Reconciled(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := complete.Covers(name, ssmbak.TimeOf(at)); got != want {
				t.Errorf("absence of %s at %s proved: %v, want %v", name, at, got, want)
			}
		}
		patterns := []string{"/ci/**", "tmp-*"}

		w.Recorder = with(patterns)
		w.put(t, "/app/db", "one", ssmbak.TypeString)
		w.put(t, "/ci/run", "hunter2", ssmbak.TypeString)
		w.put(t, "/app/tmp-1", "hunter2", ssmbak.TypeString)
		if n := w.Drain(); n != 0 {
			t.Errorf("%d messages were returned to the queue", n)
		}
		if diff := cmp.Diff([]ssmbak.Name{"/app/db"}, recorded()); diff != "" {
			t.Errorf("recorded by events (-want +got):\n%s", diff)
		}
		if r := reconcile(w.Recorder); r.Excluded != 2 || r.Checked != 1 {
			t.Errorf("the first reconcile: %+v", r)
		}
		while := time.Now()
		covers("/app/none", while, true)
		covers("/ci/none", while, false)

		// Without patterns of its own, a reconcile uses those of the last one.
		if r := reconcile(with(nil)); r.Excluded != 2 || len(r.Recorded) != 0 {
			t.Errorf("a reconcile without patterns: %+v", r)
		}
		if diff := cmp.Diff([]ssmbak.Name{"/app/db"}, recorded()); diff != "" {
			t.Errorf("recorded by reconciles (-want +got):\n%s", diff)
		}

		if r := reconcile(with([]string{"tmp-*"})); r.Excluded != 1 || len(r.Recorded) != 1 {
			t.Errorf("a reconcile with fewer patterns: %+v", r)
		}
		covers("/ci/none", while, false)
		covers("/ci/none", time.Now(), true)
		covers("/app/tmp-2", time.Now(), false)
		if r := reconcile(with([]string{})); r.Excluded != 0 || len(r.Recorded) != 1 {
			t.Errorf("a reconcile of all: %+v", r)
		}
		if diff := cmp.Diff([]ssmbak.Name{"/app/db", "/app/tmp-1", "/ci/run"}, recorded()); diff != "" {
			t.Errorf("recorded by the last reconcile (-want +got):\n%s", diff)
		}

		// A recorded parameter that is excluded later is not recorded as deleted.
		w.Recorder = with(patterns)
		state, err := w.Archive.At(t.Context(), testworld.Target(t, "/", true), ssmbak.TimeOf(time.Now()), 0)
		if err != nil || len(state.States) != 3 {
			t.Fatalf("%+v, %v", state, err)
		}
		reconcile(w.Recorder)
		if x := w.index(t, "/ci/run"); len(x.Facts.Versions) != 1 || len(x.Facts.Deletions) != 0 {
			t.Errorf("its record is %+v", x.Facts)
		}
		complete, err := w.Archive.Reconciled(t.Context())
		if err != nil || len(complete.Once) != 0 || !cmp.Equal(complete.Excluded, patterns) {
			t.Errorf("noted %+v, %v", complete, err)
		}
		if h := w.Archive.Coverage(w.index(t, "/ci/run"), complete); h.Complete != 0 {
			t.Errorf("excluded name is complete up to %v", h.Complete)
		}
	})
}
