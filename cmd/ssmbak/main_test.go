package main_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// TestMain runs more tests at once than there are processors: most wait for a process, and with
// SSMBAK_LONG two of them half a minute for the creation of a name that was deleted.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(max(runtime.GOMAXPROCS(0), 5)))
	os.Exit(m.Run())
}
