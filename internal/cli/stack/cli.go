// Package stackcli implements the program ssmbak-stack according to the rules of
// package shell: it parses arguments, calls package stack and prints the results.
// Events of the stack are lines of data or, with --output json, objects on standard
// error.
//
// The package is not named stack, like its directory, because it uses the package of
// that name throughout.
package stackcli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/version"
)

// Env is the environment of the program.
type Env struct {
	shell.Env
	// Version is the version of this ssmbak; "" means the version of the build.
	Version string
	// Poll is the interval at which a stack is polled; see [stack.Options].
	Poll time.Duration
	// FindCode returns the zip of the functions; nil means [code.Find].
	FindCode func(ctx context.Context, architecture, version string) (code.Zip, error)
}

// app is one run of the program.
type app struct {
	*shell.Shell
	env   Env
	flags flags
	cmd   *cobra.Command
	name  string              // of the stack
	doing string              // the COMMAND
	zips  map[string]code.Zip // the functions found so far, by architecture
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, env Env) int {
	if env.Version == "" {
		env.Version = version.String()
	}
	if env.FindCode == nil {
		env.FindCode = code.Find
	}
	a := &app{Shell: shell.New("ssmbak-stack", env.Env), env: env, zips: make(map[string]code.Zip)}
	a.AskedVersion()
	if err := a.Execute(ctx, a.newCommand()); err != nil {
		return a.complain(ctx, err)
	}
	return shell.Done
}

// complain prints an error and returns its exit code.
func (a *app) complain(ctx context.Context, err error) int {
	f := a.explain(err)
	var left *pipeline.LeftError // said even after an interrupt
	if ctx.Err() != nil && !errors.As(err, &left) && f.Code != shell.WrongUsage && f.Code != shell.Interrupted {
		f = a.interrupted()
	}
	return a.Complain(ctx, err, f)
}
