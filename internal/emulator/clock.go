package emulator

import (
	"sync"
	"time"
)

// Clock is the time of an [AWS]. One made by [NewClock] is stopped until it is
// moved; [RealClock] is the machine's, or that of a testing/synctest bubble. It
// may be used by many goroutines at once.
type Clock struct {
	real bool
	mu   sync.Mutex
	now  time.Time
}

// NewClock returns a stopped clock with the given time.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// RealClock returns the machine's clock. It cannot be moved.
func RealClock() *Clock { return &Clock{real: true} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	if c.real {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Set moves the clock to a time, never back. It panics for a real clock.
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
