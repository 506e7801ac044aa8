// Package ssmbakcli is the command ssmbak: it reads arguments, calls the library and
// prints what comes back. Data goes to standard output, everything else to
// standard error.
//
// With --output json, every line on standard error is one JSON object too: a
// note, a line of the log, or at the end the error.
//
// The package is not called ssmbak after its folder, since that is the name of
// the root package, which it uses throughout.
package ssmbakcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/recorder"
)

// Env is everything that the command takes from its surroundings.
type Env struct {
	Args           []string // without the command's own name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv reads an environment variable, "" if it is not set; nil reads none.
	// What the AWS SDK itself takes from the environment does not go through it.
	Getenv func(string) string
	// Now is the clock behind TIME, in the zone that is shown as local; nil
	// means time.Now.
	Now func() time.Time
	// AWS is how AWS is reached where no flag says otherwise.
	AWS awsconn.Options
	// Recreation is how long a restore leaves a name alone after its deletion,
	// see restore.Options: zero means as long as AWS asks for.
	Recreation time.Duration
	// Again gets a signal when the run is to end at once, while what was begun is
	// still being finished after ctx ended; nil never does.
	Again <-chan os.Signal
	// Terminal reports whether a stream is a terminal; nil asks the system.
	Terminal func(stream any) bool
	// WrapRecorder stands between the queue and the recorder of local and demo;
	// nil leaves them as they are. A test breaks the recorder by it.
	WrapRecorder func(Recorder) Recorder
}

// Recorder takes a batch of messages and returns those that must come again.
type Recorder func(ctx context.Context, batch []recorder.Message) []recorder.Failure

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitDifferences = 2
	exitPartly      = 3
	exitInterrupted = 130
	exitUsage       = 252
)

// exitCodes is the part of every help about them.
const exitCodes = `  0    done
  1    failed
  2    there are differences (diff --detailed-exitcode only)
  3    partly done: standard error names what is left
  130  interrupted
  252  wrong usage
`

// Main runs the command and returns its exit code. After a signal from env.Again
// it returns while the work still goes on: the caller has to end the process.
func Main(ctx context.Context, env Env) int {
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Terminal == nil {
		env.Terminal = isTerminal
	}
	a := &app{env: env, log: slog.New(slog.DiscardHandler)}
	root := a.newRootCommand()
	root.SetArgs(append([]string{}, env.Args...)) // nil would mean os.Args
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	ended := make(chan int, 1)
	go func() {
		if err := root.ExecuteContext(ctx); err != nil {
			ended <- a.complain(ctx, err)
			return
		}
		ended <- exitDone
	}()
	select {
	case code := <-ended:
		return code
	case <-env.Again:
		return a.abandon()
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// app is one run of the command.
type app struct {
	env   Env
	flags globalFlags
	log   *slog.Logger
	arn   *arn.ARN // that the parameter was named by, nil if it was not
	// maxRate bounds the writes to Parameter Store per second, 0 for no bound.
	maxRate float64
	notes   sync.Mutex // held while a note is written
	running running
}

// globalFlags are the flags that every command takes.
type globalFlags struct {
	bucket, region, profile, endpoint, owner string
	output                                   string
	decrypt, verbose, noColor                bool
}

func (a *app) json() bool { return a.flags.output == "json" }

// color reports whether standard output is painted.
func (a *app) color() bool {
	return !a.flags.noColor && a.env.Getenv("NO_COLOR") == "" && a.env.Terminal(a.env.Stdout)
}

// note says something on standard error that is no data.
func (a *app) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.notes.Lock()
	defer a.notes.Unlock()
	if a.json() {
		_ = render.Line(a.env.Stderr, struct{ Note string }{text})
		return
	}
	var w io.Writer = a.env.Stderr
	if bar := a.running.progress(); bar != nil {
		w = bar
	}
	fmt.Fprintln(w, render.Escape(text))
}

// complain prints an error and returns the exit code that it stands for.
func (a *app) complain(ctx context.Context, err error) int {
	var differ differences
	if errors.As(err, &differ) {
		return exitDifferences
	}
	if _, _, ok := shell.ExplainAWS(err); ok {
		a.log.DebugContext(ctx, "failed", "cause", err.Error())
	}
	f := explain(err)
	if ctx.Err() != nil && f.code != exitUsage {
		f.code = exitInterrupted
		if errors.Is(err, context.Canceled) && !errors.As(err, new(*failure)) {
			f = failure{message: "interrupted", code: exitInterrupted}
		}
	}
	a.print(f)
	return f.code
}

// print writes an error on standard error.
func (a *app) print(f failure) {
	if a.json() {
		_ = render.Line(a.env.Stderr, struct {
			Error, Hint string
			ExitCode    int
		}{f.message, f.hint, f.code})
		return
	}
	fmt.Fprintf(a.env.Stderr, "ssmbak: error: %s\n", render.Escape(f.message))
	if f.hint != "" {
		fmt.Fprintf(a.env.Stderr, "hint: %s\n", render.Escape(f.hint))
	}
}

// setup checks the global flags and starts the log.
func (a *app) setup(*cobra.Command, []string) error {
	switch a.flags.output {
	case "table", "json":
	default:
		bad := a.flags.output
		a.flags.output = "table"
		return usage("choose one of table and json", "--output %q is not known", bad)
	}
	if a.flags.verbose {
		o := &slog.HandlerOptions{Level: slog.LevelDebug}
		if a.json() {
			a.log = slog.New(slog.NewJSONHandler(a.env.Stderr, o))
		} else {
			a.log = slog.New(slog.NewTextHandler(a.env.Stderr, o))
		}
	}
	return nil
}
