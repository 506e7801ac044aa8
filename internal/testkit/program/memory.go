package program

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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
