package emulator

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// QueueOptions steer a [Queue].
type QueueOptions struct {
	// Visibility is the visibility timeout: how long a received message stays hidden
	// before it is delivered again; 90 s if zero.
	Visibility time.Duration
	// MaxReceive is how often a message is received before it becomes a dead
	// letter; 5 if zero, the least that AWS advises for Lambda.
	MaxReceive int
	// BatchSize is the most messages of one batch, 10 if zero.
	BatchSize int
	// Delay is how late an event comes, and Copies how often: 0 loses it. nil
	// means at once and once.
	Delay  func(eventID string) time.Duration
	Copies func(eventID string) int
}

// Message is a message of a [Queue].
type Message struct {
	ID       string
	Body     []byte
	Sent     time.Time // when the queue first got it, or when it was redriven
	Receives int       // number of deliveries, including this one
}

// Queue is a standard queue of SQS with a queue for dead letters behind it: a
// message that was received stays hidden for a while and is delivered again if it was
// not deleted by then.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
// It may be used by many goroutines at once.
type Queue struct {
	o     QueueOptions
	clock *Clock
	wake  chan struct{}

	mu      sync.Mutex
	last    int
	waiting []*queued // in the order in which they were sent
	dead    []Message
}

type queued struct {
	Message
	visible time.Time
}

func newQueue(o QueueOptions, clock *Clock) *Queue {
	if o.Visibility == 0 {
		o.Visibility = 90 * time.Second
	}
	if o.MaxReceive == 0 {
		o.MaxReceive = 5
	}
	if o.BatchSize == 0 {
		o.BatchSize = 10
	}
	return &Queue{o: o, clock: clock, wake: make(chan struct{}, 1)}
}

// Send puts an event on its way into the queue.
func (q *Queue) Send(e ssmapi.Event) {
	copies, delay := 1, time.Duration(0)
	if q.o.Copies != nil {
		copies = q.o.Copies(e.ID)
	}
	if q.o.Delay != nil {
		delay = q.o.Delay(e.ID)
	}
	for range copies {
		q.send(e.JSON(), delay)
	}
}

func (q *Queue) send(body []byte, delay time.Duration) {
	q.mu.Lock()
	q.last++
	due := q.clock.Now().Add(delay)
	q.waiting = append(q.waiting, &queued{Message{ID: fmt.Sprintf("00000000-0000-4000-9000-%012x", q.last), Body: body, Sent: due}, due})
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// receive returns the visible messages, one batch at most, and the time at which the
// next one becomes visible, zero if there is none.
func (q *Queue) receive() (batch []Message, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	q.waiting = slices.DeleteFunc(q.waiting, func(m *queued) bool {
		if m.visible.After(now) || m.Receives < q.o.MaxReceive {
			return false
		}
		q.dead = append(q.dead, m.Message)
		return true
	})
	for _, m := range q.waiting {
		switch {
		case m.visible.After(now):
			if next.IsZero() || m.visible.Before(next) {
				next = m.visible
			}
		case len(batch) < q.o.BatchSize:
			m.Receives++
			m.visible = now.Add(q.o.Visibility)
			batch = append(batch, m.Message)
		}
	}
	return batch, next
}

// done deletes the messages of a batch that did not fail.
func (q *Queue) done(batch []Message, failed []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(m *queued) bool {
		return !slices.Contains(failed, m.ID) && slices.ContainsFunc(batch, func(b Message) bool { return b.ID == m.ID })
	})
}

// Handler handles a batch and returns the ids of the messages that failed.
type Handler func(ctx context.Context, batch []Message) (failed []string)

// Drain delivers messages until the queue is empty, including late and repeated ones
// included. A steerable clock is moved on to when the next one is due.
func (q *Queue) Drain(ctx context.Context, handle Handler) error {
	for ctx.Err() == nil {
		batch, next := q.receive()
		switch {
		case len(batch) > 0:
			q.done(batch, handle(ctx, batch))
		case next.IsZero():
			return nil
		case q.clock.real:
			if err := wait(ctx, next.Sub(q.clock.Now())); err != nil {
				return err
			}
		default:
			q.clock.Set(next)
		}
	}
	return ctx.Err()
}

// Run delivers messages as they arrive until ctx ends. It requires a real clock.
func (q *Queue) Run(ctx context.Context, handle Handler) {
	for ctx.Err() == nil {
		batch, next := q.receive()
		if len(batch) > 0 {
			q.done(batch, handle(ctx, batch))
			continue
		}
		idle := time.Hour
		if !next.IsZero() {
			idle = max(next.Sub(q.clock.Now()), time.Millisecond)
		}
		timer := time.NewTimer(idle)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Depth returns how many messages are in the queue, hidden ones included.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// DeadLetters returns the messages that were received too often.
func (q *Queue) DeadLetters() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.dead)
}

// Redrive sends the dead letters again, under new ids as SQS does, and returns
// how many there were.
func (q *Queue) Redrive() int {
	q.mu.Lock()
	dead := q.dead
	q.dead = nil
	q.mu.Unlock()
	for _, m := range dead {
		q.send(m.Body, 0)
	}
	return len(dead)
}

// SQSEvent returns the payload with which Lambda invokes a function for a batch.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func SQSEvent(region, account string, batch []Message) []byte {
	type record struct {
		MessageID         string            `json:"messageId"`
		ReceiptHandle     string            `json:"receiptHandle"`
		Body              string            `json:"body"`
		Attributes        map[string]string `json:"attributes"`
		MessageAttributes map[string]string `json:"messageAttributes"`
		MD5OfBody         string            `json:"md5OfBody"`
		EventSource       string            `json:"eventSource"`
		EventSourceARN    string            `json:"eventSourceARN"`
		AWSRegion         string            `json:"awsRegion"`
	}
	records := make([]record, len(batch))
	for i, m := range batch {
		sum := md5.Sum(m.Body)
		sent := strconv.FormatInt(m.Sent.UnixMilli(), 10)
		records[i] = record{
			MessageID: m.ID, ReceiptHandle: "handle-" + m.ID, Body: string(m.Body), MD5OfBody: hex.EncodeToString(sum[:]),
			Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(m.Receives), "SentTimestamp": sent,
				"SenderId": "AIDALOCAL", "ApproximateFirstReceiveTimestamp": sent,
			},
			MessageAttributes: map[string]string{}, EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:" + region + ":" + account + ":ssmbak", AWSRegion: region,
		}
	}
	payload, _ := json.Marshal(map[string]any{"Records": records}) // strings are always JSON
	return payload
}
