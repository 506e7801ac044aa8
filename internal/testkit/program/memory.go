package program

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// PeakMemory returns the greatest resident memory of a running process in bytes, 0 if the
// system does not tell it. The kernel's own number for a child that has ended includes the
// memory of its parent at the time of the fork.
func PeakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	if !found {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kilobytes << 10
}

// Peak returns the greatest resident memory of a process in bytes, which it asks for until
// ended is closed.
func Peak(pid int, ended <-chan struct{}) (most int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		most = max(most, PeakMemory(pid))
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
	}
}
