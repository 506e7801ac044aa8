package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// The account and the bucket of every history.
const (
	Account = "123456789012"
	Region  = "us-east-1"
	Bucket  = "archive"
)

// World is the environment of one history. It is safe for concurrent use.
type World struct {
	AWS    *emulator.AWS
	Counts *Counts
	Start  time.Time
	seed   uint64

	mu       sync.Mutex
	draws    map[string]int
	problems []string
	events   []string
}

// NewWorld returns an account with an empty, versioned bucket. It must be called in a
// bubble of testing/synctest, and uses its clock.
func NewWorld(seed uint64, counts *Counts, o emulator.Options) *World {
	o.Account, o.Region, o.Clock, o.Seed = Account, Region, emulator.RealClock(), int64(seed)
	w := &World{AWS: emulator.New(o), Counts: counts, Start: time.Now(), seed: seed, draws: make(map[string]int)}
	w.AWS.S3.CreateBucket(Bucket, true)
	return w
}

// Draw returns a random number below n. It depends on the seed, the subject and the number
// of earlier draws for the subject, but not on the order of goroutines.
func (w *World) Draw(subject string, n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draws[subject]++
	return w.number(subject, w.draws[subject], n)
}

// Fixed returns a random number below n that depends only on the seed and the subject.
func (w *World) Fixed(subject string, n int) int { return w.number(subject, 0, n) }

func (w *World) number(subject string, draws, n int) int {
	h := w.seed*0x9e3779b97f4a7c15 + uint64(draws)*0xd1342543de82ef95
	for _, c := range []byte(subject) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h ^= h >> 31
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 29
	return int(h % uint64(n))
}

// Chance returns true with a probability of share per mille.
func (w *World) Chance(subject string, share int) bool { return w.Draw(subject, 1000) < share }

// Problem records a broken promise.
func (w *World) Problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// Event records an event, which is printed if the history fails.
func (w *World) Event(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf("%9.3fs  %s", time.Since(w.Start).Seconds(), text))
}

// String returns the problems, followed by the events.
func (w *World) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.problems
	if n := len(lines); n > mostProblems {
		lines = append(lines[:mostProblems:mostProblems], fmt.Sprintf("and %d more", n-mostProblems))
	}
	return strings.Join(append(slices.Clip(lines), w.events...), "\n")
}

// Connect returns a connection that uses client. Its retries have the same delays in every
// run of a seed.
func (w *World) Connect(ctx context.Context, client aws.HTTPClient, attempts int) *awsconn.Conn {
	conn, err := awsconn.Load(ctx, awsconn.Options{
		Region: Region, Anonymous: true, Unsigned: true, EndpointURL: "http://127.0.0.1:4566", HTTPClient: client, MaxAttempts: attempts,
		Backoff: func(attempt int) time.Duration { return time.Duration(attempt*attempt) * 103 * time.Millisecond },
	})
	if err != nil {
		panic(err) // the options are constant
	}
	return conn
}

// Sleep waits for d or until ctx is done.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
