package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/recorder"
)

// deletion returns an event that says that a parameter was deleted at a time.
func deletion(id, name string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%q,"detail-type":"Parameter Store Change","source":"aws.ssm","account":%q,"time":%q,"region":%q,"detail":{"operation":"Delete","name":%q}}`,
		id, account, at.UTC().Format(time.RFC3339), region, name)
}

// TestForgedDeletion delivers the event of a deletion that never happened, ten times. It is
// returned to the queue each time, and never a fact.
func TestForgedDeletion(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		forged := deletion("forged", "/a", time.Now().Add(-time.Minute))
		for i := range 10 {
			failures := w.Recorder.Handle(t.Context(), []recorder.Message{{ID: "m", Body: forged, Receives: i + 1}})
			if len(failures) != 1 {
				t.Fatalf("delivery %d: %v", i+1, failures)
			}
			time.Sleep(6 * time.Minute)
		}
		if f := w.index(t, "/a").Facts; len(f.Deletions) != 0 {
			t.Errorf("recorded %+v", f.Deletions)
		}
		w.final(t, "/a")
	})
}

// TestStaleDeletion delivers the event of a deletion while reads still show the parameter.
// It is recorded when they no longer do.
func TestStaleDeletion(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		event := deletion("true", "/a", time.Now())
		handle := func(receives int) int {
			return len(w.Recorder.Handle(t.Context(), []recorder.Message{{ID: "m", Body: event, Receives: receives}}))
		}
		if n := handle(1); n != 1 {
			t.Errorf("before reads show it: %d messages were returned, want 1", n)
		}
		w.remove(t, "/a")
		time.Sleep(6 * time.Minute)
		if n := handle(2); n != 0 {
			t.Errorf("after the deletion: %d messages were returned, want none", n)
		}
		if f := w.index(t, "/a").Facts; len(f.Deletions) != 1 {
			t.Errorf("recorded %+v, want the deletion", f.Deletions)
		}
	})
}

// TestDeletionBeforeRecreation delivers the event of a deletion after the parameter was
// recreated: it is recorded at once.
func TestDeletionBeforeRecreation(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		event := deletion("true", "/a", time.Now())
		w.remove(t, "/a")
		w.put(t, "/a", "v2", ssmbak.TypeString)
		if n := len(w.Recorder.Handle(t.Context(), []recorder.Message{{ID: "m", Body: event, Receives: 1}})); n != 0 {
			t.Errorf("%d messages were returned, want none", n)
		}
		if f := w.index(t, "/a").Facts; len(f.Deletions) != 1 {
			t.Errorf("recorded %+v, want the deletion", f.Deletions)
		}
	})
}

// TestBareEventIsNoFact syncs by a forged event: the live parameter is recorded, and nothing
// that only the event says.
func TestBareEventIsNoFact(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		time.Sleep(time.Minute)
		for _, event := range [][]byte{
			deletion("forged", "/a", time.Now()),
			fmt.Appendf(nil, `{"id":"tags","detail-type":"Tag Change on Resource","source":"aws.tag","account":%q,"time":%q,"region":%q,"resources":["arn:aws:ssm:us-east-1:%s:parameter/a"],
				"detail":{"service":"ssm","resource-type":"parameter","version":1,"tags":{"forged":"1"}}}`, account, time.Now().UTC().Format(time.RFC3339), region, account),
		} {
			if err := w.Recorder.SyncEvent(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		}
		f := w.index(t, "/a").Facts
		if len(f.Versions) != 1 || len(f.Deletions) != 0 || len(f.Tags) != 1 || len(f.Tags[0].Tags) != 0 {
			t.Errorf("recorded %+v", f)
		}
		w.final(t, "/a")
	})
}
