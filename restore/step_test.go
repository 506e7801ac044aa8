package restore_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/restore"
)

// TestPlanning checks that every parameter is reported once for each step of a plan, whether
// its records can be read or not, and by the archive to whoever observes it.
func TestPlanning(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for i := range 5 {
			w.put(fmt.Sprint("/a/", i), "one")
		}
		w.Record()
		begin := w.pass()
		for i := range 5 {
			w.put(fmt.Sprint("/a/", i), "two")
		}
		w.Record()
		end := w.pass()
		const damaged = ".ssmbak/index/a/4"
		w.AWS.S3.Corrupt(bucket, damaged, w.AWS.S3.Versions(bucket, damaged)[0].VersionID, []byte("no index"))
		target := testworld.Target(w, "/a", true)

		var mu sync.Mutex
		counts := make(map[restore.Step]int)
		o := restore.Options{FindNew: true, Planning: func(s restore.Step, n int) {
			mu.Lock()
			defer mu.Unlock()
			counts[s] += n
		}}
		var seen []ssmbak.Name
		_, err := w.Archive.Timelines(archive.WithObserver(w.Context(), func(name ssmbak.Name) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, name)
		}), target)
		w.Must(err)
		if len(seen) != 5 {
			t.Errorf("the archive reports %v, want all 5", seen)
		}
		var id string
		for _, test := range []struct {
			what string
			plan func(*restore.Restorer) (*restore.Plan, error)
			want string
		}{
			{"a revert", func(r *restore.Restorer) (*restore.Plan, error) { return r.Revert(w.Context(), target, begin, end) }, "map[0:5 1:5 2:5 3:5]"},
			{"a restore", func(r *restore.Restorer) (*restore.Plan, error) { return r.Plan(w.Context(), target, begin) }, "map[0:5 1:5 2:5 3:5]"},
			{"an undo", func(r *restore.Restorer) (*restore.Plan, error) { return r.Undo(w.Context(), id) }, "map[0:4 1:4 2:4 3:4]"},
		} {
			clear(counts)
			p, err := test.plan(restore.New(w.Archive, w.Live, w.Recorder, o))
			w.Must(err)
			if got := fmt.Sprint(counts); got != test.want {
				t.Errorf("%s reports %s, want %s", test.what, got, test.want)
			}
			if test.what == "a restore" {
				id = w.restored(p, restore.Options{}).ID
			}
		}
	})
}
