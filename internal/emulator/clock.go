package emulator

import (
	"sync"
	"time"
)

// Clock is the clock of an [AWS]. A clock returned by [NewClock] is stopped until it is
// set; [RealClock] returns the machine's clock, or that of a testing/synctest bubble. It
// is safe for concurrent use.
type Clock struct {
	real bool
	mu   sync.Mutex
	now  time.Time
	by   time.Duration
}

// NewClock returns a stopped clock with the given time.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// RealClock returns the machine's clock. It cannot be set.
func RealClock() *Clock { return &Clock{real: true} }

// Now returns the current time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real {
		return time.Now().Add(c.by)
	}
	return c.now
}

// Differ makes a real clock go ahead of the machine's clock, or behind it if by is negative.
// It panics for a stopped clock.
func (c *Clock) Differ(by time.Duration) {
	if !c.real {
		panic("emulator: a stopped clock does not follow that of the machine")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = by
}

// Advance advances the clock.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Set advances the clock to a time, but never sets it back. It panics for a real clock.
func (c *Clock) Set(t time.Time) {
	if c.real {
		panic("emulator: the machine's clock cannot be moved")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}
