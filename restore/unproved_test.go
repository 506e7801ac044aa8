package restore_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// TestMissed checks a parameter that a complete listing found but could not record, and
// whose deletion event was lost: its state is unknown, and an exact restore does not
// delete its successor.
func TestMissed(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		lose := func() {
			time.Sleep(2 * time.Second)
			w.Must(w.AWS.Queue.Drain(w.Context(), func(context.Context, []emulator.Message) []string { return nil }))
		}
		w.put("/app/a", "one")
		w.put("/app/b", "one")
		lose()
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/index/app/a", Fault: emulator.Denied})
		report, err := w.Recorder.Reconcile(w.Context(), testworld.Target(w, "/", true), recorder.ReconcileOptions{})
		w.Must(err)
		if !report.Complete || len(report.Failed) != 1 || report.Failed[0].Name != "/app/a" {
			t.Fatalf("reconcile: %+v", report)
		}
		w.AWS.Faults.Clear()
		then := w.pass()

		path := func() *restore.Path {
			p, err := restore.OpenPath(w.Context(), w.config(), restore.PathOptions{Bucket: bucket, Path: "/app/", Recursive: true, At: then.Std()})
			w.Must(err)
			return p
		}
		check := func(when string) {
			t.Helper()
			snapshot, err := path().Preview(w.Context())
			w.Must(err)
			if u := snapshot.Unproved; !slices.Equal(u.MissedNames(), []ssmbak.Name{"/app/a"}) || len(u.Unsure) != 0 {
				t.Errorf("%s: the preview has unproved %v, want /app/a", when, u)
			}
			todo := w.plan("/app/", true, then, restore.Options{Options: plan.Options{Exact: true}})
			if !slices.Equal(todo.Unproved.MissedNames(), []ssmbak.Name{"/app/a"}) || todo.Count(plan.ActionDelete) != 0 {
				t.Errorf("%s: the plan has unproved %v and deletes %d", when, todo.Unproved, todo.Count(plan.ActionDelete))
			}
			c, err := restore.New(w.Archive, w.Live, nil, restore.Options{}).Compare(w.Context(), testworld.Target(w, "/app/", true), then, ssmbak.TimeOf(time.Now()))
			w.Must(err)
			if !slices.Equal(c.Unproved.MissedNames(), []ssmbak.Name{"/app/a"}) {
				t.Errorf("%s: the comparison has unproved %v", when, c.Unproved)
			}
		}
		w.remove("/app/a")
		lose()
		check("gone")
		w.put("/app/a", "two")
		w.Record()
		check("recreated")
		for _, text := range []string{"/app/b", "/app/a"} {
			at := then
			if text == "/app/a" {
				at = ssmbak.TimeOf(time.Now())
			}
			if todo := w.plan(text, false, at, restore.Options{}); !todo.Unproved.Empty() {
				t.Errorf("the plan of %s has unproved %v", text, todo.Unproved)
			}
		}
	})
}
