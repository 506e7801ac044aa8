package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/timeline"
)

var (
	precondition = emulator.Fault{Status: http.StatusPreconditionFailed, Code: "PreconditionFailed"}
	lostAfter    = emulator.Fault{LostAfter: true}
)

// TestConflictStorms refuses the swaps of an index for a while, and for ever.
func TestConflictStorms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault emulator.Fault
		times int // 0 is until it is cleared
	}{
		{"409 for a while", emulator.Conflict, 40},
		{"412 for a while", precondition, 40},
		{"409 without end", emulator.Conflict, 0},
		{"412 without end", precondition, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			attack(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.put(t, "/a", "v1", ssmbak.TypeString)
				w.drainBy(t, w.Recorder)
				w.put(t, "/a", "v2", ssmbak.TypeString)
				w.AWS.Faults.Add(emulator.Rule{Op: "PutObject", KeyPrefix: ".ssmbak/index/a", Times: test.times, Fault: test.fault})
				if test.times == 0 {
					go func() { // the storm is over after the second try
						time.Sleep(100 * time.Second)
						w.AWS.Faults.Clear()
					}()
				}
				errs := w.drainBy(t, w.Recorder)
				handedBack := 0
				if test.times == 0 {
					handedBack = 2
				}
				if len(errs) != handedBack {
					t.Fatalf("returned to the queue with %v, want %d times", errs, handedBack)
				}
				for _, err := range errs {
					if !strings.Contains(err.Error(), "sync /a: write .ssmbak/index/a of bucket archive: 64 other writers were faster, try again") {
						t.Errorf("returned to the queue with %q", err)
					}
				}
				if diff := cmp.Diff([]string{"1 v1", "2 v2"}, w.facts(t, "/a")); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				w.wantCurrent(t, "/a", "v2")
				w.answers(t, "/a", moment{time.Now(), "last-known v2"})
				w.right(t, ssmbak.LastKnown, "/a")
			})
		})
	}
}

// TestOtherWriters lets another recorder write between each reading of an index
// and its swap: both record everything.
func TestOtherWriters(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 10, 40} {
		t.Run(fmt.Sprint(n, " times"), func(t *testing.T) {
			attack(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.put(t, "/a", "v1", ssmbak.TypeString)
				w.drainBy(t, w.Recorder)
				written := 1
				paused := w.another(meanwhile("PutObject", ".ssmbak/index/a", n, func() {
					written++
					w.put(t, "/a", fmt.Sprint("v", written), ssmbak.TypeString)
					if err := w.Recorder.Sync(t.Context(), "/a"); err != nil {
						t.Error(err)
					}
				}))
				written++
				w.put(t, "/a", fmt.Sprint("v", written), ssmbak.TypeString)
				if err := paused.Sync(t.Context(), "/a"); err != nil {
					t.Fatal(err)
				}
				w.drainBy(t, w.Recorder)
				var want []string
				for i := range n + 2 {
					want = append(want, fmt.Sprintf("%d v%[1]d", i+1))
				}
				if diff := cmp.Diff(want, w.facts(t, "/a")); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				w.wantCurrent(t, "/a", fmt.Sprint("v", n+2))
				w.right(t, ssmbak.LastKnown, "/a")
			})
		})
	}
}

// TestOtherWritersWithoutEnd never lets a swap through: the message comes back
// with the reason, and facts of other writers are kept.
func TestOtherWritersWithoutEnd(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.drainBy(t, w.Recorder)
		others := 0
		beaten := w.another(meanwhile("PutObject", ".ssmbak/index/a", 64, func() {
			others++
			grow := func(f timeline.Facts) timeline.Facts {
				return timeline.Union(f, timeline.Facts{Deletions: []timeline.Deletion{{Event: fmt.Sprint(others), Second: 1}}})
			}
			if _, err := archive.NewWriter(w.Archive).Update(t.Context(), w.index(t, "/a"), grow); err != nil {
				t.Error(err)
			}
		}))
		w.put(t, "/a", "v2", ssmbak.TypeString)
		errs := w.drainBy(t, beaten)
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), "64 other writers were faster, try again") {
			t.Fatalf("returned to the queue with %v", errs)
		}
		if f := w.index(t, "/a").Facts; len(f.Deletions) != 64 || len(f.Versions) != 2 {
			t.Errorf("%d facts of others and %d versions, want 64 and 2", len(f.Deletions), len(f.Versions))
		}
		w.answers(t, "/a", moment{time.Now(), "last-known v2"})
		w.wantCurrent(t, "/a", "v2")
	})
}

// TestLostAnswers loses the answer to a write that took effect, once, so that
// the client tries again, and as often as it tries, so that the message comes
// again.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, op, prefix string
		remove           bool
	}{
		{"value", "PutObject", "/a", false},
		{"index", "PutObject", ".ssmbak/index/a", false},
		{"index of a deletion", "PutObject", ".ssmbak/index/a", true},
		{"marker", "DeleteObject", "/a", true},
	}
	for _, test := range tests {
		for _, times := range []int{1, 3, 6} {
			t.Run(fmt.Sprint(test.name, " ", times, " times"), func(t *testing.T) {
				attack(t, emulator.Options{}, func(t *testing.T, w *world) {
					w.put(t, "/a", "v1", ssmbak.TypeString)
					w.drainBy(t, w.Recorder)
					first := time.Now()
					w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: test.op, KeyPrefix: test.prefix, Times: times, Fault: lostAfter})
					want := []string{"1 v1", "2 v2"}
					if test.remove {
						w.remove(t, "/a")
						want = []string{"1 v1", "deletion"}
					} else {
						w.set(t, "/a", "v2")
					}
					changed := time.Now()
					time.Sleep(2 * time.Second)
					w.drainBy(t, w.Recorder)
					if diff := cmp.Diff(want, w.facts(t, "/a")); diff != "" {
						t.Errorf("facts (-want +got):\n%s", diff)
					}
					if test.remove {
						w.answers(t, "/a", moment{first.Add(-time.Second), "last-known v1"}, moment{changed.Add(time.Second), "last-known deleted"})
						w.wantCurrent(t, "/a", "a marker")
					} else {
						w.answers(t, "/a", moment{changed.Add(-time.Millisecond), "proved v1"}, moment{changed, "proved v2"}, moment{time.Now(), "last-known v2"})
						w.wantCurrent(t, "/a", "v2")
					}
					w.right(t, ssmbak.LastKnown, "/a")
					w.final(t, "/a")
				})
			})
		}
	}
}

// TestVersioningSuspended takes versioning away in the middle: everything is
// refused, nothing is believed to be recorded, and when it is back all is.
func TestVersioningSuspended(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprint("deleted ", gone), func(t *testing.T) {
			attack(t, emulator.Options{}, func(t *testing.T, w *world) {
				versioning := func(status types.BucketVersioningStatus) {
					t.Helper()
					in := &s3.PutBucketVersioningInput{Bucket: aws.String(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: status}}
					if _, err := w.Connect(w.AWS.Client()).S3().PutBucketVersioning(t.Context(), in); err != nil {
						t.Fatal(err)
					}
				}
				w.put(t, "/a", "v1", ssmbak.TypeString)
				w.drainBy(t, w.Recorder)
				recorded := w.facts(t, "/a")
				versioning(types.BucketVersioningStatusSuspended)
				want := []string{"1 v1", "2 v2"}
				if gone {
					w.remove(t, "/a")
					want = []string{"1 v1", "deletion"}
				} else {
					w.set(t, "/a", "v2")
				}
				changed := time.Now()
				time.Sleep(2 * time.Second)
				go func() {
					time.Sleep(200 * time.Second) // the third time it works
					versioning(types.BucketVersioningStatusEnabled)
				}()
				var errs []error
				err := w.AWS.Queue.Drain(t.Context(), func(ctx context.Context, batch []emulator.Message) []string {
					failed := handle(w.Recorder, &errs)(ctx, batch)
					if got := w.facts(t, "/a"); len(failed) > 0 && !gone && !slices.Equal(got, recorded) {
						t.Errorf("refused and yet recorded %q", got)
					}
					return failed
				})
				if err != nil {
					t.Fatal(err)
				}
				// A deletion writes nothing the third time: S3 stored the index despite the
				// reported failure.
				handedBack := 3
				if gone {
					handedBack = 2
				}
				var refused *archive.NotVersionedError
				if len(errs) != handedBack || !errors.As(errs[0], &refused) || refused.Status != "Suspended" {
					t.Errorf("returned to the queue with %v, want a NotVersionedError %d times", errs, handedBack)
				}
				if diff := cmp.Diff(want, w.facts(t, "/a")); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				w.answers(t, "/a", moment{changed.Add(-time.Second), map[bool]string{true: "last-known v1", false: "proved v1"}[gone]})
				w.right(t, ssmbak.LastKnown, "/a")
				w.final(t, "/a")
				for _, o := range w.index(t, "/a").Facts.Versions {
					for _, ref := range o.Objects {
						if ref.ID == "null" {
							t.Errorf("version %d refers to an object without a version ID", o.Number)
						}
					}
				}
			})
		})
	}
}
