package paramstore

import (
	"context"
	"sync"
	"time"
)

// slots lets requests through at a rate, in the order of their arrival.
type slots struct {
	// turn is held by the next request. Go serves the senders that wait on a channel
	// in order.
	turn chan struct{}

	mu   sync.Mutex
	rate float64   // requests per second; 0 means unlimited
	last time.Time // time of the last slot
}

// take waits for a slot, and returns ctx's error if ctx ends first. held reports
// whether the rate delayed the request.
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
		at = now // unused slots do not accumulate
	}
	s.mu.Lock()
	s.last = at
	s.mu.Unlock()
	return held, nil
}

// A pace finds the rate that a service allows for one operation, and keeps to it.
// AWS publishes no rate for PutParameter and throttles accounts differently, so pace
// adjusts the rate the way TCP does: each request that is served raises it slightly,
// and each one that is throttled lowers it by much more.
//
// At equilibrium one request in ten is throttled. This costs neither money nor time:
// the service always has a request to serve, so its full rate is used, and a higher
// rate takes effect within seconds. In virtual time, pace used 99 % of 3, 10 and 40
// requests per second.
//
// The SDK's adaptive mode does the same with a different curve. It used 99, 97 and
// 80 % of these rates, the last because it needs seconds to recover from the first
// throttling. It also wakes waiting requests in any order: of 32 requests at 3 per
// second, one waited two minutes, compared to 20 seconds here. And it has a single
// rate for all operations of a client.
type pace struct {
	slots
	cut time.Time // when the rate was last lowered
}

const (
	// startRate, in requests per second, applies after the first throttled request;
	// before it there is no limit. It is higher than any known rate for writes and
	// DescribeParameters: from above, the right rate is found within a second, from
	// below only within several.
	startRate = 50
	// leastRate is the lowest rate, in requests per second, even if every request is
	// throttled. It is below the default quota of 3.
	leastRate = 2
	up        = 1.02
	down      = 0.8
)

func newPace() *pace { return &pace{slots: slots{turn: make(chan struct{}, 1)}} }

// answered adjusts the rate after the response to a request sent at the given time.
// It ignores requests sent before the rate was last lowered: the throttling of many
// concurrent requests lowers the rate once. A request that was not held back does
// not raise the rate.
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
