package shell

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interrupts returns a context that ends with the first Ctrl-C or SIGTERM, or when the terminal
// is closed, unless nohup ignores that. The channel receives each later Ctrl-C and SIGTERM, even
// one that comes at the moment when ctx ends. It receives no closed terminal: what is in progress
// is completed without it. Signals are handled so until the process ends.
func Interrupts(ctx context.Context) (context.Context, <-chan os.Signal) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancel(ctx)
	again := make(chan os.Signal)
	go func() {
		<-signals
		cancel()
		for s := range signals {
			if s != syscall.SIGHUP {
				again <- s
			}
		}
	}()
	return ctx, again
}
