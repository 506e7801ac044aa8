// Command ssmbak is point-in-time backup and restore for AWS SSM Parameter
// Store: `ssmbak --help` says how.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ssmbak/ssmbak/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(cli.Main(ctx, cli.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
}
