// Package stackcli is the command ssmbak-stack: it reads arguments, calls package
// stack and prints what comes back, by the rules of package shell. An event of the
// stack is a line of data, or with --output json an object on standard error.
//
// The package is not called stack after its folder, since that is the name of the
// library package that it uses throughout.
package stackcli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/version"
)

// Env is everything that the command takes from its surroundings.
type Env struct {
	shell.Env
	// Version is that of this ssmbak, its own if empty.
	Version string
	// Poll is how long to wait between looks at a stack, as in package stack.
	Poll time.Duration
	// FindCode returns the zip of the functions; nil means [code.Find].
	FindCode func(ctx context.Context, architecture, version string) (code.Zip, error)
}

// app is one run of the command.
type app struct {
	*shell.Shell
	env   Env
	flags flags
	cmd   *cobra.Command
	name  string              // of the stack
	doing string              // the COMMAND
	zips  map[string]code.Zip // what was found of the functions, by architecture
}

// Main runs the command and returns its exit code.
func Main(ctx context.Context, env Env) int {
	if env.Version == "" {
		env.Version = version.String()
	}
	if env.FindCode == nil {
		env.FindCode = code.Find
	}
	a := &app{Shell: shell.New("ssmbak-stack", env.Env), env: env, zips: make(map[string]code.Zip)}
	if err := a.Execute(ctx, a.newCommand()); err != nil {
		return a.complain(ctx, err)
	}
	return shell.Done
}

// complain prints an error and returns the exit code that it stands for.
func (a *app) complain(ctx context.Context, err error) int {
	f := a.explain(err)
	if ctx.Err() != nil && f.Code != shell.WrongUsage && f.Code != shell.Interrupted {
		f = a.interrupted()
	}
	return a.Complain(ctx, err, f)
}
