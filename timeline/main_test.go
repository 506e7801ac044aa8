package timeline_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: these tests make hundreds of thousands of
// small timelines, and two thirds of their time went into collecting a heap of a
// few megabytes again and again.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
