package recorder_test

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestTimesStepBack records versions whose times do not grow with their numbers:
// each is current from its own time, or right after the one before it.
func TestTimesStepBack(t *testing.T) {
	for name, page := range map[string]int{"on one page": 50, "on several pages": 1} {
		t.Run(name, func(t *testing.T) {
			o := emulator.Options{SSM: ssmapi.Options{HistoryPage: page, StepBack: func(_ string, version int64) time.Duration {
				return time.Duration(version%2) * time.Millisecond
			}}}
			attack(t, noEvents(o), func(t *testing.T, w *world) {
				zero := time.Now()
				for _, value := range []string{"a", "b", "c"} {
					w.set(t, "/a", value)
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(time.Minute)
				if r := w.reconcile(t, recorder.ReconcileOptions{}); len(r.Failed) > 0 || !r.Complete {
					t.Fatalf("failed: %+v, complete: %v", r.Failed, r.Complete)
				}
				w.answers(t, "/a", moment{zero.Add(9 * time.Millisecond), "proved a"}, moment{zero.Add(10 * time.Millisecond), "proved b"},
					moment{zero.Add(11 * time.Millisecond), "proved c"}, moment{zero.Add(time.Second), "proved c"})
				w.wantCurrent(t, "/a", "c")
				if r := w.reconcile(t, recorder.ReconcileOptions{}); len(r.Recorded)+len(r.Failed) > 0 || r.Same != 1 {
					t.Errorf("nothing has changed: %+v", r)
				}
			})
		})
	}
}
