package timeline_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain makes garbage collection less frequent: the tests create hundreds of
// thousands of small timelines, and otherwise spend two thirds of their time
// collecting a heap of a few megabytes.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
