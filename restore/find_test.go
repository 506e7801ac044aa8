package restore_test

import (
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestFindsByName counts the DescribeParameters requests of plans for 3 parameters among
// 300. Parameters that were never recorded are included if they may matter.
func TestFindsByName(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		const pages = 7 // of the account
		w.fill("/other/", 300, "one", false)
		w.fill("/small/", 3, "one", false)
		w.Record()
		then := w.pass()
		w.fill("/small/", 3, "two", true)
		w.put("/small/later", "recorded")
		w.Record()
		w.pass()
		// Nothing is recorded from here on.
		w.put("/small/new", "one")
		between := w.pass()
		w.put("/small/new", "two")
		w.pass()

		restored := "update /small/000: value, update /small/001: value, update /small/002: value, keep /small/later"
		for _, test := range []struct {
			name     string
			at       ssmbak.Time
			o        restore.Options
			requests int
			want     string
		}{
			{"the archive knows all that was there", then, restore.Options{}, 1, restored},
			{"exact", then, restore.Options{Options: plan.Options{Exact: true}}, pages, strings.ReplaceAll(restored, "keep", "delete") + ", delete /small/new"},
			{"new ones are to be shown", then, restore.Options{FindNew: true}, pages, restored + ", keep /small/new"},
			{"no listing is later", between, restore.Options{}, pages, "none /small/000, none /small/001, none /small/002, none /small/later, update /small/new: value"},
		} {
			// Only the listing or the names; the sync reads unrecorded states.
			w.AWS.ResetCounts()
			p := w.plan("/small/", true, test.at, test.o)
			if got := strings.Join(actions(p), ", "); got != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
			if got := w.AWS.Counts()["ssm:DescribeParameters"]; got != test.requests {
				t.Errorf("%s: %d DescribeParameters, want %d", test.name, got, test.requests)
			}
		}
	})
}

// TestFindsDestinationByName checks that parameters at the destination are found by name.
func TestFindsDestinationByName(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.fill("/other/", 300, "one", false)
		w.fill("/small/", 3, "one", false)
		w.Record()
		then := w.pass()
		w.put("/copy/000", "there, and not recorded")
		w.put("/copy/more", "kept whatever it is")
		w.AWS.ResetCounts()
		p := w.plan("/small/", true, then, restore.Options{Options: plan.Options{To: "/copy"}})
		if got, want := strings.Join(actions(p), ", "), "update /copy/000: value, create /copy/001, create /copy/002"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := w.AWS.Counts()["ssm:DescribeParameters"]; got != 1 {
			t.Errorf("%d DescribeParameters, want 1", got)
		}
	})
}
