package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

func TestMain(m *testing.M) {
	testworld.CollectLess()
	goleak.VerifyTestMain(m)
}

const (
	account = testworld.Account
	region  = testworld.Region
	bucket  = "archive"
)

// world is an emulated AWS account with a recorder.
type world struct {
	*testworld.World
	logs *bytes.Buffer
}

// newWorld must be called in a bubble: time is the bubble's.
func newWorld(t *testing.T, o emulator.Options, faults emulator.FaultFunc) *world {
	t.Helper()
	logs := &bytes.Buffer{}
	return &world{testworld.New(t, testworld.Options{
		Emulator: o, Faults: faults, MaxAttempts: 3, Backoff: func(int) time.Duration { return 100 * time.Millisecond },
		Tagging: true, Logger: slog.New(slog.NewJSONHandler(logs, nil)),
	}), logs}
}

func (w *world) put(t *testing.T, name, value string, kind ssmbak.Type) {
	t.Helper()
	_, err := w.Live.DescribeOne(t.Context(), ssmbak.Name(name))
	if _, err := w.Live.Put(t.Context(), paramstore.Write{Name: ssmbak.Name(name), Value: ssmbak.NewValue(value), Overwrite: err == nil, Attributes: ssmbak.Attributes{Type: kind}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
}

func (w *world) index(t *testing.T, name string) archive.Index {
	t.Helper()
	x, err := w.Archive.Index(t.Context(), ssmbak.Name(name))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestRequests counts what recording one change costs.
func TestRequests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		kind ssmbak.Type
		want map[string]int
	}{
		{"String", ssmbak.TypeString, map[string]int{
			"s3:GetObject": 1, "ssm:GetParameterHistory": 1, "ssm:ListTagsForResource": 1, "s3:PutObject": 2,
		}},
		{"SecureString", ssmbak.TypeSecureString, map[string]int{
			"s3:GetObject": 1, "ssm:GetParameterHistory": 1, "ssm:ListTagsForResource": 1, "s3:PutObject": 2,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{}, nil)
				for i := range 49 {
					w.put(t, "/app/db", fmt.Sprint("v", i), test.kind)
				}
				w.Drain()
				w.put(t, "/app/db", "the 50th", test.kind)
				w.AWS.ResetCounts()
				if again := w.Drain(); again != 0 {
					t.Errorf("%d messages were returned to the queue", again)
				}
				if diff := cmp.Diff(test.want, w.AWS.Counts()); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestNothingNewWritesNothing checks that a sync without news does not write to
// the bucket.
func TestNothingNewWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, nil)
		w.put(t, "/app/db", "v", ssmbak.TypeString)
		w.Drain()
		w.AWS.ResetCounts()
		if err := w.Recorder.Sync(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		if n := w.AWS.Counts()["s3:PutObject"]; n != 0 {
			t.Errorf("%d objects were written", n)
		}
	})
}

// TestUnreadableBlocksNothing disables the key of one version: the others are
// recorded, and reconcile tries again.
func TestUnreadableBlocksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, nil)
		w.AWS.SSM.DisableKey("alias/aws/ssm")
		w.AWS.SSM.EnableKey("alias/aws/ssm")
		w.put(t, "/app/plain", "v", ssmbak.TypeString)
		w.put(t, "/app/secret", "hunter2", ssmbak.TypeSecureString)
		w.AWS.SSM.DisableKey("alias/aws/ssm")
		if again := w.Drain(); again != 0 {
			t.Errorf("%d messages were returned to the queue", again)
		}
		if x := w.index(t, "/app/plain"); len(x.Facts.Versions) != 1 || len(x.Facts.Versions[0].Objects) != 1 {
			t.Errorf("the other parameter: %+v", x.Facts.Versions)
		}
		v := w.index(t, "/app/secret").Facts.Versions
		if len(v) != 1 || len(v[0].Objects) != 0 || !strings.Contains(v[0].Unreadable, "InvalidKeyId") {
			t.Fatalf("recorded %+v, want a version without value and the reason", v)
		}
		report, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !slices.Equal(report.Unreadable, []ssmbak.Name{"/app/secret"}) || !report.Complete {
			t.Errorf("reconcile: %+v, %v", report, err)
		}
		w.AWS.SSM.EnableKey("alias/aws/ssm")
		report, err = w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || len(report.Unreadable) != 0 {
			t.Errorf("reconcile after the key is back: %+v, %v", report, err)
		}
		v = w.index(t, "/app/secret").Facts.Versions
		if len(v) != 1 || len(v[0].Objects) != 1 || v[0].Unreadable != "" {
			t.Errorf("recorded %+v, want the value", v)
		}
	})
}

// TestThrottlingIsNoMissingValue throttles the request for one lacking value.
func TestThrottlingIsNoMissingValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		throttled := false
		w := newWorld(t, emulator.Options{}, func(_, op, _ string) emulator.Fault {
			if throttled && op == "GetParameter" {
				return emulator.Fault{Status: http.StatusBadRequest, Code: "ThrottlingException"}
			}
			return emulator.Fault{}
		})
		w.put(t, "/s", "hunter1", ssmbak.TypeSecureString)
		w.Drain()
		w.put(t, "/s", "hunter2", ssmbak.TypeSecureString)
		throttled = true
		limited, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Recorder.Sync(limited, "/s"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a throttled sync: %v", err)
		}
		if x := w.index(t, "/s"); len(x.Facts.Versions) != 1 {
			t.Errorf("recorded %+v", x.Facts.Versions)
		}
		throttled = false
		w.Drain()
		if v := w.index(t, "/s").Facts.Versions; len(v) != 2 || len(v[1].Objects) != 1 {
			t.Errorf("recorded %+v, want the value", v)
		}
	})
}

// TestUnobservedCreate deletes a parameter before the first sync.
func TestUnobservedCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, nil)
		begin := time.Now()
		w.put(t, "/gone", "v", ssmbak.TypeString)
		if err := w.Live.Delete(t.Context(), "/gone"); err != nil {
			t.Fatal(err)
		}
		if again := w.Drain(); again == 0 {
			t.Error("the event of the unobserved creation was not returned to the queue")
		}
		if took := time.Since(begin); took < 5*time.Minute || took > 10*time.Minute {
			t.Errorf("given up after %v, want a little more than 5 minutes", took)
		}
		if dead := w.AWS.Queue.DeadLetters(); len(dead) != 0 {
			t.Errorf("%d healthy messages became dead letters", len(dead))
		}
		if x := w.index(t, "/gone"); len(x.Facts.MissedChanges) != 1 || len(x.Facts.Deletions) != 1 {
			t.Errorf("recorded %+v, want a missed change and a deletion", x.Facts)
		}
	})
}

// TestBatch checks that a bad message does not affect the others.
func TestBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, nil)
		w.put(t, "/app/a", "v", ssmbak.TypeString)
		w.put(t, "/app/b", "v", ssmbak.TypeString)
		time.Sleep(time.Minute)
		at := time.Now().Add(-30 * time.Second).UTC().Format(time.RFC3339)
		event := func(id, account, detail string) []byte {
			return fmt.Appendf(nil, `{"id":%q,"detail-type":"Parameter Store Change","source":"aws.ssm","account":%q,"region":"us-east-1","time":%q,"resources":[],"detail":%s}`, id, account, at, detail)
		}
		batch := []recorder.Message{
			{ID: "good", Body: event("1", account, `{"operation":"LabelParameterVersion","name":"/app/a"}`)},
			{ID: "no JSON", Body: []byte("hunter2 is no event")},
			{ID: "foreign", Body: event("2", "999999999999", `{"operation":"Update","name":"/app/a"}`)},
			{ID: "no name", Body: event("3", account, `{"operation":"Update"}`)},
			{ID: "impossible name", Body: event("4", account, `{"operation":"Update","name":"/a//b"}`)},
			{ID: "exception", Body: event("5", account, `{"operation":"Create","name":"/app/image","exception":"Unable to Describe Resource"}`)},
			{ID: "unknown operation", Body: event("6", account, `{"operation":"Dance","name":"/app/b"}`)},
		}
		var failed []string
		for _, f := range w.Recorder.Handle(t.Context(), batch) {
			failed = append(failed, f.ID)
		}
		slices.Sort(failed)
		if diff := cmp.Diff([]string{"foreign", "impossible name", "no JSON", "no name"}, failed); diff != "" {
			t.Errorf("failed (-want +got):\n%s", diff)
		}
		for _, name := range []string{"/app/a", "/app/b"} {
			if x := w.index(t, name); len(x.Facts.Versions) != 1 {
				t.Errorf("%s is not recorded: %+v", name, x.Facts)
			}
		}
		if x := w.index(t, "/app/image"); x.Exists {
			t.Error("an event without a change was recorded")
		}
		if strings.Contains(w.logs.String(), "hunter2") {
			t.Errorf("the log contains a message body: %s", w.logs)
		}
	})
}

// TestEventKinds checks the result of each kind of event.
func TestEventKinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, nil)
		policy := fmt.Sprintf(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":%q}}]`, time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"))
		if _, err := w.Live.Put(t.Context(), paramstore.Write{Name: "/tmp/x", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: "Advanced", Policies: policy}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := w.Live.AddTags(t.Context(), "/tmp/x", map[string]string{"team": "blue"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.Drain()
		x := w.index(t, "/tmp/x")
		if len(x.Facts.Tags) == 0 || x.Facts.Tags[len(x.Facts.Tags)-1].Tags["team"] != "blue" {
			t.Errorf("tags were recorded as %+v", x.Facts.Tags)
		}
		if v := x.Facts.Versions[0]; v.Policies == "" || v.Tier != "Advanced" {
			t.Errorf("recorded %+v, want the policy and the tier", v)
		}
		time.Sleep(2 * time.Hour)
		w.AWS.SSM.Expire(time.Now())
		// The event of an expiration goes out with the next request.
		if _, err := w.Live.DescribeOne(t.Context(), "/tmp/x"); err == nil {
			t.Fatal("the parameter did not expire")
		}
		w.Drain()
		time.Sleep(time.Second)
		s, err := w.Archive.At(t.Context(), testworld.Everything(t), ssmbak.TimeOf(time.Now()), archive.AllValues)
		if err != nil || len(s.States) != 1 || !s.States[0].Deleted || s.States[0].Certainty == ssmbak.Unknown {
			t.Errorf("after the expiration: %+v, %v", s.States, err)
		}
		if top := w.AWS.S3.Versions(bucket, "/tmp/x"); !top[0].Marker {
			t.Error("the current object is no delete marker")
		}
	})
}

// TestReconcile finds changes without events.
func TestReconcile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{
			Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }}, // no event ever comes
			SSM:   ssmapi.Options{EmptyPages: true, DescribePage: 2},
		}, nil)
		for _, name := range []string{"/app/a", "/app/b", "/app/b/c", "/other", "/app2"} {
			w.put(t, name, "v of "+name, ssmbak.TypeString)
		}
		target, err := ssmbak.ParseTarget("/app/b", true)
		if err != nil {
			t.Fatal(err)
		}
		report, err := w.Recorder.Reconcile(t.Context(), target, recorder.ReconcileOptions{DryRun: true})
		if err != nil || !slices.Equal(report.Recorded, []ssmbak.Name{"/app/b", "/app/b/c"}) || report.Complete {
			t.Errorf("dry run: %+v, %v", report, err)
		}
		if x := w.index(t, "/app/b"); x.Exists {
			t.Error("a dry run wrote")
		}
		progress := 0
		report, err = w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{Progress: func(done, total int) { progress = done*100 + total }})
		if err != nil || len(report.Recorded) != 5 || !report.Complete || report.Checked != 5 || progress != 505 {
			t.Errorf("first: %+v, %v, progress %d", report, err, progress)
		}
		w.put(t, "/app/a", "second", ssmbak.TypeString)
		if err := w.Live.Delete(t.Context(), "/app2"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		report, err = w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || !slices.Equal(report.Recorded, []ssmbak.Name{"/app/a"}) || !slices.Equal(report.Deleted, []ssmbak.Name{"/app2"}) {
			t.Errorf("second: %+v, %v", report, err)
		}
		r, err := w.Archive.Reconciled(t.Context())
		if err != nil || !r.First.Before(r.Last) {
			t.Errorf("noted %+v, %v", r, err)
		}
	})
}

// TestBoundsOfADeletion loses the event of a deletion: the listing before it and
// the sync that found it bound its time, however long ago the last change was.
func TestBoundsOfADeletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }}}, nil)
		w.put(t, "/app/db", "v", ssmbak.TypeString)
		reconcile := func() {
			t.Helper()
			if report, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{}); err != nil || !report.Complete {
				t.Fatalf("%+v, %v", report, err)
			}
		}
		reconcile()
		for range 48 {
			time.Sleep(time.Hour)
			reconcile()
		}
		last := time.Now()
		time.Sleep(30 * time.Minute)
		if err := w.Live.Delete(t.Context(), "/app/db"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		reconcile()
		tests := []struct {
			at      time.Time
			want    ssmbak.Certainty
			deleted bool
		}{
			{last.Add(-24 * time.Hour), ssmbak.Proved, false},
			{last.Add(-time.Minute), ssmbak.Proved, false},
			{last.Add(10 * time.Minute), ssmbak.Unknown, false},
			{last.Add(50 * time.Minute), ssmbak.Unknown, false},
			{last.Add(2 * time.Hour), ssmbak.LastKnown, true},
		}
		for _, test := range tests {
			s, err := w.Archive.At(t.Context(), testworld.Everything(t), ssmbak.TimeOf(test.at), archive.NoValues)
			if err != nil || len(s.States) != 1 || s.States[0].Certainty != test.want || s.States[0].Deleted != test.deleted {
				t.Errorf("%v after the last listing: %+v, %v, want %v", test.at.Sub(last), s.States, err, test.want)
			}
		}
	})
}

// TestReconcileContinues fails for one parameter and records the others.
func TestReconcileContinues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, func(_, op, key string) emulator.Fault {
			if op == "PutObject" && key == ".ssmbak/index/app/b" {
				return emulator.Denied
			}
			return emulator.Fault{}
		})
		for _, name := range []string{"/app/a", "/app/b", "/app/c"} {
			w.put(t, name, "v", ssmbak.TypeString)
		}
		report, err := w.Recorder.Reconcile(t.Context(), testworld.Everything(t), recorder.ReconcileOptions{})
		if err != nil || len(report.Recorded) != 2 || len(report.Failed) != 1 || report.Failed[0].Name != "/app/b" {
			t.Fatalf("%+v, %v", report, err)
		}
		r, err := w.Archive.Reconciled(t.Context())
		if err != nil || !slices.Equal(r.Unsure, []ssmbak.Name{"/app/b"}) || len(r.Missed) != 1 || r.Missed[0].Name != "/app/b" {
			t.Errorf("noted %+v, %v", r, err)
		}
	})
}
