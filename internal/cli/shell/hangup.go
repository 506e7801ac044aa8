package shell

import (
	"context"
	"os/signal"
	"syscall"
)

// HangUp returns a context that ends when the terminal is closed, unless nohup ignores that.
// It interrupts as Ctrl-C does, but only once: what is in progress is completed without the
// terminal.
func HangUp(ctx context.Context) context.Context {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx
	}
	ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	return ctx
}
