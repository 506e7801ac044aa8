package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

var start = time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)

// event returns an event of which only the id matters.
func event(id string) ssmapi.Event {
	return ssmapi.Event{ID: id, DetailType: "Parameter Store Change", Source: "aws.ssm", Time: start}
}

// idOf returns the event's id in a message.
func idOf(t *testing.T, m emulator.Message) string {
	t.Helper()
	var e struct{ ID string }
	if err := json.Unmarshal(m.Body, &e); err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func newQueue(o emulator.QueueOptions) (*emulator.Queue, *emulator.Clock) {
	aws := emulator.New(emulator.Options{Clock: emulator.NewClock(start), Queue: o})
	return aws.Queue, aws.Clock
}

// TestRedelivery checks that a failed message is delivered again after its
// visibility, and becomes a dead letter after the last time.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	q, clock := newQueue(emulator.QueueOptions{Visibility: time.Minute, MaxReceive: 3})
	q.Send(event("good"))
	q.Send(event("bad"))
	var handed []string
	err := q.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) (failed []string) {
		for _, m := range batch {
			handed = append(handed, fmt.Sprintf("%s %d at %s", idOf(t, m), m.Receives, clock.Now().Sub(start)))
			if idOf(t, m) == "bad" {
				failed = append(failed, m.ID)
			}
		}
		return failed
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"good 1 at 0s", "bad 1 at 0s", "bad 2 at 1m0s", "bad 3 at 2m0s"}, handed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dead := q.DeadLetters()
	if len(dead) != 1 || idOf(t, dead[0]) != "bad" || !dead[0].Sent.Equal(start) || q.Depth() != 0 {
		t.Fatalf("dead letters %+v, depth %d", dead, q.Depth())
	}
	if n := q.Redrive(); n != 1 || q.Depth() != 1 || len(q.DeadLetters()) != 0 {
		t.Errorf("%d were sent again, depth %d", n, q.Depth())
	}
	err = q.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
		if len(batch) != 1 || batch[0].ID == dead[0].ID || idOf(t, batch[0]) != "bad" || batch[0].Receives != 1 {
			t.Errorf("came again as %+v", batch)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLateTwiceAndNever(t *testing.T) {
	t.Parallel()
	q, clock := newQueue(emulator.QueueOptions{
		Delay:  func(id string) time.Duration { return map[string]time.Duration{"late": time.Hour}[id] },
		Copies: func(id string) int { return map[string]int{"late": 1, "twice": 2, "never": 0}[id] },
	})
	for _, id := range []string{"late", "twice", "never"} {
		q.Send(event(id))
	}
	var handed []string
	err := q.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
		for _, m := range batch {
			handed = append(handed, idOf(t, m))
		}
		return nil
	})
	if want := []string{"twice", "twice", "late"}; err != nil || !slices.Equal(handed, want) || clock.Now().Sub(start) != time.Hour {
		t.Errorf("delivered %v by %v, %v, want %v", handed, clock.Now(), err, want)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(emulator.QueueOptions{})
	for i := range 23 {
		q.Send(event(fmt.Sprint(i)))
	}
	var sizes []int
	if err := q.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
		sizes = append(sizes, len(batch))
		return nil
	}); err != nil || !slices.Equal(sizes, []int{10, 10, 3}) {
		t.Errorf("batches of %v, %v", sizes, err)
	}
}

// TestRun checks that Run delivers messages immediately, and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := emulator.New(emulator.Options{}).Queue
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		handed := make(chan string, 10)
		go func() {
			defer close(done)
			tries := 0
			q.Run(ctx, func(_ context.Context, batch []emulator.Message) []string {
				handed <- idOf(t, batch[0])
				if tries++; tries == 2 { // the second message fails once
					return []string{batch[0].ID}
				}
				return nil
			})
		}()
		begin := time.Now()
		for i, id := range []string{"a", "b"} {
			time.Sleep(time.Duration(i) * time.Hour)
			q.Send(event(id))
			synctest.Wait()
			if got := <-handed; got != id || time.Since(begin) != time.Duration(i)*time.Hour {
				t.Errorf("%s came after %v", got, time.Since(begin))
			}
		}
		if got := <-handed; got != "b" || time.Since(begin) != time.Hour+90*time.Second {
			t.Errorf("%s came again after %v", got, time.Since(begin))
		}
		cancel()
		<-done
	})
}

// TestSQSEvent gives Lambda what an event source mapping would.
func TestSQSEvent(t *testing.T) {
	t.Parallel()
	batch := []emulator.Message{{ID: "id", Body: []byte(`{"a":"é"}`), Sent: start, Receives: 3}}
	var got events.SQSEvent
	if err := json.Unmarshal(emulator.SQSEvent("us-east-1", "123456789012", batch), &got); err != nil || len(got.Records) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	r := got.Records[0]
	if r.MessageId != "id" || r.Body != `{"a":"é"}` || r.Attributes["ApproximateReceiveCount"] != "3" || r.Attributes["SentTimestamp"] != "1718308800000" ||
		r.EventSource != "aws:sqs" || r.AWSRegion != "us-east-1" || !strings.HasPrefix(r.EventSourceARN, "arn:aws:sqs:us-east-1:123456789012:") || len(r.Md5OfBody) != 32 {
		t.Errorf("%+v", r)
	}
}
