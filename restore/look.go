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

// lookAge is how long before a write the parameter is looked at, at the most. It
// is counted from before the look was asked for, so that its own wait for the pace
// is part of it.
const lookAge = time.Second

// looker looks at parameters right before they are written. DescribeParameters is
// allowed as rarely as PutParameter, so one request looks at as many parameters as
// it takes: those whose write waits for it, and those that come next. What is not
// written within lookAge after that is looked at again. So there is about one
// request for each lookAge, whatever the rate of the writes.
type looker struct {
	describe func([]ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error)

	mu      sync.Mutex
	next    []ssmbak.Name        // in the order in which they are written
	begun   map[ssmbak.Name]bool // those of next that are sent
	waiting []*waiter
	under   *glance // under way, nil if none is: there is one at a time
	seen    map[ssmbak.Name]*glance
}

// glance is one look at some parameters.
type glance struct {
	at    time.Time // before it was asked for
	names []ssmbak.Name
	found map[ssmbak.Name]paramstore.Description
	err   error
}

// waiter is a write that waits for a look.
type waiter struct {
	names []ssmbak.Name
	since time.Time
	done  chan struct{}
	found map[ssmbak.Name]paramstore.Description
	err   error
}

// newLooker returns a looker at parameters that are written in about the order of
// next.
func newLooker(next []ssmbak.Name, describe func([]ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error)) *looker {
	return &looker{describe: describe, next: slices.Clone(next), begun: make(map[ssmbak.Name]bool), seen: make(map[ssmbak.Name]*glance)}
}

// look returns those of the parameters that are there. They count as begun then:
// a look at others does not show them again.
func (l *looker) look(ctx context.Context, names ...ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
	w := &waiter{names: names, since: time.Now(), done: make(chan struct{})}
	l.mu.Lock()
	if !l.serve(w) {
		l.waiting = append(l.waiting, w)
		if l.under == nil {
			l.start()
		}
	}
	l.mu.Unlock()
	select {
	case <-w.done:
		return w.found, w.err
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		l.waiting = slices.DeleteFunc(l.waiting, func(x *waiter) bool { return x == w })
		return nil, context.Cause(ctx)
	}
}

// serve answers a waiter if each of its parameters was looked at since it waits, or
// at most lookAge ago, and no look at it is under way.
func (l *looker) serve(w *waiter) bool {
	for _, n := range w.names {
		g := l.seen[n]
		if g == nil || g.at.Before(w.since) && (g.err != nil || time.Since(g.at) > lookAge) || l.under != nil && slices.Contains(l.under.names, n) {
			return false
		}
	}
	w.found = make(map[ssmbak.Name]paramstore.Description, len(w.names))
	for _, n := range w.names {
		g := l.seen[n]
		w.err = errors.Join(w.err, g.err)
		if d, there := g.found[n]; there {
			w.found[n] = d
		}
		l.begun[n] = true
	}
	close(w.done)
	return true
}

// start sends a look at the parameters of those that wait, and at those that come
// next, as many as one request takes.
func (l *looker) start() {
	g := &glance{at: time.Now()}
	add := func(names ...ssmbak.Name) bool {
		names = slices.DeleteFunc(slices.Clone(names), func(n ssmbak.Name) bool { return slices.Contains(g.names, n) })
		if len(g.names)+len(names) > paramstore.DescribePage {
			return false
		}
		g.names = append(g.names, names...)
		return true
	}
	for _, w := range l.waiting {
		if !add(w.names...) {
			break
		}
	}
	l.next = slices.DeleteFunc(l.next, func(n ssmbak.Name) bool { return l.begun[n] })
	for _, n := range l.next {
		if !add(n) {
			break
		}
	}
	l.under = g
	go func() {
		g.found, g.err = l.describe(g.names)
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, n := range g.names {
			l.seen[n] = g
		}
		l.under = nil
		l.waiting = slices.DeleteFunc(l.waiting, l.serve)
		if len(l.waiting) > 0 {
			l.start()
		}
	}()
}

// first is the beginning of the work on parameters: right before its request is
// sent they are looked at, and nothing of it is sent after the restore has ended.
type first struct {
	ctx    context.Context // of the requests that begin the work, and no others
	rest   context.Context
	begin  context.Context
	begun  func() bool // a request may have had an effect
	cancel func()
}

// each returns the contexts of requests that follow each other and leave the
// version: only the first is checked, since what follows is part of it.
func (f *first) each() func() context.Context {
	ctx := f.ctx
	return func() context.Context {
		now := ctx
		ctx = f.rest
		return now
	}
}

// first begins the work on parameters. check gets what is there. The work is called
// off when begin ends, unless a request of it may have had an effect by then.
func (l *looker) first(ctx, begin context.Context, check func(found map[ssmbak.Name]paramstore.Description) error, names ...ssmbak.Name) *first {
	rest, begun, release := paramstore.Revocable(ctx, begin)
	return &first{rest: rest, begin: begin, begun: begun, cancel: release, ctx: paramstore.BeforeSending(rest, func(ctx context.Context) error {
		found, err := l.look(ctx, names...)
		if err != nil {
			return err
		}
		return check(found)
	})}
}

// unsent returns why nothing was sent, nil if something was, err being the error of
// the request.
func (f *first) unsent(err error) error {
	var not *paramstore.NotSentError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && f.begin.Err() != nil && !f.begun():
		return &NotBegunError{context.Cause(f.begin)}
	case errors.As(err, &not):
		return not.Err
	}
	return nil
}
