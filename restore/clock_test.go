package restore_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/restore"
)

// TestClockDiffers restores and undoes on a machine whose clock is not that of AWS.
func TestClockDiffers(t *testing.T) {
	t.Parallel()
	for behind, works := range map[time.Duration]bool{
		-time.Hour: false, -20 * time.Second: true, -5 * time.Second: true, -3 * time.Second: true,
		5 * time.Second: true, 20 * time.Second: true, time.Hour: false,
	} {
		t.Run(behind.String(), func(t *testing.T) {
			t.Parallel()
			clock := emulator.RealClock()
			inWorld(t, emulator.Options{Clock: clock}, func(w *world) {
				w.put("/a/x", "one")
				w.Record()
				then := w.pass()
				w.put("/a/x", "two")
				w.Record()
				w.pass()

				clock.Differ(behind)
				p := w.plan("/a/", true, then, restore.Options{})
				res, err := w.restorer(restore.Options{}).Apply(w.Context(), p)
				if !works {
					var wrong *archive.ClockError
					if !errors.As(err, &wrong) || !strings.Contains(w.state()["/a/x"], `"two"`) {
						t.Errorf("%v, left %q: want a clock error", err, w.state()["/a/x"])
					}
					return
				}
				w.Must(err)
				for _, want := range []string{"two", "one"} {
					if text := errs(res.Outcomes); text != "" {
						t.Fatal(text)
					}
					res = w.undo(res.ID, restore.Options{})
					if got := w.state()["/a/x"]; !strings.Contains(got, strconv.Quote(want)) {
						t.Errorf("undone to %q, want %q", got, want)
					}
				}
			})
		})
	}
}
