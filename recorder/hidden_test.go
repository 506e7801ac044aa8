package recorder_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

// hide adds a delete marker to a key.
func (w *world) hide(t *testing.T, key string) {
	t.Helper()
	if _, err := w.Connect(w.AWS.Client()).S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// purge removes all versions of a key.
func (w *world) purge(key string) {
	for _, v := range w.AWS.S3.Versions(bucket, key) {
		w.AWS.S3.RemoveVersion(bucket, key, v.VersionID)
	}
}

// TestReconcileRestoresHidden checks that a reconcile restores indexes and entries of the
// register that were hidden, of live, deleted and excluded parameters, and reports them.
func TestReconcileRestoresHidden(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		names := []string{"/app/deleted", "/app/live", "/app/other", "/ci/run"}
		for _, name := range names {
			w.put(t, name, "one", ssmbak.TypeString)
		}
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		w.remove(t, "/app/deleted")
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		w.Recorder = recorder.New(w.Archive, w.Live, recorder.Options{Account: account, Region: region, Exclude: []string{"/ci/**"}})
		facts := func() map[string]any {
			all := make(map[string]any)
			for _, name := range names {
				x, err := w.Archive.Index(t.Context(), ssmbak.Name(name))
				if err != nil || !x.Exists {
					t.Errorf("the index of %s: exists %v, %v", name, x.Exists, err)
				}
				all[name] = x.Facts
			}
			return all
		}
		before := facts()
		for _, target := range []string{"/", "/app"} {
			restored := []ssmbak.Name{"/app/deleted", "/app/live", "/ci/run"}
			entries := []ssmbak.Name{"/app/live", "/app/other"}
			if target == "/app" {
				restored = restored[:2]
			}
			for _, name := range restored {
				w.hide(t, ".ssmbak/index"+string(name))
			}
			for _, name := range entries {
				w.hide(t, ".ssmbak/names"+string(name))
			}
			for _, dry := range []bool{true, false} {
				time.Sleep(time.Minute)
				r, err := w.Recorder.Reconcile(t.Context(), testworld.Target(t, target, true), recorder.ReconcileOptions{DryRun: dry})
				if err != nil || len(r.Failed) > 0 || r.Complete != (target == "/" && !dry) {
					t.Fatalf("%s: %+v, %v", target, r, err)
				}
				if diff := cmp.Diff(restored, r.Restored); diff != "" {
					t.Errorf("%s: restored (-want +got):\n%s", target, diff)
				}
				if want := entries; !dry && !cmp.Equal(want, r.Reregistered) || dry && len(r.Reregistered) > 0 {
					t.Errorf("%s: restored the entries %v", target, r.Reregistered)
				}
			}
			if diff := cmp.Diff(before, facts(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: facts (-before +after):\n%s", target, diff)
			}
			for _, name := range names {
				if top := w.AWS.S3.Versions(bucket, ".ssmbak/names"+name); len(top) == 0 || top[0].Marker {
					t.Errorf("%s is not in the register", name)
				}
			}
		}
		// The parameter of the target's own name.
		w.hide(t, ".ssmbak/index/app/live")
		w.hide(t, ".ssmbak/index/app/deleted")
		for _, name := range []string{"/app/live", "/app/deleted"} {
			r, err := w.Recorder.Reconcile(t.Context(), testworld.Target(t, name, false), recorder.ReconcileOptions{})
			if err != nil || len(r.Failed) > 0 || !cmp.Equal(r.Restored, []ssmbak.Name{ssmbak.Name(name)}) {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
		facts()
	})
}

// TestRegisterOfOldArchive checks that the first complete reconcile registers every name
// that has an index, or a hidden one, and then says that the register is complete.
func TestRegisterOfOldArchive(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		names := []string{"/app/a", "/app/b", "/app/c", "/app/gone"}
		for _, name := range names {
			w.put(t, name, "one", ssmbak.TypeString)
		}
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		w.remove(t, "/app/gone")
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		for _, name := range names { // as if the archive had no register
			w.purge(".ssmbak/names" + name)
		}
		w.purge(".ssmbak/reconciled")
		w.hide(t, ".ssmbak/index/app/b")
		w.hide(t, ".ssmbak/index/app/gone")
		registered := func() bool {
			t.Helper()
			r, err := w.Archive.Reconciled(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return !r.Names.IsZero()
		}

		// An entry that cannot be written only leaves the register incomplete.
		w.AWS.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/names/app/c", Fault: emulator.Denied})
		r := w.reconcile(t, recorder.ReconcileOptions{})
		if !r.Complete || registered() || len(r.Unregistered) != 1 || r.Unregistered[0].Name != "/app/c" || r.Registered != 3 {
			t.Errorf("with a fault: complete register %v, %+v", registered(), r)
		}
		if diff := cmp.Diff([]ssmbak.Name{"/app/b", "/app/gone"}, r.Restored); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
		w.AWS.Faults.Clear()
		if r, err := w.Recorder.Reconcile(t.Context(), testworld.Target(t, "/app/", true), recorder.ReconcileOptions{}); err != nil || r.Registered != 1 || registered() {
			t.Errorf("of a path: complete register %v, %+v, %v", registered(), r, err)
		}
		time.Sleep(time.Minute)
		if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || !registered() || r.Registered != 0 {
			t.Errorf("complete register %v, %+v", registered(), r)
		}
		found := 0
		for _, err := range w.Archive.Register(t.Context(), testworld.Everything(t)) {
			if err != nil {
				t.Fatal(err)
			}
			found++
		}
		if found != len(names) {
			t.Errorf("%d names are registered", found)
		}
	})
}

// TestKilledBeforeFirstIndex checks that a name that was registered, but got no index before
// its recorder was killed, is named until the next reconcile records it.
func TestKilledBeforeFirstIndex(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/app/a", "one", ssmbak.TypeString)
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		for _, name := range []ssmbak.Name{"/app/live", "/app/gone"} {
			if _, err := archive.NewWriter(w.Archive).RegisterName(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		w.put(t, "/app/live", "one", ssmbak.TypeString)
		time.Sleep(time.Minute)
		hidden := func() (names []string) {
			t.Helper()
			snap, err := w.Archive.At(t.Context(), testworld.Everything(t), ssmbak.TimeOf(time.Now()), archive.NoValues)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range snap.Problems {
				if missing := new(archive.MissingIndexError); !errors.As(p.Err, &missing) {
					t.Error(p.Err)
				}
				names = append(names, string(p.Name))
			}
			return names
		}
		if got := strings.Join(hidden(), " "); got != "/app/gone /app/live" {
			t.Errorf("hidden: %s", got)
		}
		if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || len(r.Failed) > 0 || len(r.Restored) > 0 {
			t.Errorf("%+v", r)
		}
		if got := hidden(); len(got) > 0 {
			t.Errorf("hidden after a reconcile: %v", got)
		}
	})
}

// TestHiddenUnrestored checks that a hidden index whose newest version is damaged is
// reported, and does not keep others from being restored.
func TestHiddenUnrestored(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		for _, name := range []string{"/app/a", "/app/b"} {
			w.put(t, name, "one", ssmbak.TypeString)
		}
		time.Sleep(time.Minute)
		w.reconcile(t, recorder.ReconcileOptions{})
		in := &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(".ssmbak/index/app/a"), Body: strings.NewReader("no index")}
		if _, err := w.Connect(w.AWS.Client()).S3().PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		w.hide(t, ".ssmbak/index/app/a")
		w.hide(t, ".ssmbak/index/app/b")
		r, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		var damaged *archive.DamagedError
		if err != nil || len(r.Failed) != 1 || r.Failed[0].Name != "/app/a" || !errors.As(r.Failed[0].Err, &damaged) || !cmp.Equal(r.Restored, []ssmbak.Name{"/app/b"}) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
