package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Counts counts the corners that histories reach. It is safe for concurrent use.
type Counts struct {
	mu sync.Mutex
	of map[string]int
}

// Add increments the count of a corner.
func (c *Counts) Add(corner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.of[corner]++
}

// Get returns the count of a corner.
func (c *Counts) Get(corner string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[corner]
}

// Missing returns the corners that were never reached.
func (c *Counts) Missing(corners []string) (missing []string) {
	for _, corner := range corners {
		if c.Get(corner) == 0 {
			missing = append(missing, corner)
		}
	}
	return missing
}

// String returns all counts, in alphabetical order.
func (c *Counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, corner := range slices.Sorted(maps.Keys(c.of)) {
		fmt.Fprintf(&b, "%8d  %s\n", c.of[corner], corner)
	}
	return b.String()
}
