// Command ssmbak provides point-in-time backup and restore for AWS SSM Parameter
// Store. See `ssmbak --help`.
package main

import (
	"context"
	"os"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
)

func main() {
	sizeHeap(os.Getenv)
	ctx, again := shell.Interrupts(context.Background())
	os.Exit(ssmbakcli.Main(ctx, ssmbakcli.Env{
		Env:   shell.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv},
		Again: again,
	}))
}
