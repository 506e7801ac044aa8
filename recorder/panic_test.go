package recorder_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestPanicFailsOneParameter panics while one parameter is recorded: the others of the
// batch, and of a reconcile, are recorded, and the message is delivered again.
func TestPanicFailsOneParameter(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		panics := 2
		broken := w.another(func(_, op, key string) emulator.Fault {
			if op == "PutObject" && key == "/b" && panics > 0 {
				panics--
				panic("hunter2")
			}
			return emulator.Fault{}
		})
		names := []string{"/a", "/b", "/c"}
		for _, name := range names {
			w.put(t, name, "hunter2", ssmbak.TypeString)
		}
		errs := w.drainBy(t, broken)
		var panicked *recorder.PanicError
		if len(errs) != 2 || !errors.As(errs[0], &panicked) || panicked.Name != "/b" || strings.Contains(errs[0].Error(), "hunter2") {
			t.Fatalf("messages were returned to the queue with %v, want two PanicErrors of /b without its value", errs)
		}
		for _, name := range names {
			if state := w.answer(t, name, time.Now()); !strings.Contains(state, "hunter2") {
				t.Errorf("%s is recorded as %s", name, state)
			}
		}

		for _, name := range names {
			w.put(t, name, "hunter3", ssmbak.TypeString)
		}
		panics = 1
		report, err := broken.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || len(report.Failed) != 1 || report.Failed[0].Name != "/b" || !errors.As(report.Failed[0].Err, &panicked) || len(report.Recorded) < 2 {
			t.Errorf("reconcile: %+v, %v", report, err)
		}
	})
}
