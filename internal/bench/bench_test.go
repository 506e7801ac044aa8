package bench

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// Latency is the duration of each request that is measured.
const Latency = 20 * time.Millisecond

// Full reports whether the rows have the sizes of the table, which take minutes.
func Full() bool { return os.Getenv("SSMBAK_BENCH") != "" }

// Size returns small, or with [Full] full.
func Size(small, full int) int {
	if Full() {
		return full
	}
	return small
}

// Options configure a [Bed].
type Options struct {
	// Limits are the rates of operations per second, see [emulator.Options]. They hold
	// from the beginning.
	Limits map[string]float64
	// World configures the rest. Its Client is ignored.
	World testworld.Options
}

// Bed is an emulated account with an archive, whose requests are counted. It is safe for
// concurrent use.
type Bed struct {
	*testworld.World

	slow  atomic.Bool
	mu    sync.Mutex
	calls []call
}

// call is one request from its beginning to its response.
type call struct {
	op         string
	begin, end time.Time
}

// Run plays a test on a bed in a [testing/synctest] bubble, in which time passes only while
// requests or limits make the code wait: what the machine computes takes no time.
func Run(t *testing.T, o Options, test func(b *Bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(New(t, o)) })
}

// New returns a bed that uses the machine's clock, or that of a bubble.
func New(t testing.TB, o Options) *Bed {
	t.Helper()
	b := &Bed{}
	o.World.Emulator.Limits = o.Limits
	o.World.Emulator.Latency = func(string, string) time.Duration {
		if b.slow.Load() {
			return Latency
		}
		return 0
	}
	o.World.AWS = emulator.New(o.World.Emulator)
	o.World.Client = b.Counted(o.World.AWS.Client())
	b.World = testworld.New(t, o.World)
	return b
}

// Counted returns a client whose requests are counted.
func (b *Bed) Counted(client aws.HTTPClient) aws.HTTPClient { return counted{client, b} }

type counted struct {
	aws.HTTPClient
	bed *Bed
}

func (c counted) Do(r *http.Request) (*http.Response, error) {
	begin, op := time.Now(), ssmapi.Operation(r)
	if op == "" {
		op = r.Method + " " + r.URL.Path + " " + r.URL.RawQuery
	}
	resp, err := c.HTTPClient.Do(r)
	c.bed.mu.Lock()
	defer c.bed.mu.Unlock()
	c.bed.calls = append(c.bed.calls, call{op, begin, time.Now()})
	return resp, err //nolint:wrapcheck // a transport
}

// Measurement is what some work cost.
type Measurement struct {
	// Took is the time from begin to end.
	Took time.Duration
	// Requests is the number of requests, and Operations that of each operation, by names
	// such as "s3:GetObject".
	Requests   int
	Operations map[string]int
	// Depth is the largest number of requests of which each began after the one before it
	// had ended.
	Depth int
	// Sequence are the requests in the order of their ends, with their path and query.
	Sequence []string
}

// Measure returns what work costs. Each request takes [Latency] meanwhile.
func (b *Bed) Measure(work func()) Measurement {
	b.AWS.ResetCounts()
	b.mu.Lock()
	b.calls = nil
	b.mu.Unlock()
	b.slow.Store(true)
	begin := time.Now()
	work()
	m := Measurement{Took: time.Since(begin), Operations: b.AWS.Counts()}
	b.slow.Store(false)
	for n := range maps.Values(m.Operations) {
		m.Requests += n
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	m.Depth = depth(b.calls)
	for _, c := range b.calls {
		m.Sequence = append(m.Sequence, c.op)
	}
	return m
}

// depth returns the length of the longest chain of calls. The longest one continues with the
// call that ends first, of those that begin after the last one.
func depth(calls []call) (n int) {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(a, b call) int { return a.end.Compare(b.end) })
	var last time.Time
	for _, c := range calls {
		if !c.begin.Before(last) {
			n, last = n+1, c.end
		}
	}
	return n
}

// Row logs a measurement and, with [Full], prints it as a benchmark of the name with its
// metrics: values and units by turns.
func (m Measurement) Row(t testing.TB, name string, metrics ...any) {
	t.Helper()
	line := fmt.Sprintf("Benchmark%s 1 %d ns/op %d requests/op %d depth/op", name, m.Took.Nanoseconds(), m.Requests, m.Depth)
	for i := 0; i+1 < len(metrics); i += 2 {
		line += fmt.Sprintf(" %v %v", metrics[i], metrics[i+1])
	}
	t.Log(line, m.Operations)
	if Full() {
		fmt.Fprintln(os.Stdout, line)
	}
}
