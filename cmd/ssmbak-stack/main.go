// Command ssmbak-stack creates, updates, monitors and deletes the CloudFormation
// stack of ssmbak. See `ssmbak-stack --help`.
package main

import (
	"context"
	"os"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
)

func main() {
	ctx, again := shell.Interrupts(context.Background())
	go func() {
		<-again // a second interrupt ends the process at once
		os.Exit(shell.Interrupted)
	}()
	os.Exit(stackcli.Main(ctx, stackcli.Env{
		Env: shell.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv},
	}))
}
