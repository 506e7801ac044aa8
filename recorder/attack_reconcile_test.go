package recorder_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// plain is a write of a parameter that is secret or not.
func plain(name, value string, secret bool) paramstore.Write {
	kind := ssmbak.TypeString
	if secret {
		kind = ssmbak.TypeSecureString
	}
	return paramstore.Write{Name: ssmbak.Name(name), Value: ssmbak.NewValue(value), Attributes: ssmbak.Attributes{Type: kind}}
}

// many creates n parameters without events, half of them secret and some
// of them tagged, and returns their names in order.
func (w *world) many(t *testing.T, n int) (names []string) {
	t.Helper()
	for i := range n {
		p := plain(fmt.Sprintf("/p/%03d", i), "v", i%2 == 1)
		if i%5 == 0 {
			p.Tags = map[string]string{"n": fmt.Sprint(i)}
		}
		if _, err := w.Live.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		names = append(names, string(p.Name))
	}
	time.Sleep(time.Minute)
	return names
}

// TestUnchangedCostsNothing reconciles what has not changed: no parameter costs a
// request of its own. Parameters that changed, or whose current object is wrong,
// are found and cost only their own requests.
func TestUnchangedCostsNothing(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		const n = 300
		names := w.many(t, n)
		if r := w.reconcile(t, recorder.ReconcileOptions{}); len(r.Recorded) != n || !r.Complete {
			t.Fatalf("the first: %d recorded, complete %v", len(r.Recorded), r.Complete)
		}
		time.Sleep(time.Hour)
		w.AWS.ResetCounts()
		if r := w.reconcile(t, recorder.ReconcileOptions{}); r.Same != n || r.Checked != n || !r.Complete || r.Left != 0 {
			t.Errorf("the second: %+v", r)
		}
		listings := map[string]int{
			"ssm:DescribeParameters": n / 50, "tagging:GetResources": 1, "s3:ListObjectsV2": 2,
			"s3:GetObject":          5, // the reconcile cache, the record of the last listing, its progress, and the record of the last drill
			"s3:ListObjectVersions": 3, // of the register, and whether another program replaced that record or the identity
			"s3:PutObject":          1, // when this one was
		}
		if diff := cmp.Diff(listings, w.AWS.Counts()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}

		time.Sleep(time.Hour)
		by := w.Connect(w.AWS.Client()).S3()
		tops := make(map[string]string)
		older := func(name string) {
			in := &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &name, Body: strings.NewReader("older")}
			if _, err := by.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			tops[name] = "v"
		}
		marked := func(name string) {
			if _, err := by.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &name}); err != nil {
				t.Fatal(err)
			}
			tops[name] = "v"
		}
		tag := func(name string) {
			if err := w.Live.AddTags(t.Context(), ssmbak.Name(name), map[string]string{"new": "tag"}); err != nil {
				t.Fatal(err)
			}
			tops[name] = "v"
		}
		// One of each that is secret and one that is not, tagged before and not.
		for i := range 2 {
			w.write(t, plain(names[i], "v2", i%2 == 1))
			tops[names[i]] = "v2"
			tag(names[15+i])
			w.remove(t, names[20+i])
			tops[names[20+i]] = "a marker"
			older(names[30+i])
			marked(names[40+i])
		}
		older(names[20]) // of a deleted parameter
		tops[names[20]] = "a marker"
		time.Sleep(time.Hour)
		w.AWS.ResetCounts()
		r := w.reconcile(t, recorder.ReconcileOptions{})
		if fmt.Sprint(r.Recorded) != "[/p/000 /p/001 /p/015 /p/016 /p/030 /p/031 /p/040 /p/041]" || fmt.Sprint(r.Deleted) != "[/p/020 /p/021]" || r.Same != n-10 || r.Checked != n || !r.Complete {
			t.Errorf("the third: %+v", r)
		}
		// Each is read once, and again if its current object must be fixed.
		if got := w.AWS.Counts()["ssm:GetParameterHistory"]; got > 2*10 {
			t.Errorf("%d histories were read for 10 parameters", got)
		}
		check := func() {
			t.Helper()
			for name, want := range tops {
				w.wantCurrent(t, name, want)
			}
		}
		check()
		w.tagged(t, names[15], settled(), map[string]string{"n": "15", "new": "tag"})
		w.tagged(t, names[16], settled(), map[string]string{"new": "tag"})

		// Fixed parameters are cached by the next reconcile and cost nothing after it.
		time.Sleep(time.Hour)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		if r := w.reconcile(t, recorder.ReconcileOptions{}); r.Same != n || !r.Complete {
			t.Errorf("the last: %+v", r)
		}
		// Without its delete marker, a deleted parameter has an old current object.
		top := w.AWS.S3.Versions(bucket, names[21])[0]
		w.AWS.S3.RemoveVersion(bucket, names[21], top.VersionID)
		time.Sleep(time.Hour)
		w.reconcile(t, recorder.ReconcileOptions{})
		check()
		w.final(t, slices.Collect(maps.Keys(tops))...)
	})
}

// TestDeadline gives a reconcile too little time, again and again: it stops
// before its deadline, reports what is left, and the next one continues.
func TestDeadline(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		limit, history time.Duration // of a run, and of one request
	}{
		{"short", 20 * time.Second, 4 * time.Second},
		{"long", 2 * time.Minute, 18 * time.Second},
		{"one request takes longer than the reserve", 5 * time.Minute, time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const n = 200
			slow := false
			o := noEvents(emulator.Options{Latency: func(service, op string) time.Duration {
				if slow && op == "GetParameterHistory" {
					return test.history
				}
				return 10 * time.Millisecond
			}})
			attack(t, o, func(t *testing.T, w *world) {
				names := w.many(t, n)
				slow = true
				left, runs, recorded := n, 0, 0
				w.AWS.ResetCounts()
				for ; left > 0 && runs < 50; runs++ {
					began := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), test.limit)
					r, err := w.Recorder.Reconcile(ctx, testworld.Everything(t), recorder.ReconcileOptions{})
					cancel()
					if took := time.Since(began); err != nil || took > test.limit {
						t.Fatalf("run %d: %+v, %v after %v", runs, r, err, took)
					}
					// If there is time, a new listing follows that finds nothing.
					if follows := r.Complete && r.Resumed && r.Same == n; r.Same != recorded && !follows {
						t.Errorf("run %d: %d parameters were unchanged, want the %d recorded before", runs, r.Same, recorded)
					}
					recorded += len(r.Recorded)
					if r.Left >= left || r.Complete != (r.Left == 0) || len(r.Failed) != 0 || r.Left != n-recorded {
						t.Fatalf("run %d: %d recorded, %d left of %d, complete %v, %v", runs, len(r.Recorded), r.Left, left, r.Complete, r.Failed)
					}
					if runs == 0 && r.Left == 0 {
						t.Error("nothing was left by the first run")
					}
					left = r.Left
					time.Sleep(time.Minute)
				}
				if left > 0 {
					t.Fatalf("%d are left after %d runs", left, runs)
				}
				// A parameter whose read was cut off by the deadline is read again.
				if got := w.AWS.Counts()["ssm:GetParameterHistory"]; got < n || got > n+32*(runs-1) {
					t.Errorf("%d histories were read of %d parameters in %d runs", got, n, runs)
				}
				slow = false
				w.final(t, names[0], names[100], names[n-1])
			})
		})
	}
}

// TestTwoReconciles runs two at once over the same changes: both succeed, and
// what they prove together is complete.
func TestTwoReconciles(t *testing.T) {
	const n = 30
	o := noEvents(emulator.Options{Latency: func(_, op string) time.Duration { return time.Duration(len(op)) * time.Millisecond }})
	attack(t, o, func(t *testing.T, w *world) {
		names := w.many(t, n)
		both := []*recorder.Recorder{w.Recorder, w.another(nil)}
		for round := range 3 {
			var wg sync.WaitGroup
			for i, r := range both {
				wg.Go(func() {
					time.Sleep(time.Duration(i*7) * time.Millisecond)
					report, err := r.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
					if err != nil || len(report.Failed) != 0 || !report.Complete || report.Left != 0 {
						t.Errorf("round %d, reconcile %d: %+v, %v", round, i, report, err)
					}
				})
			}
			wg.Wait()
			for _, name := range names[:n-10] {
				if got := w.facts(t, name); len(got) != round+1 {
					t.Errorf("facts of %s: %q, want %d versions", name, got, round+1)
				}
			}
			time.Sleep(time.Hour)
			if round == 2 {
				break
			}
			for i, name := range names[:n-10] {
				p := plain(name, fmt.Sprint("round ", round), i%2 == 1)
				w.write(t, p)
			}
			if round == 0 {
				for _, name := range names[n-10:] {
					w.remove(t, name)
				}
			}
			time.Sleep(time.Minute)
		}
		w.reconcile(t, recorder.ReconcileOptions{})
		if r := w.reconcile(t, recorder.ReconcileOptions{}); r.Same != n {
			t.Errorf("one more: %+v", r)
		}
		w.final(t, names...)
		for _, name := range names {
			if all := w.AWS.S3.Versions(bucket, name); len(slices.DeleteFunc(all, func(v s3api.Version) bool { return v.Marker })) > 8 {
				t.Errorf("%d value objects of %s", len(all), name)
			}
		}
	})
}
