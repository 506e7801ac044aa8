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

// QueueOptions configure a [Queue].
type QueueOptions struct {
	// Visibility is the visibility timeout, after which a received message is delivered
	// again; 0 means 90 s.
	Visibility time.Duration
	// MaxReceive is the number of deliveries after which a message becomes a dead letter;
	// 0 means 5, the minimum that AWS recommends for Lambda.
	MaxReceive int
	// BatchSize is the maximum number of messages in a batch; 0 means 10.
	BatchSize int
	// Delay returns the delay of an event, and Copies the number of its messages, where 0
	// loses it. nil means no delay and one message.
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

// Queue is a standard SQS queue with a dead-letter queue. A received message is hidden
// for the visibility timeout, and delivered again if it was not deleted.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
// It is safe for concurrent use.
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

// Send sends an event to the queue.
func (q *Queue) Send(e ssmapi.Event) { q.sendLater(e, 0) }

// sendLater sends an event after a delay, in addition to that of the options.
func (q *Queue) sendLater(e ssmapi.Event, delay time.Duration) {
	copies := 1
	if q.o.Copies != nil {
		copies = q.o.Copies(e.ID)
	}
	if q.o.Delay != nil {
		delay += q.o.Delay(e.ID)
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

// receive returns at most one batch of visible messages, and the time at which the next
// message becomes visible, or zero if there is none.
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

// done deletes the messages of a batch except the failed ones.
func (q *Queue) done(batch []Message, failed []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(m *queued) bool {
		return !slices.Contains(failed, m.ID) && slices.ContainsFunc(batch, func(b Message) bool { return b.ID == m.ID })
	})
}

// Handler processes a batch and returns the IDs of the failed messages.
type Handler func(ctx context.Context, batch []Message) (failed []string)

// Drain delivers messages until the queue is empty, including delayed and duplicated ones.
// A stopped clock is advanced to the time of the next message.
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

// Depth returns the number of messages in the queue, including hidden ones.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// counts returns the number of visible messages and of hidden ones, in decimal. Delayed
// messages are visible: EventBridge has not sent them yet, but they are on their way.
func (q *Queue) counts() (visible, hidden string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, n := q.clock.Now(), 0
	for _, m := range q.waiting {
		if m.Receives > 0 && m.visible.After(now) {
			n++
		}
	}
	return decimal(len(q.waiting) - n), decimal(n)
}

func decimal(n int) string { return strconv.Itoa(n) }

// DeadLetters returns the messages in the dead-letter queue.
func (q *Queue) DeadLetters() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.dead)
}

// Fill sends n messages to the queue that no recorder can read.
func (q *Queue) Fill(n int) {
	for range n {
		q.send([]byte("unreadable"), 0)
	}
}

// Bury sends n messages to the dead-letter queue that no recorder can read.
func (q *Queue) Bury(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range n {
		q.last++
		q.dead = append(q.dead, Message{ID: fmt.Sprintf("00000000-0000-4000-9000-%012x", q.last), Body: []byte("dead"), Sent: q.clock.Now(), Receives: q.o.MaxReceive})
	}
}

// Redrive moves the dead letters back to the queue with new IDs, like SQS, and returns their
// number.
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
