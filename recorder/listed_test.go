package recorder_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// TestUnreadIsRecorded denies reads: what the listing showed is recorded, and its
// value as soon as reads are allowed again, by whichever sync is first.
func TestUnreadIsRecorded(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"GetParameterHistory", "ListTagsForResource"} {
		t.Run(op, func(t *testing.T) {
			attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
				w.put(t, "/s", "v1", ssmbak.TypeSecureString)
				w.put(t, "/t", "v1", ssmbak.TypeString)
				w.reconcile(t, recorder.ReconcileOptions{}) // the denial affects /t too, unless it is unchanged
				w.put(t, "/s", "v2", ssmbak.TypeSecureString)
				before := w.facts(t, "/s")
				w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: op, Fault: emulator.DeniedBySSM})
				time.Sleep(time.Hour)
				for range 2 { // a second one adds nothing
					r := w.reconcile(t, recorder.ReconcileOptions{})
					if len(r.Failed) != 1 || r.Failed[0].Name != "/s" || !r.Complete {
						t.Errorf("reconcile: %+v", r)
					}
				}
				want := append(slices.Clone(before), fmt.Sprintf("%d without value: not read: AccessDeniedException", len(before)+1))
				if diff := cmp.Diff(want, w.facts(t, "/s")); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				noted, err := w.Archive.Reconciled(t.Context())
				if err != nil || !slices.Equal(noted.Unsure, []ssmbak.Name{"/s"}) || len(noted.Missed) != 0 {
					t.Errorf("noted %+v, %v", noted, err)
				}
				w.AWS.Faults.Clear()
				if err := w.Recorder.Sync(t.Context(), "/s"); err != nil { // as an event does
					t.Fatal(err)
				}
				want[len(want)-1] = fmt.Sprintf("%d v%[1]d", len(want))
				if diff := cmp.Diff(want, w.facts(t, "/s")); diff != "" {
					t.Errorf("facts with the value (-want +got):\n%s", diff)
				}
				w.final(t, "/s", "/t")
			})
		})
	}
}

// TestMissedIsRead has a parameter that could not be recorded go without an
// event: the next reconcile finds that out by its name.
func TestMissedIsRead(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v", ssmbak.TypeString)
		w.put(t, "/b", "v", ssmbak.TypeString)
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Fault: emulator.Denied})
		if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || len(r.Failed) != 1 {
			t.Fatalf("reconcile: %+v", r)
		}
		w.AWS.Faults.Clear()
		time.Sleep(time.Hour)
		listed := ssmbak.TimeOf(time.Now())
		w.remove(t, "/a")
		time.Sleep(time.Hour)
		if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || r.Checked != 2 {
			t.Errorf("reconcile: %+v", r)
		}
		snap, err := w.Archive.At(t.Context(), testworld.Everything(t), listed, archive.NoValues)
		if err != nil || len(snap.States) != 2 || snap.States[0].Certainty != ssmbak.Unknown || snap.States[0].Deleted ||
			!slices.Equal(snap.Unproved.MissedNames(), []ssmbak.Name{"/a"}) {
			t.Errorf("before it was deleted: %+v, %v", snap, err)
		}
		snap, err = w.Archive.At(t.Context(), testworld.Everything(t), ssmbak.TimeOf(time.Now()), archive.NoValues)
		if err != nil || len(snap.States) != 2 || !snap.States[0].Deleted || !snap.Unproved.Empty() {
			t.Errorf("now: %+v, %v", snap, err)
		}
	})
}

// TestAllFailedIsNotComplete has every parameter fail, and then none.
func TestAllFailedIsNotComplete(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || r.Checked != 0 {
			t.Errorf("of nothing: %+v", r)
		}
		before, err := w.Archive.Reconciled(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, "/a", "v", ssmbak.TypeString)
		time.Sleep(time.Hour)
		w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/index/", Fault: emulator.Denied})
		if r := w.reconcile(t, recorder.ReconcileOptions{}); r.Complete || len(r.Failed) != 1 {
			t.Errorf("where all failed: %+v", r)
		}
		after, err := w.Archive.Reconciled(t.Context())
		if err != nil || !after.Last.Equal(before.Last) || len(after.Missed) != 1 {
			t.Errorf("noted %+v, %v", after, err)
		}
		w.AWS.Faults.Clear()
		for range 2 { // the second finds nothing new
			time.Sleep(time.Hour)
			if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete {
				t.Errorf("where none failed: %+v", r)
			}
		}
	})
}

// TestFailedKeepsListing has reads fail of a parameter that was recreated and of one that
// was deleted, without events: the listing before proves of both until when they were
// unchanged, and that stays known although the next listing is complete without them.
func TestFailedKeepsListing(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("recreated ", again), func(t *testing.T) {
			attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
				w.put(t, "/a", "v", ssmbak.TypeString)
				w.put(t, "/b", "v", ssmbak.TypeString)
				w.reconcile(t, recorder.ReconcileOptions{})
				time.Sleep(time.Hour)
				proved := ssmbak.TimeOf(time.Now().Add(-time.Minute))
				w.reconcile(t, recorder.ReconcileOptions{})
				w.remove(t, "/a")
				if time.Sleep(time.Hour); again {
					w.put(t, "/a", "w", ssmbak.TypeString)
				}
				time.Sleep(time.Hour)
				w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "GetParameterHistory", Fault: emulator.DeniedBySSM})
				for range 2 {
					if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || len(r.Failed) != 1 {
						t.Fatalf("reconcile: %+v", r)
					}
					time.Sleep(time.Hour)
				}
				w.AWS.Faults.Clear()
				w.reconcile(t, recorder.ReconcileOptions{})
				snap, err := w.Archive.At(t.Context(), testworld.Target(t, "/a", false), proved, archive.AllValues)
				if err != nil || len(snap.States) != 1 || snap.States[0].Certainty != ssmbak.Proved || snap.States[0].Value.V.Reveal() != "v" {
					t.Errorf("when the listing showed it: %+v, %v", snap, err)
				}
			})
		})
	}
}
