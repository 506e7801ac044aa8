package restore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
)

// recheckAge is the maximum time between reading a parameter again and writing it. It
// starts before the request, so that it includes the wait for the request's pace.
const recheckAge = time.Second

// rechecker reads parameters again right before they are written. DescribeParameters has
// the same rate limit as PutParameter, so one request reads as many parameters as it
// accepts: those whose writes wait, and those that are written next. A parameter that is
// not written within recheckAge after that is read again. This results in about one
// request per recheckAge, whatever the rate of the writes.
type rechecker struct {
	describe func([]ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error)

	mu      sync.Mutex
	next    []ssmbak.Name        // in the order in which they are written
	started map[ssmbak.Name]bool // those of next whose writes are sent
	waiting []*waiter
	running *reading // nil if there is none; there is at most one
	last    map[ssmbak.Name]*reading
}

// reading is one request for some parameters.
type reading struct {
	at    time.Time // before the request
	names []ssmbak.Name
	found map[ssmbak.Name]paramstore.Description
	err   error
}

// waiter is a write that waits for a reading.
type waiter struct {
	names []ssmbak.Name
	since time.Time
	done  chan struct{}
	found map[ssmbak.Name]paramstore.Description
	err   error
}

// newRechecker returns a rechecker of parameters that are written in about the order of
// next.
func newRechecker(next []ssmbak.Name, describe func([]ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error)) *rechecker {
	return &rechecker{describe: describe, next: slices.Clone(next), started: make(map[ssmbak.Name]bool), last: make(map[ssmbak.Name]*reading)}
}

// read returns the existing ones of the parameters. Their writes count as started, so
// that a reading for other parameters does not include them.
func (c *rechecker) read(ctx context.Context, names ...ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
	w := &waiter{names: names, since: time.Now(), done: make(chan struct{})}
	c.mu.Lock()
	if !c.answer(w) {
		c.waiting = append(c.waiting, w)
		if c.running == nil {
			c.send()
		}
	}
	c.mu.Unlock()
	select {
	case <-w.done:
		return w.found, w.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting = slices.DeleteFunc(c.waiting, func(x *waiter) bool { return x == w })
		return nil, context.Cause(ctx)
	}
}

// answer answers a waiter and returns true if each of its parameters was read after the
// wait began or at most recheckAge ago, and is not being read.
func (c *rechecker) answer(w *waiter) bool {
	for _, n := range w.names {
		r := c.last[n]
		if r == nil || r.at.Before(w.since) && (r.err != nil || time.Since(r.at) > recheckAge) || c.running != nil && slices.Contains(c.running.names, n) {
			return false
		}
	}
	w.found = make(map[ssmbak.Name]paramstore.Description, len(w.names))
	for _, n := range w.names {
		r := c.last[n]
		w.err = errors.Join(w.err, r.err)
		if d, exists := r.found[n]; exists {
			w.found[n] = d
		}
		c.started[n] = true
	}
	close(w.done)
	return true
}

// send starts a reading of the parameters of the waiters and of the next ones, as many as
// one request accepts.
func (c *rechecker) send() {
	r := &reading{at: time.Now()}
	add := func(names ...ssmbak.Name) bool {
		names = slices.DeleteFunc(slices.Clone(names), func(n ssmbak.Name) bool { return slices.Contains(r.names, n) })
		if len(r.names)+len(names) > paramstore.DescribePage {
			return false
		}
		r.names = append(r.names, names...)
		return true
	}
	for _, w := range c.waiting {
		if !add(w.names...) {
			break
		}
	}
	c.next = slices.DeleteFunc(c.next, func(n ssmbak.Name) bool { return c.started[n] })
	for _, n := range c.next {
		if !add(n) {
			break
		}
	}
	c.running = r
	go func() {
		r.found, r.err = c.describe(r.names)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, n := range r.names {
			c.last[n] = r
		}
		c.running = nil
		c.waiting = slices.DeleteFunc(c.waiting, c.answer)
		if len(c.waiting) > 0 {
			c.send()
		}
	}()
}

// first is the first request for some parameters: right before it is sent, they are read
// again, and it is not sent after the restore has ended.
type first struct {
	ctx    context.Context // of the first request, and no others
	rest   context.Context
	begin  context.Context
	begun  func() bool // the request may have had an effect
	cancel func()
}

// each returns a function that returns the contexts of consecutive requests that do not
// write a version. Only the first of them is checked.
func (f *first) each() func() context.Context {
	ctx := f.ctx
	return func() context.Context {
		now := ctx
		ctx = f.rest
		return now
	}
}

// first returns the first request for the parameters, which is not sent if check returns
// an error for those that exist. It is canceled when begin ends, unless it may have had an
// effect by then.
func (c *rechecker) first(ctx, begin context.Context, check func(found map[ssmbak.Name]paramstore.Description) error, names ...ssmbak.Name) *first {
	rest, begun, release := paramstore.Revocable(ctx, begin)
	return &first{rest: rest, begin: begin, begun: begun, cancel: release, ctx: paramstore.BeforeSending(rest, func(ctx context.Context) error {
		found, err := c.read(ctx, names...)
		if err != nil {
			return err
		}
		return check(found)
	})}
}

// unsent returns the reason why the request was not sent, nil if it was. err is the error
// of the request.
func (f *first) unsent(err error) error {
	var notSent *paramstore.NotSentError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && f.begin.Err() != nil && !f.begun():
		return &NotStartedError{context.Cause(f.begin)}
	case errors.As(err, &notSent):
		return notSent.Err
	}
	return nil
}
