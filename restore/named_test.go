package restore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestNames checks that the plans for some of 100 parameters have just these, whether they
// are recorded, live or both, and read nothing of the others.
func TestNames(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.fill("/many/", 100, "one", false)
		w.put("/many/gone", "one")
		w.Record()
		then := w.pass()
		w.fill("/many/", 100, "two", true)
		w.remove("/many/gone")
		w.Record()
		now := w.pass()
		w.put("/many/new", "one") // nothing has recorded it
		names := []ssmbak.Name{"/many/007", "/many/042", "/many/gone", "/many/new"}
		target := testworld.Target(w.World, "/many", true)
		o := restore.Options{Names: names}
		for _, test := range []struct {
			name string
			plan func() (*restore.Plan, error)
			want string
		}{
			{"restore", func() (*restore.Plan, error) { return w.restorer(o).Plan(w.Context(), target, then) }, "update /many/007: value, update /many/042: value, create /many/gone, keep /many/new"},
			{"revert", func() (*restore.Plan, error) { return w.restorer(o).Revert(w.Context(), target, then, now) }, "update /many/007: value, update /many/042: value, create /many/gone"},
		} {
			w.AWS.ResetCounts()
			p, err := test.plan()
			w.Must(err)
			if got := strings.Join(actions(p), ", "); got != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
			counts := w.AWS.Counts() // one listing is below the name that has no index
			if counts["s3:GetObject"] > 30 || counts["s3:ListObjectsV2"] > 1 || counts["ssm:DescribeParameters"] > 2 {
				t.Errorf("%s: the requests are %v", test.name, counts)
			}
		}
		_, err := w.restorer(restore.Options{Names: []ssmbak.Name{"/many/007", "/many/none"}}).Plan(w.Context(), target, then)
		if unmatched := new(plan.UnmatchedError); !errors.As(err, &unmatched) || unmatched.Pattern != "/many/none" {
			t.Errorf("a name that is not known gives %v", err)
		}
	})
}
