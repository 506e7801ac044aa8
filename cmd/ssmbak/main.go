// Command ssmbak provides point-in-time backup and restore for AWS SSM Parameter
// Store. See `ssmbak --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
)

func main() {
	sizeHeap(os.Getenv)
	ctx, stop := signal.NotifyContext(shell.HangUp(context.Background()), os.Interrupt, syscall.SIGTERM)
	again := make(chan os.Signal, 1) // a second interrupt ends the process at once
	context.AfterFunc(ctx, func() {
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		stop()
	})
	os.Exit(ssmbakcli.Main(ctx, ssmbakcli.Env{
		Env:   shell.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv},
		Again: again,
	}))
}
