package testworld

import (
	"runtime/debug"
	"testing"
)

// Main runs the tests of a package, see [CollectLess].
func Main(m *testing.M) {
	CollectLess()
	m.Run() // the test program exits with its result
}

// CollectLess makes garbage collection less frequent: tests that create many small accounts
// otherwise spend a third of their time collecting heaps of a few megabytes.
func CollectLess() { debug.SetGCPercent(400) }
