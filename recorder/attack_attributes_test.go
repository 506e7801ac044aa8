package recorder_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// state returns the archive's current state of a parameter, without the value.
func (w *world) state(t *testing.T, name string, at time.Time) ssmbak.State {
	t.Helper()
	target, err := ssmbak.ParseTarget(name, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Archive.At(t.Context(), target, ssmbak.TimeOf(at), archive.NoValues)
	if err != nil || len(s.States) != 1 {
		t.Fatalf("%s at %v: %+v, %v", name, at, s, err)
	}
	return s.States[0]
}

// settled returns a time that every observation made so far certainly reflects.
func settled() time.Time {
	time.Sleep(timeline.Skew + time.Second)
	return time.Now()
}

func (w *world) labelled(t *testing.T, name string, at time.Time, want map[string]int64) {
	t.Helper()
	if s := w.state(t, name, at); s.Labels.IsProved() != (want != nil) || want != nil && !maps.Equal(s.Labels.V, want) {
		t.Errorf("labels of %s at %v: %v (%v), want %v", name, at.UTC().Format("15:04:05.000"), s.Labels.V, s.Labels.Certainty, want)
	}
}

func (w *world) tagged(t *testing.T, name string, at time.Time, want map[string]string) {
	t.Helper()
	if s := w.state(t, name, at); s.Tags.IsProved() != (want != nil) || want != nil && !maps.Equal(s.Tags.V, want) {
		t.Errorf("tags of %s at %v: %v (%v), want %v", name, at.UTC().Format("15:04:05.000"), s.Tags.V, s.Tags.Certainty, want)
	}
}

// TestLabelsComeBack returns a label event to the queue until a sync certainly came
// after it.
func TestLabelsComeBack(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.put(t, "/a", "v2", ssmbak.TypeString)
		w.drainBy(t, w.Recorder)
		time.Sleep(time.Minute)
		before := time.Now()
		w.label(t, "/a", "prod", 1)
		errs := w.drainBy(t, w.Recorder)
		var open *recorder.NotSettledError
		if len(errs) != 1 || !errors.As(errs[0], &open) || open.Name != "/a" {
			t.Errorf("returned to the queue with %v, want a NotSettledError", errs)
		}
		if waited := time.Since(before); waited < 11*time.Second {
			t.Errorf("settled after %v, within which a read may be stale", waited)
		}
		w.labelled(t, "/a", before.Add(-64*time.Second), map[string]int64{})
		w.labelled(t, "/a", before.Add(500*time.Millisecond), nil)
		w.labelled(t, "/a", settled(), map[string]int64{"prod": 1})
		w.answers(t, "/a", moment{before.Add(time.Minute), "proved v2"})
		w.right(t, ssmbak.LastKnown, "/a")
	})
}

// TestStaleLabels returns stale histories, from before the label moved, until the
// event is old enough: what it saw is not believed.
func TestStaleLabels(t *testing.T) {
	stale := true
	o := emulator.Options{}
	o.SSM.StaleBy = func(op, _ string) time.Duration {
		if stale && op == "GetParameterHistory" {
			return 2 * time.Second
		}
		return 0
	}
	attack(t, o, func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.drainBy(t, w.Recorder)
		w.put(t, "/a", "v2", ssmbak.TypeString)
		w.label(t, "/a", "prod", 1)
		w.drainBy(t, w.Recorder)
		time.Sleep(time.Minute)
		w.label(t, "/a", "prod", 2)
		w.drainBy(t, w.Recorder)
		w.labelled(t, "/a", settled(), map[string]int64{"prod": 2})
		w.right(t, ssmbak.LastKnown, "/a")
		stale = false
		w.final(t, "/a")
	})
}

// TestUnlabelled removes a label, which sends no event. Only a deep reconcile
// finds it.
func TestUnlabelled(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.label(t, "/a", "prod", 1)
		time.Sleep(time.Minute) // so that the first sync certainly comes after it
		w.drainBy(t, w.Recorder)
		time.Sleep(time.Hour)
		w.reconcile(t, recorder.ReconcileOptions{Deep: true})
		time.Sleep(time.Minute)
		before := time.Now()
		w.labelled(t, "/a", before, map[string]int64{"prod": 1})
		in := &ssm.UnlabelParameterVersionInput{Name: aws.String("/a"), Labels: []string{"prod"}, ParameterVersion: aws.Int64(1)}
		if _, err := w.SSM.UnlabelParameterVersion(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if r := w.reconcile(t, recorder.ReconcileOptions{}); len(r.Recorded) != 0 || r.Same != 1 || !r.Complete {
			t.Errorf("a plain reconcile: %+v", r)
		}
		if r := w.reconcile(t, recorder.ReconcileOptions{DryRun: true, Deep: true}); len(r.Recorded) != 1 {
			t.Errorf("a dry run of a deep one: %+v", r)
		}
		if r := w.reconcile(t, recorder.ReconcileOptions{Deep: true}); len(r.Recorded) != 1 || r.Recorded[0] != "/a" || r.Same != 0 || !r.Complete {
			t.Errorf("a deep reconcile: %+v", r)
		}
		w.labelled(t, "/a", settled(), map[string]int64{})
		w.labelled(t, "/a", before.Add(time.Second), nil)
		w.labelled(t, "/a", before.Add(-30*time.Minute), map[string]int64{"prod": 1})
		w.right(t, ssmbak.LastKnown, "/a")
		if r := w.reconcile(t, recorder.ReconcileOptions{Deep: true}); len(r.Recorded) != 0 {
			t.Errorf("a deep reconcile without changes: %+v", r)
		}
	})
}

// TestLabelsStayKnown syncs known labels again: the answers for
// earlier moments stay.
func TestLabelsStayKnown(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.label(t, "/a", "prod", 1)
		w.drainBy(t, w.Recorder) // at once, and again when the event comes back
		known := settled()
		w.labelled(t, "/a", known, map[string]int64{"prod": 1})
		time.Sleep(time.Hour)
		w.reconcile(t, recorder.ReconcileOptions{Deep: true})
		time.Sleep(time.Hour)
		w.label(t, "/a", "test", 1)
		w.drainBy(t, w.Recorder)
		w.labelled(t, "/a", known, map[string]int64{"prod": 1})
	})
}

// TestTagEventLost finds changed tags by the tagging API, and by nothing else.
func TestTagEventLost(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		for _, name := range []string{"/a", "/b", "/c"} {
			w.put(t, name, "v", ssmbak.TypeString)
		}
		if err := w.Live.AddTags(t.Context(), "/b", map[string]string{"team": "green"}); err != nil {
			t.Fatal(err)
		}
		w.reconcile(t, recorder.ReconcileOptions{})
		w.tagged(t, "/b", settled(), map[string]string{"team": "green"})
		time.Sleep(time.Hour)
		before := time.Now()
		if err := w.Live.AddTags(t.Context(), "/a", map[string]string{"team": "blue"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Live.RemoveTags(t.Context(), "/b", []string{"team"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		blind := w.another(func(service, _, _ string) emulator.Fault {
			if service == "tagging" {
				return emulator.Fault{Status: http.StatusBadRequest, Code: "AccessDeniedException"}
			}
			return emulator.Fault{}
		})
		if r, err := blind.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{}); err != nil || r.TagsUnchecked == nil || len(r.Recorded) != 0 || !r.Complete {
			t.Errorf("without the tagging API: %+v, %v", r, err)
		}
		w.AWS.ResetCounts()
		r := w.reconcile(t, recorder.ReconcileOptions{})
		if r.TagsUnchecked != nil || fmt.Sprint(r.Recorded) != "[/a /b]" || r.Same != 1 {
			t.Errorf("with it: %+v", r)
		}
		if n := w.AWS.Counts()["ssm:GetParameterHistory"]; n != 2 {
			t.Errorf("%d histories were read, want 2", n)
		}
		w.tagged(t, "/a", settled(), map[string]string{"team": "blue"})
		w.tagged(t, "/b", settled(), map[string]string{})
		w.tagged(t, "/a", before.Add(time.Minute), nil)
		w.tagged(t, "/b", before.Add(time.Minute), nil)
		w.answers(t, "/a", moment{before.Add(time.Minute), "proved v"})
		w.right(t, ssmbak.Proved, "/a", "/b", "/c")
		if r := w.reconcile(t, recorder.ReconcileOptions{}); r.Same != 3 {
			t.Errorf("and again: %+v", r)
		}
	})
}

// TestTagEvents handles events of tags twice and in any order: their counter
// decides, also where they share a second.
func TestTagEvents(t *testing.T) {
	t.Parallel()
	late := func(places ...int) map[int]time.Duration {
		all := make(map[int]time.Duration)
		for i, place := range places {
			all[place] = time.Duration(len(places)-i) * time.Hour
		}
		return all
	}
	tests := []struct {
		name   string
		gap    time.Duration
		copies int
		late   map[int]time.Duration
	}{
		{"in order", 10 * time.Second, 1, nil},
		{"in one second", 100 * time.Millisecond, 1, nil},
		{"twice", 10 * time.Second, 2, nil},
		{"twice in one second", 100 * time.Millisecond, 2, nil},
		{"backwards", 10 * time.Second, 1, late(2, 3, 4)},
		{"backwards in one second", 100 * time.Millisecond, 2, late(2, 3, 4)},
		{"the last one first", 100 * time.Millisecond, 1, late(3, 2)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := emulator.Options{Queue: emulator.QueueOptions{
				Copies: func(string) int { return test.copies }, Delay: func(id string) time.Duration { return test.late[nth(id)] },
			}}
			attack(t, o, func(t *testing.T, w *world) {
				w.put(t, "/a", "v1", ssmbak.TypeString)
				w.drainBy(t, w.Recorder)
				time.Sleep(time.Minute)
				begin := time.Now()
				for _, team := range []string{"red", "green", "blue"} {
					if err := w.Live.AddTags(t.Context(), "/a", map[string]string{"team": team}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(test.gap)
				}
				w.drainBy(t, w.Recorder)
				w.tagged(t, "/a", begin.Add(-2*time.Second), map[string]string{})
				w.tagged(t, "/a", begin.Add(time.Minute), map[string]string{"team": "blue"})
				if test.gap > 2*time.Second {
					w.tagged(t, "/a", begin.Add(2*time.Second), map[string]string{"team": "red"})
					w.tagged(t, "/a", begin.Add(12*time.Second), map[string]string{"team": "green"})
				}
				w.right(t, ssmbak.LastKnown, "/a")
				if got := w.facts(t, "/a"); len(got) != 1 || got[0] != "1 v1" {
					t.Errorf("facts %q: tags changed versions", got)
				}
				if n := len(w.index(t, "/a").Facts.Tags); n > 5 {
					t.Errorf("%d facts about three changes of tags", n)
				}
				w.wantCurrent(t, "/a", "v1")
				if n := len(w.AWS.S3.Versions(bucket, "/a")); n != 1 {
					t.Errorf("%d value objects, want 1", n)
				}
				w.final(t, "/a")
				w.right(t, ssmbak.LastKnown, "/a")
			})
		})
	}
}

// TestEventsThatChangeNothing sends notifications of policies and events with an
// exception: neither is recorded, asks for anything, or comes back.
func TestEventsThatChangeNothing(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		if err := w.Recorder.Sync(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
		w.put(t, "/a", "v2", ssmbak.TypeString)
		before := w.index(t, "/a")
		w.AWS.ResetCounts()
		at := time.Now().UTC().Format(time.RFC3339)
		event := func(id, kind, detail string) recorder.Message {
			return recorder.Message{ID: id, Receives: 1, Body: fmt.Appendf(nil,
				`{"id":%q,"detail-type":%q,"source":"aws.ssm","account":%q,"region":%q,"time":%q,"resources":[],"detail":%s}`, id, kind, account, region, at, detail)}
		}
		batch := []recorder.Message{
			event("1", "Parameter Store Policy Action", `{"policy-type":"ExpirationNotification","parameter-name":"/a","action-status":"Success"}`),
			event("2", "Parameter Store Policy Action", `{"policy-type":"NoChangeNotification","parameter-name":"/a","action-status":"Success"}`),
			event("3", "Parameter Store Change", `{"operation":"Create","name":"/a","exception":"Unable to Describe Resource"}`),
			event("4", "Parameter Store Change", `{"operation":"Update","name":"/a","exception":"Unable to Describe Resource"}`),
			event("5", "Parameter Store Change", `{"operation":"Delete","name":"/a","exception":"Unable to Describe Resource"}`),
		}
		for _, f := range w.Recorder.Handle(t.Context(), batch) {
			t.Errorf("returned to the queue: %v", f.Err)
		}
		if n := w.AWS.Counts(); len(n) != 0 {
			t.Errorf("requests %v, want none", n)
		}
		if after := w.index(t, "/a"); after.ETag() != before.ETag() {
			t.Errorf("recorded %+v", after.Facts)
		}
		w.answers(t, "/a", moment{time.Now(), "last-known v1"})
	})
}

// TestLabelsAndTagsAreNoVersions changes labels and tags of old versions: what
// is current does not follow.
func TestLabelsAndTagsAreNoVersions(t *testing.T) {
	attack(t, emulator.Options{}, func(t *testing.T, w *world) {
		for i := range 3 {
			w.put(t, "/a", fmt.Sprint("v", i+1), ssmbak.TypeString)
			w.drainBy(t, w.Recorder)
		}
		objects := len(w.AWS.S3.Versions(bucket, "/a"))
		for i := range 3 {
			time.Sleep(time.Minute)
			w.label(t, "/a", "prod", int64(i%2+1))
			if err := w.Live.AddTags(t.Context(), "/a", map[string]string{"n": fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			w.drainBy(t, w.Recorder)
			w.wantCurrent(t, "/a", "v3")
			if a := w.answer(t, "/a", time.Now()); a != "last-known v3" && a != "proved v3" {
				t.Errorf("now: %s, want v3", a)
			}
		}
		if n := len(w.AWS.S3.Versions(bucket, "/a")); n != objects {
			t.Errorf("%d value objects, were %d", n, objects)
		}
		w.labelled(t, "/a", settled(), map[string]int64{"prod": 1})
		w.tagged(t, "/a", settled(), map[string]string{"n": "2"})
		w.right(t, ssmbak.LastKnown, "/a")
		w.final(t, "/a")
	})
}
