//go:build unix

package shell_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// TestInterrupts interrupts this process twice, as fast as the first interrupt can be seen: the
// second must not be lost.
func TestInterrupts(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, signals := range [][2]os.Signal{
		{os.Interrupt, os.Interrupt}, {os.Interrupt, syscall.SIGTERM}, {syscall.SIGTERM, os.Interrupt}, {syscall.SIGHUP, os.Interrupt},
	} {
		if signal.Ignored(signals[0]) {
			continue // as nohup does with SIGHUP
		}
		for range 200 {
			ctx, again := shell.Interrupts(t.Context())
			if err := self.Signal(signals[0]); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			if err := self.Signal(signals[1]); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-again:
				if got != signals[1] {
					t.Fatalf("%v: got %v", signals, got)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%v: the second one was lost", signals)
			}
		}
	}
}
