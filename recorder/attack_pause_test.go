package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// TestPausedForAnHour stops a recorder for an hour just before one of its writes
// takes effect. Meanwhile the parameter changes, and another recorder handles
// all there is, the message in the hands of the first one included.
func TestPausedForAnHour(t *testing.T) {
	t.Parallel()
	pauses := []struct {
		name, op, prefix string
		begin            func(t *testing.T, w *world) // the change that is handled
	}{
		{"before the first value of all", "PutObject", "/a", func(t *testing.T, w *world) { w.set(t, "/a", "pending") }},
		{"before the first index of all", "PutObject", ".ssmbak/index/a", func(t *testing.T, w *world) { w.set(t, "/a", "pending") }},
		{"between read and value", "PutObject", "/a", func(t *testing.T, w *world) {
			w.put(t, "/a", "old", ssmbak.TypeString)
			w.drainBy(t, w.Recorder)
			w.set(t, "/a", "pending")
		}},
		{"between value and index", "PutObject", ".ssmbak/index/a", func(t *testing.T, w *world) {
			w.put(t, "/a", "old", ssmbak.TypeString)
			w.drainBy(t, w.Recorder)
			w.set(t, "/a", "pending")
		}},
		{"before the index of a deletion", "PutObject", ".ssmbak/index/a", func(t *testing.T, w *world) {
			w.put(t, "/a", "old", ssmbak.TypeString)
			w.drainBy(t, w.Recorder)
			w.remove(t, "/a")
		}},
		{"between index and marker", "DeleteObject", "/a", func(t *testing.T, w *world) {
			w.put(t, "/a", "old", ssmbak.TypeString)
			w.drainBy(t, w.Recorder)
			w.remove(t, "/a")
		}},
	}
	step := func(t *testing.T, w *world, do func(), record bool) {
		t.Helper()
		time.Sleep(5 * time.Minute)
		do()
		if record {
			w.drainBy(t, w.Recorder)
		}
	}
	meanwhiles := []struct {
		name string
		do   func(t *testing.T, w *world, record bool)
	}{
		{"nothing", func(*testing.T, *world, bool) {}},
		{"newer versions", func(t *testing.T, w *world, record bool) {
			for i := range 3 {
				step(t, w, func() { w.set(t, "/a", fmt.Sprint("newer ", i)) }, record)
			}
		}},
		{"a deletion", func(t *testing.T, w *world, record bool) {
			step(t, w, func() { w.removeIfThere(t, "/a") }, record)
		}},
		{"recreated", func(t *testing.T, w *world, record bool) {
			step(t, w, func() { w.removeIfThere(t, "/a") }, record)
			step(t, w, func() { w.set(t, "/a", "recreated") }, record)
		}},
		{"recreated and deleted", func(t *testing.T, w *world, record bool) {
			step(t, w, func() { w.removeIfThere(t, "/a") }, record)
			step(t, w, func() { w.set(t, "/a", "recreated") }, record)
			step(t, w, func() { w.remove(t, "/a") }, record)
		}},
	}
	for _, pause := range pauses {
		for _, other := range meanwhiles {
			for _, record := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, recorded at once %v", pause.name, other.name, record), func(t *testing.T) {
					attack(t, emulator.Options{}, func(t *testing.T, w *world) {
						armed, met := false, false
						paused := w.another(func(_, op, key string) emulator.Fault {
							if !armed || op != pause.op || key != pause.prefix {
								return emulator.Fault{}
							}
							armed, met = false, true
							resume := time.Now().Add(time.Hour)
							other.do(t, w, record)
							w.drainBy(t, w.Recorder)
							time.Sleep(time.Until(resume))
							return emulator.Fault{}
						})
						pause.begin(t, w)
						time.Sleep(2 * time.Second)
						armed = true
						w.drainBy(t, paused)
						if !met {
							t.Fatal("no recorder was paused")
						}
						// Every event was handled: no answer may be wrong, regardless of
						// which recorder wrote last.
						w.right(t, ssmbak.LastKnown, "/a")
						w.final(t, "/a")
						w.right(t, ssmbak.LastKnown, "/a")
						before := w.AWS.S3.Keys(bucket)
						w.final(t, "/a")
						if diff := cmp.Diff(before, w.AWS.S3.Keys(bucket)); diff != "" {
							t.Errorf("keys after one more reconcile (-before +after):\n%s", diff)
						}
					})
				})
			}
		}
	}
}

func (w *world) removeIfThere(t *testing.T, name string) {
	t.Helper()
	if _, err := w.Live.DescribeOne(t.Context(), ssmbak.Name(name)); err == nil {
		w.remove(t, name)
	}
}

// TestKilledBetweenWrites kills the only recorder at the same places. The next
// delivery records the rest.
func TestKilledBetweenWrites(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, op, prefix string
		remove           bool
		want             []string
	}{
		{"before the value", "PutObject", "/a", false, []string{"1 v1", "2 v2"}},
		{"before the index", "PutObject", ".ssmbak/index/a", false, []string{"1 v1", "2 v2"}},
		{"before the index of a deletion", "PutObject", ".ssmbak/index/a", true, []string{"1 v1", "deletion"}},
		{"before the marker", "DeleteObject", "/a", true, []string{"1 v1", "deletion"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			attack(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.put(t, "/a", "v1", ssmbak.TypeString)
				w.drainBy(t, w.Recorder)
				if test.remove {
					w.remove(t, "/a")
				} else {
					w.set(t, "/a", "v2")
				}
				time.Sleep(2 * time.Second)
				w.AWS.Faults.Add(emulator.Rule{Op: test.op, KeyPrefix: test.prefix, Times: 3, Fault: emulator.Fault{LostBefore: true}})
				if errs := w.drainBy(t, w.Recorder); len(errs) != 1 {
					t.Errorf("returned to the queue with %v, want once", errs)
				}
				if diff := cmp.Diff(test.want, w.facts(t, "/a")); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				w.right(t, ssmbak.LastKnown, "/a")
				w.wantCurrent(t, "/a", map[bool]string{true: "a marker", false: "v2"}[test.remove])
				w.final(t, "/a")
			})
		})
	}
}
