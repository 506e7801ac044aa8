// Package stackcli is the command ssmbak-stack: it reads arguments, calls package
// stack and prints what comes back. Data goes to standard output, everything
// else to standard error.
//
// With --output json, every line on standard error is one JSON object too: a
// note, an event of the stack, or at the end the error.
package stackcli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/version"
)

// Env is everything that the command takes from its surroundings.
type Env struct {
	Args           []string // without the command's own name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv reads an environment variable, "" if it is not set; nil reads none.
	Getenv func(string) string
	// AWS is how AWS is reached where no flag says otherwise.
	AWS awsconn.Options
	// Version is that of this ssmbak, its own if empty.
	Version string
	// Poll is how long to wait between looks at a stack, as in package stack.
	Poll time.Duration
	// FindCode returns the zip of the functions; nil means [code.Find].
	FindCode func(ctx context.Context, architecture, version string) (code.Zip, error)
	// Terminal reports whether a stream is a terminal; nil asks the system.
	Terminal func(stream any) bool
}

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitInterrupted = 130
	exitUsage       = 252
)

// app is one run of the command.
type app struct {
	env   Env
	flags flags
	cmd   *cobra.Command
	log   *slog.Logger
	name  string              // of the stack
	doing string              // the COMMAND
	zips  map[string]code.Zip // what was found of the functions, by architecture
}

// Main runs the command and returns its exit code.
func Main(ctx context.Context, env Env) int {
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.Version == "" {
		env.Version = version.String()
	}
	if env.FindCode == nil {
		env.FindCode = code.Find
	}
	if env.Terminal == nil {
		env.Terminal = func(stream any) bool {
			f, ok := stream.(*os.File)
			return ok && term.IsTerminal(int(f.Fd()))
		}
	}
	a := &app{env: env, log: slog.New(slog.DiscardHandler), zips: make(map[string]code.Zip)}
	root := a.newCommand()
	root.SetArgs(append([]string{}, env.Args...)) // nil would mean os.Args
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	return a.complain(ctx, err)
}

func (a *app) json() bool { return a.flags.output == "json" }

// note says something on standard error that is no data.
func (a *app) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.json() {
		_ = render.Line(a.env.Stderr, struct{ Note string }{text})
		return
	}
	fmt.Fprintln(a.env.Stderr, render.Escape(text))
}

// print writes one line of data.
func (a *app) print(format string, args ...any) error {
	return render.Text(a.env.Stdout, fmt.Sprintf(format, args...))
}

// complain prints an error and returns the exit code that it stands for.
func (a *app) complain(ctx context.Context, err error) int {
	if _, _, ok := awsconn.Explain(err); ok {
		a.log.DebugContext(ctx, "failed", "cause", err.Error())
	}
	f := a.explain(err)
	if ctx.Err() != nil && f.code != exitUsage && f.code != exitInterrupted {
		f = a.interrupted()
	}
	if a.json() {
		_ = render.Line(a.env.Stderr, struct {
			Error, Hint string
			ExitCode    int
		}{f.message, f.hint, f.code})
		return f.code
	}
	fmt.Fprintf(a.env.Stderr, "ssmbak-stack: error: %s\n", render.Escape(f.message))
	if f.hint != "" {
		fmt.Fprintf(a.env.Stderr, "hint: %s\n", render.Escape(f.hint))
	}
	return f.code
}
