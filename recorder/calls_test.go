package recorder_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// trailed returns options of an account with a trail, whose events are a minute late.
func trailed() emulator.Options {
	return emulator.Options{SSM: ssmapi.Options{Trail: true, UnlabelOperation: "Unlabel"}, TrailDelay: time.Minute}
}

// as returns the client of another user.
func (w *world) as(user string) *ssm.Client {
	return w.Connect(testworld.As(w.AWS.Client(), user)).SSM()
}

// actors returns who made each change of a parameter, in their order.
func (w *world) actors(t *testing.T, name string) (all []string) {
	t.Helper()
	for _, c := range timeline.New(ssmbak.Name(name), w.index(t, name).Facts, timeline.Coverage{Since: 1}).Changes() {
		_, user, _ := bytes.Cut([]byte(c.By), []byte(":user/"))
		all = append(all, fmt.Sprintf("%s %s", c.Operation, user))
	}
	return all
}

func (w *world) wantActors(t *testing.T, name string, want ...string) {
	t.Helper()
	if got := w.actors(t, name); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// TestCalls records who deleted a parameter, and who changed its tags and labels. A call
// that says no more than Parameter Store costs no request to it, and is not recorded.
func TestCalls(t *testing.T) {
	attack(t, trailed(), func(t *testing.T, w *world) {
		ctx := t.Context()
		put := func(user, name, value string) {
			_, err := w.as(user).PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
			w.Must(err)
			w.Drain()
		}
		put("alice", "/a", "1")
		put("bob", "/a", "2")
		put("alice", "/b", "1")
		_, err := w.as("carol").AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/a"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
		w.Must(err)
		w.Drain()
		_, err = w.as("dave").LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: aws.String("/a"), Labels: []string{"prod", "test"}})
		w.Must(err)
		w.Drain()
		_, err = w.as("erin").UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: aws.String("/a"), ParameterVersion: aws.Int64(2), Labels: []string{"test"}})
		w.Must(err)
		w.Drain()
		_, err = w.as("frank").RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/a"), TagKeys: []string{"team"}})
		w.Must(err)
		w.Drain()
		_, err = w.as("mallory").DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/a", "/b", "/none"}})
		w.Must(err)
		_, err = w.as("grace").DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/a")})
		if err == nil {
			t.Error("a deleted parameter is deleted again")
		}
		w.Drain()
		w.wantActors(t, "/a", "Create alice", "Update bob", "Tag carol", "Label dave", "Label dave", "Label erin", "Tag frank", "Delete mallory")
		w.wantActors(t, "/b", "Create alice", "Delete mallory")
		if n := len(w.index(t, "/a").Facts.Calls); n != 5 {
			t.Errorf("%d calls are recorded, want those of tags, labels and the deletion", n)
		}
		if x := w.index(t, "/none"); x.Exists {
			t.Errorf("a parameter that never existed has an index: %+v", x.Facts)
		}
		if dead := w.AWS.Queue.DeadLetters(); len(dead) > 0 {
			t.Errorf("%d dead letters", len(dead))
		}

		// The call of an update that Parameter Store names costs no request to it.
		reads := 0
		_, err = w.as("bob").PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/b"), Value: aws.String("2"), Type: types.ParameterTypeString})
		w.Must(err)
		w.Must(w.AWS.Queue.Drain(ctx, func(ctx context.Context, batch []emulator.Message) []string {
			before := w.AWS.Counts()["ssm:GetParameterHistory"]
			failed := testworld.Handler(w.Recorder)(ctx, batch)
			if bytes.Contains(batch[0].Body, []byte("CloudTrail")) {
				reads += w.AWS.Counts()["ssm:GetParameterHistory"] - before
			}
			return failed
		}))
		if reads > 0 {
			t.Errorf("a call that says nothing new costs %d reads", reads)
		}
		w.final(t, "/a", "/b")
	})
}

// trailMessage is the message of a CloudTrail event of a deletion.
func trailMessage(id, event, by string, at time.Time, names ...string) recorder.Message {
	text := fmt.Sprintf("%q", names)
	body := fmt.Appendf(nil, `{"id":%q,"detail-type":"AWS API Call via CloudTrail","source":"aws.ssm","account":%q,"time":%q,"region":%q,"detail":{"eventID":%q,"eventSource":"ssm.amazonaws.com","eventName":"DeleteParameters","userIdentity":{"arn":%q},"requestParameters":{"names":%s}}}`,
		id, account, at.UTC().Format(time.RFC3339), region, event, "arn:aws:iam::"+account+":user/"+by, bytes.ReplaceAll([]byte(text), []byte(`" "`), []byte(`","`)))
	return recorder.Message{ID: id, Body: body, Receives: 1}
}

// TestCallsAreNothingElse delivers CloudTrail events of deletions that never happened: of a
// live parameter, of one without an index, and by a bare event. Nothing but a call follows.
func TestCallsAreNothingElse(t *testing.T) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		before := w.answer(t, "/a", time.Now())
		m := trailMessage("m1", "c1", "mallory", time.Now().Add(-time.Minute), "/a", "/later", "/none")
		failures := w.Recorder.Handle(t.Context(), []recorder.Message{m})
		if len(failures) != 1 || failures[0].ID != "m1" {
			t.Errorf("got %v, want the message once: two of its parameters have no index yet", failures)
		}
		f := w.index(t, "/a").Facts
		if len(f.Deletions) > 0 || len(f.Calls) != 1 || len(f.Versions) != 1 {
			t.Errorf("recorded %+v", f)
		}
		if after := w.answer(t, "/a", time.Now()); after != before {
			t.Errorf("the answer is %q instead of %q", after, before)
		}
		// Twice, also as another event of EventBridge.
		w.put(t, "/later", "v1", ssmbak.TypeString)
		w.reconcile(t, recorder.ReconcileOptions{})
		again := trailMessage("m2", "c1", "mallory", time.Now().Add(-time.Minute), "/a", "/later", "/none")
		for range 2 {
			w.Recorder.Handle(t.Context(), []recorder.Message{again})
		}
		if a, later := w.index(t, "/a"), w.index(t, "/later"); len(a.Facts.Calls) != 1 || len(later.Facts.Calls) != 1 {
			t.Errorf("calls %+v and %+v, want one each", a.Facts.Calls, later.Facts.Calls)
		}
		time.Sleep(6 * time.Minute)
		if failures := w.Recorder.Handle(t.Context(), []recorder.Message{again}); len(failures) > 0 || w.index(t, "/none").Exists {
			t.Errorf("after five minutes: %v", failures)
		}
		if err := w.Recorder.SyncEvent(t.Context(), trailMessage("m3", "c3", "mallory", time.Now(), "/a").Body); err != nil || len(w.index(t, "/a").Facts.Calls) != 1 {
			t.Errorf("a bare event: %v, %+v", err, w.index(t, "/a").Facts.Calls)
		}
		batch := w.Recorder.Process(t.Context(), []recorder.Message{trailMessage("m4", "c4", "mallory", time.Now().Add(-time.Hour), "/a")})
		if batch.Lag != 0 {
			t.Errorf("a late CloudTrail event is a lag of %s", batch.Lag)
		}
		w.final(t, "/a")
	})
}

// TestCallsInAnyOrder delivers the events of a deletion and of its call in every order, with
// each of them twice. The answer is the same.
func TestCallsInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}, {0, 1, 1, 0}, {1, 1, 0, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) { callsInOrder(t, order) })
	}
}

func callsInOrder(t *testing.T, order []int) {
	attack(t, noEvents(emulator.Options{}), func(t *testing.T, w *world) {
		w.put(t, "/a", "v1", ssmbak.TypeString)
		w.reconcile(t, recorder.ReconcileOptions{})
		time.Sleep(time.Hour)
		at := time.Now()
		w.remove(t, "/a")
		time.Sleep(30 * time.Second)
		messages := []recorder.Message{{ID: "d", Body: deletion("e1", "/a", at), Receives: 1}, trailMessage("t", "c1", "mallory", at, "/a")}
		for _, i := range order {
			if failures := w.Recorder.Handle(t.Context(), messages[i:i+1]); len(failures) > 0 {
				t.Errorf("in order %v: %v", order, failures)
			}
		}
		w.wantActors(t, "/a", "Create local", "Delete mallory")
		w.final(t, "/a")
	})
}
