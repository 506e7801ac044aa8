package restore_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// TestMain collects garbage less often: nearly half of the time of the stories went
// into it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}
