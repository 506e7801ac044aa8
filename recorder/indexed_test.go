package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// changeEvent returns the event of an operation in the second of a time.
func changeEvent(event, operation, name string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%q,"detail-type":"Parameter Store Change","source":"aws.ssm","account":%q,"time":%q,"region":%q,"detail":{"operation":%q,"name":%q,"type":"String","label":"l","toVersion":"1"}}`,
		event, account, at.UTC().Format(time.RFC3339), region, operation, name)
}

func tagChange(event, name string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%q,"detail-type":"Tag Change on Resource","source":"aws.tag","account":%q,"time":%q,"region":%q,"resources":["arn:aws:ssm:us-east-1:1:parameter%s"],"detail":{"service":"ssm","resource-type":"parameter","version":1,"tags":{}}}`,
		event, account, at.UTC().Format(time.RFC3339), region, name)
}

func expiration(event, name string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%q,"detail-type":"Parameter Store Policy Action","source":"aws.ssm","account":%q,"time":%q,"region":%q,"detail":{"policy-type":"Expiration","parameter-name":%q}}`,
		event, account, at.UTC().Format(time.RFC3339), region, name)
}

// reads returns the number of requests to Parameter Store for a message, and whether it
// failed.
func (w *world) reads(t *testing.T, body []byte, receives int) (n int, failed bool) {
	t.Helper()
	count := func() int {
		c := w.AWS.Counts()
		return c["ssm:GetParameterHistory"] + c["ssm:GetParameter"] + c["ssm:ListTagsForResource"] + c["ssm:DescribeParameters"]
	}
	before := count()
	failures := w.Recorder.Handle(t.Context(), []recorder.Message{{ID: "m", Body: body, Receives: receives}})
	return count() - before, len(failures) > 0
}

// TestEventWithoutRead delivers events of which the index has, or lacks, an observation that
// is certainly later. The fact of each event is recorded, whether it costs a read or not.
func TestEventWithoutRead(t *testing.T) {
	t.Parallel()
	const name = "/a"
	type story struct {
		name     string
		play     func(t *testing.T, w *world) []byte // the event that is delivered at the end
		receives int
		free     bool // it costs no read
		facts    func(f timeline.Facts) int
		failed   bool
	}
	claims := func(f timeline.Facts) (n int) {
		for _, v := range f.Versions {
			n += len(v.Events)
		}
		return n
	}
	deletions := func(f timeline.Facts) int { return len(f.Deletions) }
	labels := func(f timeline.Facts) (n int) {
		for _, l := range f.Labels {
			if l.Event != "" {
				n++
			}
		}
		return n
	}
	tags := func(f timeline.Facts) (n int) {
		for _, l := range f.Tags {
			if l.Event != "" {
				n++
			}
		}
		return n
	}
	none := func(timeline.Facts) int { return 1 }
	sync := func(t *testing.T, w *world) {
		w.Must(w.Recorder.Sync(t.Context(), name))
	}
	// created reads a new parameter when the observation is certain of the time d after the
	// end of the second of the event.
	created := func(d time.Duration) func(*testing.T, *world) []byte {
		return func(t *testing.T, w *world) []byte {
			at := time.Now().Truncate(time.Second)
			w.set(t, name, "v1")
			time.Sleep(time.Until(at.Add(time.Second + timeline.Staleness + d)))
			sync(t, w)
			return changeEvent("e", "Create", name, at)
		}
	}
	gone := func(t *testing.T, w *world) time.Time {
		w.set(t, name, "v1")
		time.Sleep(time.Minute)
		sync(t, w)
		time.Sleep(time.Minute)
		w.remove(t, name)
		return time.Now()
	}
	stories := []story{
		{"an observation at the end of its second", created(0), 1, true, claims, false},
		{"an observation a millisecond earlier", created(-time.Millisecond), 1, false, claims, false},
		{"a later receipt", created(time.Minute), 2, false, claims, false},
		{"unknown receipts", created(time.Minute), 0, false, claims, false},
		{"its claim is recorded", func(t *testing.T, w *world) []byte {
			body := created(time.Minute)(t, w)
			w.reads(t, body, 1)
			return body
		}, 1, true, claims, false},
		{"another event claimed the version", func(t *testing.T, w *world) []byte {
			at := time.Now()
			w.reads(t, created(time.Minute)(t, w), 1)
			return changeEvent("other", "Create", name, at)
		}, 1, false, claims, true},
		{"a complete listing proves more", func(t *testing.T, w *world) []byte {
			body := created(0)(t, w)
			time.Sleep(time.Hour)
			w.reconcile(t, recorder.ReconcileOptions{})
			time.Sleep(time.Hour)
			w.reconcile(t, recorder.ReconcileOptions{})
			return body
		}, 1, false, claims, false},
		{"only a listing is later", func(t *testing.T, w *world) []byte {
			at := time.Now()
			w.set(t, name, "v1")
			sync(t, w)
			time.Sleep(time.Minute)
			w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "GetParameterHistory", Fault: emulator.DeniedBySSM})
			w.reconcile(t, recorder.ReconcileOptions{})
			w.AWS.Faults.Clear()
			return changeEvent("e", "Create", name, at)
		}, 1, false, claims, false},
		{"a deletion, and an observation that found nothing", func(t *testing.T, w *world) []byte {
			at := gone(t, w)
			time.Sleep(time.Minute)
			sync(t, w)
			return deletion("e", name, at)
		}, 1, true, deletions, false},
		{"a deletion, and an earlier observation that found nothing", func(t *testing.T, w *world) []byte {
			at := gone(t, w)
			time.Sleep(time.Second)
			sync(t, w)
			return deletion("e", name, at)
		}, 1, false, deletions, false},
		{"a deletion, and a younger life", func(t *testing.T, w *world) []byte {
			at := gone(t, w)
			time.Sleep(time.Minute)
			w.set(t, name, "again")
			time.Sleep(time.Minute)
			sync(t, w)
			return deletion("e", name, at)
		}, 1, true, deletions, false},
		{"a deletion, and a life that began in its second", func(t *testing.T, w *world) []byte {
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
			at := gone(t, w)
			time.Sleep(time.Millisecond)
			w.set(t, name, "again")
			time.Sleep(time.Minute)
			sync(t, w)
			return deletion("e", name, at)
		}, 1, false, deletions, false},
		{"a deletion of the observed life", func(t *testing.T, w *world) []byte {
			w.set(t, name, "v1")
			time.Sleep(time.Minute)
			at := time.Now()
			time.Sleep(time.Minute)
			sync(t, w)
			return deletion("e", name, at)
		}, 1, false, none, true},
		{"an expiration, and an observation that found nothing", func(t *testing.T, w *world) []byte {
			at := gone(t, w)
			time.Sleep(time.Minute)
			sync(t, w)
			return expiration("e", name, at)
		}, 1, true, none, false},
		{"an expiration of the observed life", func(t *testing.T, w *world) []byte {
			w.set(t, name, "v1")
			time.Sleep(time.Minute)
			at := time.Now()
			time.Sleep(time.Minute)
			sync(t, w)
			return expiration("e", name, at)
		}, 1, false, none, false},
		{"a label, and an observation of labels", func(t *testing.T, w *world) []byte {
			w.set(t, name, "v1")
			at := time.Now()
			time.Sleep(time.Minute)
			sync(t, w)
			return changeEvent("e", "LabelParameterVersion", name, at)
		}, 1, true, labels, false},
		{"a label, and an earlier observation of labels", func(t *testing.T, w *world) []byte {
			w.set(t, name, "v1")
			time.Sleep(time.Minute)
			sync(t, w)
			return changeEvent("e", "LabelParameterVersion", name, time.Now().Add(-10*time.Second))
		}, 1, false, labels, false},
		{"tags, and an observation of tags", func(t *testing.T, w *world) []byte {
			w.set(t, name, "v1")
			at := time.Now()
			time.Sleep(time.Minute)
			sync(t, w)
			return tagChange("e", name, at)
		}, 1, true, tags, false},
		{"tags, and an earlier observation of tags", func(t *testing.T, w *world) []byte {
			w.set(t, name, "v1")
			time.Sleep(time.Minute)
			sync(t, w)
			return tagChange("e", name, time.Now().Add(-10*time.Second))
		}, 1, false, tags, false},
		{"a value that could not be read", func(t *testing.T, w *world) []byte {
			at := time.Now()
			w.put(t, name, "v1", ssmbak.TypeSecureString)
			w.AWS.SSM.DisableKey("alias/aws/ssm")
			time.Sleep(time.Minute)
			sync(t, w)
			return changeEvent("e", "Create", name, at)
		}, 1, false, claims, false},
		{"no index", func(*testing.T, *world) []byte {
			return changeEvent("e", "Update", name, time.Now().Add(-10*time.Minute))
		}, 1, false, none, false},
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1500 * time.Millisecond)))
				body := s.play(t, w)
				time.Sleep(time.Minute)
				n, failed := w.reads(t, body, s.receives)
				if (n == 0) != s.free || failed != s.failed {
					t.Errorf("%d reads, failed %v, want none: %v, failed: %v", n, failed, s.free, s.failed)
				}
				if got := s.facts(w.index(t, name).Facts); got != 1 {
					t.Errorf("%d facts of the event, want one", got)
				}
				if again, _ := w.reads(t, body, 2); again == 0 {
					t.Error("a later receipt costs no read")
				}
			})
		})
	}
}

// TestBurstOfOneParameter delivers a burst of events of one parameter, some of them together:
// they cost one reading, and each of them claims its version.
func TestBurstOfOneParameter(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		const changes = 40
		var bodies [][]byte
		for i := range changes {
			operation := "Update"
			if i == 0 {
				operation = "Create"
			}
			w.set(t, "/a", fmt.Sprint("v", i))
			bodies = append(bodies, changeEvent(fmt.Sprint("e", i), operation, "/a", time.Now()))
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		w.AWS.ResetCounts()
		for i := 0; i < changes; i += 4 {
			var batch []recorder.Message
			for k := range 4 {
				batch = append(batch, recorder.Message{ID: fmt.Sprint(i + k), Body: bodies[i+k], Receives: 1})
			}
			if failures := w.Recorder.Handle(t.Context(), batch); len(failures) > 0 {
				t.Errorf("%v", failures)
			}
		}
		counts := w.AWS.Counts()
		if n := counts["ssm:GetParameterHistory"] + counts["ssm:ListTagsForResource"]; n != 2 {
			t.Errorf("%d reads of %d changes, want 2", n, changes)
		}
		for _, v := range w.index(t, "/a").Facts.Versions {
			if len(v.Events) != 1 || v.Events[0] != fmt.Sprint("e", v.Number-1) {
				t.Errorf("version %d was announced by %v", v.Number, v.Events)
			}
		}
		w.final(t, "/a")
	})
}

// TestTwoEventsOfOneVersion delivers two events to two recorders, while the index has one
// version that both may have announced: one of them claims it, and the other one waits for
// its own.
func TestTwoEventsOfOneVersion(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.set(t, "/a", "v1")
		at := time.Now()
		time.Sleep(time.Minute)
		w.Must(w.Recorder.Sync(t.Context(), "/a"))
		other := w.Recorder
		w.Recorder = w.another(meanwhile("PutObject", ".ssmbak/index/a", 1, func() {
			if failures := other.Handle(t.Context(), []recorder.Message{{ID: "other", Body: changeEvent("other", "Create", "/a", at), Receives: 1}}); len(failures) > 0 {
				t.Errorf("the faster recorder: %v", failures)
			}
		}))
		if n, failed := w.reads(t, changeEvent("e", "Create", "/a", at), 1); n == 0 || !failed {
			t.Errorf("the slower recorder: %d reads, failed %v, want a message that waits", n, failed)
		}
		if v := w.index(t, "/a").Facts.Versions; len(v) != 1 || len(v[0].Events) != 1 || v[0].Events[0] != "other" {
			t.Errorf("recorded %+v", v)
		}
	})
}
