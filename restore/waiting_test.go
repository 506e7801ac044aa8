package restore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// unlimited bypasses the limits of the account.
type unlimited struct{ http.Handler }

func (u unlimited) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	u.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestChangedWhileItWaits changes parameters whose writes wait because of a limit of 3 per
// second. All are refused except those that are written within a second.
func TestChangedWhileItWaits(t *testing.T) {
	t.Parallel()
	inAccount(t, limits(3, 3), func(w *world) {
		w.SSM = w.Connect(unlimited{w.AWS.SSM}).SSM()
		w.fill("/app/", 60, "one", false)
		w.Record()
		then := w.pass()
		w.fill("/app/", 60, "two", true)
		w.Record()
		w.pass()
		p := w.plan("/app/", false, then, restore.Options{})
		var changed []string
		time.AfterFunc(5*time.Second, func() {
			for i := range 32 { // the number that waits concurrently
				if name := fmt.Sprintf("/app/%03d", i); w.number(name) == 2 {
					changed = append(changed, name)
				}
			}
			w.Logf("%d wait", len(changed))
			for _, name := range changed {
				w.put(name, "theirs")
			}
		})
		refused, overwritten := 0, 0
		for _, o := range w.apply(w.Context(), p, restore.Options{}) {
			text := fmt.Sprint(o.Err)
			switch {
			case o.Status == plan.StatusRefused && strings.HasPrefix(text, "it was changed since the plan was made: "):
				refused++
			case o.Status == plan.StatusFailed && strings.Contains(text, "overwrote a concurrent change: "):
				overwritten++
			case o.Status != plan.StatusRestored:
				w.Errorf("%s: %s, %v", o.Item.Name, o.Status, o.Err)
			}
		}
		// Parameters that were read at most a second before are still written and reported:
		// 3 of them, and one whose request was in progress.
		if len(changed) < 10 || refused+overwritten != len(changed) || overwritten > 4 {
			w.Errorf("of %d changes %d were refused, and %d reported as overwritten", len(changed), refused, overwritten)
		}
	})
}

// TestInterruptedWhileItWaits checks that writes that wait during an interrupt are not
// sent, and that the restore ends immediately.
func TestInterruptedWhileItWaits(t *testing.T) {
	t.Parallel()
	inAccount(t, limits(3, 3), func(w *world) {
		w.fill("/app/", 60, "one", false)
		w.Record()
		then := w.pass()
		w.fill("/app/", 60, "two", true)
		w.Record()
		w.pass()
		p := w.plan("/app/", false, then, restore.Options{})
		ctx, cancel := context.WithCancel(w.Context())
		var interrupted time.Time
		time.AfterFunc(5*time.Second, func() { interrupted = time.Now(); cancel() })
		done, idle := 0, 0
		for _, o := range w.apply(ctx, p, restore.Options{}) {
			var not *restore.NotStartedError
			switch {
			case o.Status == plan.StatusRestored:
				done++
			case errors.As(o.Err, &not):
				idle++
			default:
				w.Errorf("%s: %s, %v", o.Item.Name, o.Status, o.Err)
			}
		}
		took := time.Since(interrupted)
		// A throttled write is in progress and is sent again.
		if done > 24 || done+idle != 60 || took > 5*time.Second {
			w.Errorf("%d written, %d not started, %s after the interrupt", done, idle, took)
		}
	})
}
