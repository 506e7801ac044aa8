// Command ssmbak-stack creates, updates, monitors and deletes the CloudFormation
// stack of ssmbak. See `ssmbak-stack --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(shell.HangUp(context.Background()), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(stackcli.Main(ctx, stackcli.Env{
		Env: shell.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv},
	}))
}
