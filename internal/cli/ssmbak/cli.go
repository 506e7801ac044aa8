// Package ssmbakcli is the command ssmbak: it reads arguments, calls the library and
// prints what comes back, by the rules of package shell.
//
// The package is not called ssmbak after its folder, since that is the name of
// the root package, which it uses throughout.
package ssmbakcli

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/recorder"
)

// Env is everything that the command takes from its surroundings. Its clock is
// the one behind TIME.
type Env struct {
	shell.Env
	// Recreation is how long a restore leaves a name alone after its deletion,
	// see restore.Options: zero means as long as AWS asks for.
	Recreation time.Duration
	// Again gets a signal when the run is to end at once, while what was begun is
	// still being finished after ctx ended; nil never does.
	Again <-chan os.Signal
	// WrapRecorder stands between the queue and the recorder of local and demo;
	// nil leaves them as they are. A test breaks the recorder by it.
	WrapRecorder func(Recorder) Recorder
}

// Recorder takes a batch of messages and returns those that must come again.
type Recorder func(ctx context.Context, batch []recorder.Message) []recorder.Failure

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
	a := &app{Shell: shell.New("ssmbak", env.Env), env: env}
	root := a.newRootCommand()
	ended := make(chan int, 1)
	go func() {
		if err := a.Execute(ctx, root); err != nil {
			ended <- a.complain(ctx, err)
			return
		}
		ended <- shell.Done
	}()
	select {
	case code := <-ended:
		return code
	case <-env.Again:
		return a.abandon(ctx)
	}
}

// app is one run of the command.
type app struct {
	*shell.Shell
	env   Env
	flags globalFlags
	arn   *arn.ARN // that the parameter was named by, nil if it was not
	// maxRate bounds the writes to Parameter Store per second, 0 for no bound.
	maxRate float64
	running running
}

// globalFlags are the flags that every command takes, besides those of the shell.
type globalFlags struct {
	bucket, owner string
	decrypt       bool
}

// complain prints an error and returns the exit code that it stands for.
func (a *app) complain(ctx context.Context, err error) int {
	if errors.As(err, new(differences)) {
		return shell.Differences
	}
	f := explain(err)
	if ctx.Err() != nil && f.Code != shell.WrongUsage {
		f.Code = shell.Interrupted
		if errors.Is(err, context.Canceled) && !errors.As(err, new(*shell.Failure)) {
			f = shell.Failure{Message: "interrupted", Code: shell.Interrupted}
		}
	}
	return a.Complain(ctx, err, f)
}

// where are the flags of this run that lead another command to the same archive.
func (a *app) where() string {
	return shell.Given("bucket", a.flags.bucket) + shell.Given("bucket-owner", a.flags.owner) + a.Where()
}
