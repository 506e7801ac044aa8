package recorder_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestKeyDisabled disables the key of one version among others: what it had is
// a version without a value, and with the key its value comes.
func TestKeyDisabled(t *testing.T) {
	t.Parallel()
	for _, which := range []int{1, 2, 3} {
		t.Run(fmt.Sprint("version ", which), func(t *testing.T) {
			attack(t, emulator.Options{}, func(t *testing.T, w *world) {
				times := make([]time.Time, 4)
				for i := range 3 {
					times[i] = time.Now()
					w.write(t, paramstore.Write{Name: "/s", Value: ssmbak.NewValue(fmt.Sprint("secret", i+1)), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: fmt.Sprint("alias/key", i+1)}})
					time.Sleep(2 * time.Second)
				}
				key := fmt.Sprint("alias/key", which)
				w.AWS.SSM.DisableKey(key)
				if errs := w.drainBy(t, w.Recorder); len(errs) != 0 {
					t.Errorf("returned to the queue with %v", errs)
				}
				const reason = "InvalidKeyId: its key is not enabled or does not exist"
				all := []string{"1 secret1", "2 secret2", "3 secret3"}
				want, says := slices.Clone(all), []string{"proved secret1", "proved secret2", "proved secret3"}
				want[which-1] = fmt.Sprintf("%d without value: %s", which, reason)
				says[which-1] = fmt.Sprintf("proved version %d without value", which)
				check := func(when string, want, says []string) {
					t.Helper()
					if diff := cmp.Diff(want, w.facts(t, "/s")); diff != "" {
						t.Errorf("%s: facts (-want +got):\n%s", when, diff)
					}
					for i := range says {
						w.answers(t, "/s", moment{times[i], says[i]})
					}
					if strings.Contains(w.top("/s"), "marker") {
						t.Errorf("%s: the current object is a marker", when)
					}
				}
				check("disabled", want, says)
				if s := w.state(t, "/s", times[which-1]); s.Value.Reason != reason || s.Deleted {
					t.Errorf("state %+v, want the reason why there is no value", s)
				}
				for range 2 {
					time.Sleep(time.Hour)
					r := w.reconcile(t, recorder.ReconcileOptions{})
					if fmt.Sprint(r.Unreadable) != "[/s]" || len(r.Failed) != 0 || !r.Complete {
						t.Errorf("reconcile while it is disabled: %+v", r)
					}
				}
				check("after two reconciles", want, says)
				// What comes after it is recorded.
				times[3] = time.Now()
				w.write(t, paramstore.Write{Name: "/s", Value: ssmbak.NewValue("secret4"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: "alias/key4"}})
				w.drainBy(t, w.Recorder)
				check("after one more version", append(want, "4 secret4"), append(says, "proved secret4"))
				w.wantCurrent(t, "/s", "secret4")

				w.AWS.SSM.EnableKey(key)
				time.Sleep(time.Hour)
				if r := w.reconcile(t, recorder.ReconcileOptions{}); len(r.Unreadable) != 0 || !r.Complete {
					t.Errorf("reconcile after it was enabled: %+v", r)
				}
				check("enabled", append(all, "4 secret4"), []string{"proved secret1", "proved secret2", "proved secret3", "proved secret4"})
				// The old value was written last, but the live one must be current.
				w.reconcile(t, recorder.ReconcileOptions{})
				w.wantCurrent(t, "/s", "secret4")
				w.right(t, ssmbak.LastKnown, "/s")
			})
		})
	}
}

// TestKeyDestroyed loses the key of the newest version: nothing waits for it,
// and the deletion that follows is one.
func TestKeyDestroyed(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.put(t, "/s", "v1", ssmbak.TypeSecureString)
		w.drainBy(t, w.Recorder)
		w.write(t, paramstore.Write{Name: "/s", Value: ssmbak.NewValue("v2"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, KeyID: "alias/lost"}})
		w.AWS.SSM.DisableKey("alias/lost")
		lost := time.Now()
		time.Sleep(2 * time.Second)
		if errs := w.drainBy(t, w.Recorder); len(errs) != 0 {
			t.Errorf("returned to the queue with %v", errs)
		}
		for range 3 {
			time.Sleep(time.Hour)
			if r := w.reconcile(t, recorder.ReconcileOptions{}); !r.Complete || len(r.Failed)+len(r.Deleted) != 0 || len(r.Unreadable) != 1 {
				t.Errorf("reconcile: %+v", r)
			}
		}
		w.answers(t, "/s", moment{lost.Add(-time.Millisecond), "proved v1"}, moment{lost, "proved version 2 without value"})
		w.wantCurrent(t, "/s", "v1")
		w.remove(t, "/s")
		w.drainBy(t, w.Recorder)
		w.final(t, "/s")
		w.answers(t, "/s", moment{lost, "proved version 2 without value"})
		w.right(t, ssmbak.LastKnown, "/s")
	})
}

// TestSecretOfAnotherLife deletes and recreates a parameter between the reads of
// its history and its secret: the value of one life is never recorded for the
// other.
func TestSecretOfAnotherLife(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"GetParameter", "GetParameterHistory"} {
		t.Run(op, func(t *testing.T) {
			attack(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.put(t, "/s", "zero", ssmbak.TypeSecureString)
				w.remove(t, "/s")
				w.drainBy(t, w.Recorder)
				time.Sleep(time.Minute)
				first := time.Now()
				w.put(t, "/s", "first", ssmbak.TypeSecureString)
				if op == "GetParameterHistory" { // two secrets are read by a history
					w.put(t, "/s", "first, v2", ssmbak.TypeSecureString)
				}
				reads := 0
				r := w.another(func(_, o, _ string) emulator.Fault {
					if o == op {
						reads++
					}
					if o != op || op == "GetParameter" && reads != 1 || op == "GetParameterHistory" && reads != 2 {
						return emulator.Fault{}
					}
					reads++
					w.remove(t, "/s")
					time.Sleep(2 * time.Second)
					w.put(t, "/s", "second", ssmbak.TypeSecureString)
					return emulator.Fault{}
				})
				if err := r.Sync(t.Context(), "/s"); err != nil { // no event says that it is a secret
					t.Fatal(err)
				}
				w.drainBy(t, r)
				if reads < 2 {
					t.Fatal("nothing happened between history and secret")
				}
				for _, m := range w.facts(t, "/s") {
					if strings.HasPrefix(m, "1 ") && m != "1 second" && m != "1 zero" && m != "1 without value: deleted and recreated before its value could be read" {
						t.Errorf("recorded %q", m)
					}
				}
				w.answers(t, "/s", moment{first, "proved version 1 without value"})
				w.wantCurrent(t, "/s", "second")
				w.right(t, ssmbak.LastKnown, "/s")
				w.final(t, "/s")
			})
		})
	}
}

// TestThrottledForever throttles one operation for longer than a function runs: what
// works then waits until its time is over, nothing is recorded that is not so, and with
// the service all is.
func TestThrottledForever(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"GetParameter", "GetParameterHistory", "ListTagsForResource"} {
		for _, code := range []string{"ThrottlingException", "RequestLimitExceeded"} {
			t.Run(op+" "+code, func(t *testing.T) {
				attack(t, emulator.Options{}, func(t *testing.T, w *world) {
					w.put(t, "/s", "v1", ssmbak.TypeSecureString)
					w.drainBy(t, w.Recorder)
					w.put(t, "/s", "v2", ssmbak.TypeSecureString)
					w.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: op, Fault: emulator.Fault{Status: http.StatusBadRequest, Code: code}})
					go func() {
						time.Sleep(200 * time.Second)
						w.AWS.Faults.Clear()
					}()
					limited, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := w.Recorder.Sync(limited, "/s"); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a throttled sync: %v", err)
					}
					limited, cancel = context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					r, err := w.Recorder.Reconcile(limited, testworld.Everything(t), recorder.ReconcileOptions{})
					if op == "GetParameter" { // a reconcile decrypts the history instead
						if err != nil || !r.Complete || len(r.Recorded) != 1 {
							t.Errorf("reconcile: %+v, %v", r, err)
						}
						time.Sleep(200 * time.Second)
						w.drainBy(t, w.Recorder)
						w.final(t, "/s")
						return
					}
					if err != nil || r.Complete || r.Left != 1 || len(r.Failed)+len(r.Unreadable)+len(r.Deleted)+len(r.Recorded) != 0 {
						t.Errorf("reconcile: %+v, %v", r, err)
					}
					if diff := cmp.Diff([]string{"1 v1"}, w.facts(t, "/s")); diff != "" {
						t.Errorf("facts without the throttled version (-want +got):\n%s", diff)
					}
					w.drainBy(t, w.Recorder) // which has all the time that it needs
					if diff := cmp.Diff([]string{"1 v1", "2 v2"}, w.facts(t, "/s")); diff != "" {
						t.Errorf("facts (-want +got):\n%s", diff)
					}
					w.right(t, ssmbak.LastKnown, "/s")
					w.final(t, "/s")
				})
			})
		}
	}
}

// short is a transport in which one listing ends early: of each page only the
// first names come, and no page follows.
type short struct {
	http.RoundTripper
	op     string
	key    string // of the list in the answer
	next   string // of the token
	keep   int
	active bool
}

func (s *short) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := s.RoundTripper.RoundTrip(r)
	if err != nil || !s.active || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+s.op) {
		return out, err
	}
	var answer map[string]json.RawMessage
	var list []json.RawMessage
	body, err := io.ReadAll(out.Body)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err == nil {
		err = json.Unmarshal(answer[s.key], &list)
	}
	if err != nil {
		return nil, err
	}
	answer[s.key], _ = json.Marshal(list[:min(s.keep, len(list))])
	delete(answer, s.next)
	body, _ = json.Marshal(answer)
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Del("Content-Length")
	return out, nil
}

// TestListingEndsEarly omits names from a listing: no omitted parameter is recorded as
// deleted, or without tags.
func TestListingEndsEarly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		op, key, next string
	}{
		{op: "DescribeParameters", key: "Parameters", next: "NextToken"},
		{op: "GetResources", key: "ResourceTagMappingList", next: "PaginationToken"},
	}
	for _, test := range tests {
		for _, keep := range []int{0, 1, 3} {
			t.Run(fmt.Sprintf("%s keeps %d", test.op, keep), func(t *testing.T) {
				attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
					s := &short{RoundTripper: w.AWS.Client().Transport, op: test.op, key: test.key, next: test.next, keep: keep}
					_, w.Recorder = w.Another(w.Connect(&http.Client{Transport: s}))
					var names []string
					for i := range 10 {
						name := fmt.Sprint("/p/", i)
						names = append(names, name)
						w.put(t, name, "v", ssmbak.TypeString)
						if err := w.Live.AddTags(t.Context(), ssmbak.Name(name), map[string]string{"n": name}); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(time.Minute)
					w.reconcile(t, recorder.ReconcileOptions{})
					time.Sleep(time.Hour)
					w.remove(t, names[9])
					s.active = true
					for range 2 {
						time.Sleep(time.Hour)
						r := w.reconcile(t, recorder.ReconcileOptions{})
						if len(r.Failed) != 0 || !slices.Equal(r.Deleted, []ssmbak.Name{"/p/9"}) && len(r.Deleted) != 0 || len(r.Recorded) != 0 {
							t.Errorf("reconcile: %+v", r)
						}
					}
					for _, name := range names[:9] {
						w.tagged(t, name, settled(), map[string]string{"n": name})
						w.wantCurrent(t, name, "v")
						if a := w.answer(t, name, time.Now()); !strings.HasSuffix(a, " v") || strings.HasPrefix(a, "unknown") {
							t.Errorf("%s: %s", name, a)
						}
					}
					s.active = false
					w.final(t, names...)
				})
			})
		}
	}
}

// TestListingFails lets a listing fail on its second page: nothing is complete,
// and nothing is recorded.
func TestListingFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ service, op string }{{"ssm", "DescribeParameters"}, {"s3", "ListObjectsV2"}} {
		t.Run(test.op, func(t *testing.T) {
			o := noEvents(emulator.Options{})
			o.SSM.DescribePage = 3
			attack(t, o, func(t *testing.T, w *world) {
				for i := range 10 {
					w.put(t, fmt.Sprint("/p/", i), "v", ssmbak.TypeString)
				}
				w.reconcile(t, recorder.ReconcileOptions{})
				before, err := w.Archive.Reconciled(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.remove(t, "/p/5")
				w.put(t, "/p/6", "v2", ssmbak.TypeString)
				time.Sleep(time.Hour)
				n := 0
				broken := w.another(func(service, op, _ string) emulator.Fault {
					if service == test.service && op == test.op {
						if n++; n > 1 {
							return emulator.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError"}
						}
					}
					return emulator.Fault{}
				})
				r, err := broken.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
				if err == nil || r.Complete || len(r.Recorded)+len(r.Deleted) != 0 {
					t.Errorf("reconcile: %+v, %v", r, err)
				}
				after, err := w.Archive.Reconciled(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("noted (-before +after):\n%s", diff)
				}
				w.answers(t, "/p/5", moment{time.Now(), "last-known v"})
				w.answers(t, "/p/6", moment{time.Now(), "last-known v"})
				w.final(t, "/p/4", "/p/5", "/p/6")
			})
		})
	}
}

// TestTenThousandVersions records one more change of a parameter whose index is
// large: it costs no request more, and every answer stays.
func TestTenThousandVersions(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads ten thousand versions")
	}
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		const n = 10_000
		begin := ssmbak.TimeOf(time.Now())
		var old timeline.Facts
		for i := range int64(n) {
			v := timeline.Version{Version: ssmbak.Version{Number: i + 1, Time: begin + ssmbak.Time(i*1000), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: "Standard", DataType: "text"}}}
			v.Objects = []timeline.ObjectRef{{ID: fmt.Sprintf("object-version-%017d", i), Written: v.Time + 1000}}
			v.Events = []string{fmt.Sprintf("00000000-0000-4000-8000-%012d", i)}
			old.Versions = append(old.Versions, v)
		}
		last := old.Versions[n-1]
		old.Observations = []timeline.Observation{{Newest: last.Ref(), Oldest: 1, AsOf: last.Time, At: last.Time}}
		old.Deletions = []timeline.Deletion{{Event: "the end", Second: last.Time.Second() + 10}}
		time.Sleep(n*time.Second + time.Hour)
		if _, err := archive.NewWriter(w.Archive).Update(t.Context(), w.index(t, "/a"), func(f timeline.Facts) timeline.Facts { return timeline.Union(f, old) }); err != nil {
			t.Fatal(err)
		}
		w.put(t, "/a", "recreated", ssmbak.TypeString)
		w.drainBy(t, w.Recorder)
		w.put(t, "/a", "one more", ssmbak.TypeString)
		w.AWS.ResetCounts()
		if errs := w.drainBy(t, w.Recorder); len(errs) != 0 {
			t.Errorf("returned to the queue with %v", errs)
		}
		want := map[string]int{"s3:GetObject": 1, "ssm:GetParameterHistory": 1, "ssm:ListTagsForResource": 1, "s3:PutObject": 2}
		if diff := cmp.Diff(want, w.AWS.Counts()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		w.wantCurrent(t, "/a", "one more")
		x := w.index(t, "/a")
		if len(x.Facts.Versions) != n+2 {
			t.Errorf("%d versions, want %d", len(x.Facts.Versions), n+2)
		}
		line := timeline.New("/a", x.Facts, timeline.Coverage{})
		for _, i := range []int{0, 1, 4999, 9998, 9999} {
			if s, _ := line.At(old.Versions[i].Time); s.Version.Number != int64(i+1) || s.Certainty != ssmbak.Proved {
				t.Errorf("version %d: %+v", i+1, s)
			}
		}
		w.answers(t, "/a",
			moment{last.Time.Std().Add(20 * time.Second), "last-known deleted"},
			moment{time.Now().Add(-3 * time.Second), "proved recreated"},
			moment{time.Now(), "last-known one more"})
	})
}

// TestDots records names that no path of a URL may be cleaned of.
func TestDots(t *testing.T) {
	t.Parallel()
	for _, events := range []bool{true, false} {
		t.Run(fmt.Sprint("events come ", events), func(t *testing.T) {
			o := emulator.Options{}
			if !events {
				o = noEvents(o)
			}
			attack(t, o, func(t *testing.T, w *world) {
				names := []string{"/app/./db", "/app/../db", "/app/db", "/db", "/..", "/.", "/../x", "/x", "/app/..", "/app/.", "/app", "/a/b/../..", "/a"}
				for _, name := range names {
					w.put(t, name, "value of "+name, ssmbak.TypeString)
				}
				created := time.Now()
				record := func() {
					t.Helper()
					time.Sleep(time.Minute)
					w.drainBy(t, w.Recorder)
					if !events {
						w.reconcile(t, recorder.ReconcileOptions{})
					}
				}
				record()
				w.remove(t, "/app/../db")
				w.set(t, "/..", "changed")
				record()
				var listed []string
				for name, err := range w.Archive.Names(t.Context(), testworld.Everything(t)) {
					if err != nil {
						t.Fatal(err)
					}
					listed = append(listed, string(name))
				}
				if diff := cmp.Diff(slices.Sorted(slices.Values(names)), listed); diff != "" {
					t.Errorf("names (-want +got):\n%s", diff)
				}
				for _, name := range names {
					want := "value of " + name
					w.answers(t, name, moment{created.Add(-time.Millisecond), "proved " + want})
					switch name {
					case "/app/../db":
						want = "a marker"
					case "/..":
						want = "changed"
					}
					w.wantCurrent(t, name, want)
				}
				w.final(t, names...)
			})
		})
	}
}
