// Package ssmbakcli implements the command ssmbak: it parses arguments, calls the
// library and prints the results, following the rules of package shell.
//
// Its name differs from its directory's, because ssmbak is the name of the root
// package.
package ssmbakcli

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/recorder"
)

// Env is the environment of the command. TIME arguments are relative to its clock.
type Env struct {
	shell.Env
	// Recreation is the time between a deletion and a creation in a restore, as in
	// restore.Options: zero means the time that AWS requires.
	Recreation time.Duration
	// Again receives a signal to end the run immediately, after ctx has ended and
	// while work in progress completes. It may be nil.
	Again <-chan os.Signal
	// WrapRecorder, if not nil, wraps the recorder of local and demo. Tests use it to
	// make the recorder fail.
	WrapRecorder func(Recorder) Recorder
}

// Recorder records a batch of messages and returns those that must be delivered again.
type Recorder func(ctx context.Context, batch []recorder.Message) []recorder.Failure

// exitCodes is the section of every help about exit codes.
const exitCodes = `  0    done
  1    failed
  2    there are differences (diff --detailed-exitcode only)
  3    partly done: standard error lists what is left
  130  interrupted
  252  wrong usage
`

// Main runs the command and returns its exit code. After a signal from env.Again it
// returns while work is still in progress: the caller must end the process.
func Main(ctx context.Context, env Env) int {
	a := &app{Shell: shell.New("ssmbak", env.Env), env: env}
	a.Place = a.where
	a.Formats = []shell.Format{shell.Table, shell.JSON, shell.Text, shell.Markdown}
	a.AskedVersion()
	root := a.newRootCommand()
	ended := make(chan int, 1)
	go func() {
		if err := a.concludeSigned(a.Execute(ctx, root)); err != nil {
			ended <- a.complain(ctx, err)
			return
		}
		ended <- shell.Done
	}()
	for {
		select {
		case code := <-ended:
			return code
		case <-env.Again:
			if !a.Paging() {
				return a.abandon(ctx)
			}
		}
	}
}

// app is one run of the command.
type app struct {
	*shell.Shell
	env   Env
	flags globalFlags
	arn   *arn.ARN // given as NAME or PATH, or nil
	// maxRate is the maximum number of writes to Parameter Store per second, 0 for
	// unlimited.
	maxRate float64
	running running
	opened  *archive.Archive // by this run, nil before
	first   ssmbak.Name      // the parameter that a command about one reads first, or ""
	// foreign says that it is the archive of another account or region, or a copy, which the
	// caller cannot reconcile.
	foreign bool
}

// globalFlags are the flags of every command, in addition to those of the shell.
type globalFlags struct {
	bucket, owner string
	publicKey     string // a file
	decrypt       bool
	summary       bool // of the commands that have --summary
	localTime     bool
	columns       []string // of tables, all if empty
}

// complain prints an error and returns its exit code.
func (a *app) complain(ctx context.Context, err error) int {
	if errors.As(err, new(differences)) {
		return shell.Differences
	}
	f := explain(err)
	if ctx.Err() != nil && f.Code != shell.WrongUsage {
		f.Code = shell.Interrupted
		if interrupted(ctx, err) {
			f = shell.Failure{Message: "interrupted", Code: shell.Interrupted}
		}
	}
	return a.Complain(ctx, err, f)
}

// where returns the flags of this run that another command needs to use the same
// archive.
func (a *app) where() string {
	return shell.Given("bucket", a.flags.bucket) + shell.Given("bucket-owner", a.flags.owner) + shell.Given("public-key", a.flags.publicKey) + a.Where()
}
