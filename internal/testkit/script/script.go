// Package script runs the scripts that test a command, in virtual time.
package script

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// Main runs the tests of a program. It removes the machine's AWS configuration from the
// environment, makes garbage collection less frequent, since each script has a small account of
// its own, and fails if a goroutine remains, or if the names in JSON and the codes of errors are
// not those in docs/output.md.
func Main(m *testing.M) {
	debug.SetGCPercent(400)
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		_ = os.Setenv(name, value)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if code == 0 {
			if err := checkOutput(); err != nil {
				fmt.Fprintln(os.Stderr, "FAIL:", err)
				code = 1
			}
		}
		os.Exit(code) //nolint:forbidigo // the end of a TestMain
	}))
}

// Command is a command of a script. neg reports whether it must fail.
type Command = func(ts *testscript.TestScript, neg bool, args []string)

// World is the environment of one script: a pointer to a type that embeds a [Console].
type World interface{ console() *Console }

type worldKey struct{}

// Of returns the world of a script.
func Of[W World](ts *testscript.TestScript) W { return ts.Value(worldKey{}).(W) }

// Run runs each script in testdata/script in its own world, in virtual time from start on.
// If UPDATE is set in the environment, it updates the expected output in the scripts. In
// addition to the commands of testscript and the given ones, scripts can use:
//
//	code N       check the exit code of the last command
//	answer TEXT  make standard input and standard error a terminal, on which TEXT is typed
func Run[W World](t *testing.T, start time.Time, setup func(testing.TB, *testscript.Env) W, commands map[string]Command) {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	all := map[string]Command{
		"code": func(ts *testscript.TestScript, _ bool, args []string) {
			if got := Of[W](ts).console().code; strconv.Itoa(got) != args[0] {
				ts.Fatalf("exit code %d, want %s", got, args[0])
			}
		},
		"answer": func(ts *testscript.TestScript, _ bool, args []string) {
			text := args[0] + "\n"
			Of[W](ts).console().answer = &text
		},
	}
	maps.Copy(all, commands)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(start))
				testscript.RunT(runner{t}, testscript.Params{
					Files: []string{file}, WorkdirRoot: dir, Cmds: all,
					Setup: func(env *testscript.Env) error {
						env.Values[worldKey{}] = setup(t, env)
						return nil
					},
					UpdateScripts:      os.Getenv("UPDATE") != "", //nolint:forbidigo // a setting of the tests
					RequireUniqueNames: true, RequireExplicitExec: true,
				})
			})
		})
	}
}

// runner lets testscript run in the calling test, since a test in virtual time cannot have
// subtests.
type runner struct{ *testing.T }

func (r runner) Run(_ string, f func(testscript.T)) { f(r) }
func (r runner) Parallel()                          {}
func (r runner) Verbose() bool                      { return testing.Verbose() }

// Console is the terminal of a script.
type Console struct {
	answer  *string // on the terminal, nil if there is none
	columns int     // of the terminal that standard output is, 0 if it is none
	code    int
}

func (c *Console) console() *Console { return c }

// SetColumns makes standard output a terminal with so many columns, or no terminal if it is
// 0.
func (c *Console) SetColumns(columns int) { c.columns = columns }

// Main runs the main function of a program with the console's streams and the script's
// environment. show is applied to the output.
func (c *Console) Main(ts *testscript.TestScript, neg bool, args []string, show func(string) string, main func(shell.Env) int) {
	var stdout, stderr bytes.Buffer
	input := ""
	if c.answer != nil {
		input = *c.answer
	}
	stdin := strings.NewReader(input)
	c.code = main(shell.Env{
		Failed: Failed,
		Args:   args, Stdin: stdin, Stdout: &stdout, Stderr: &stderr, Getenv: ts.Getenv,
		Terminal: func(stream any) bool {
			if stream == any(&stdout) {
				return c.columns > 0
			}
			return c.answer != nil && (stream == any(stdin) || stream == any(&stderr))
		},
		Width: func(any) int { return c.columns },
	})
	if text := strings.Join(args, " "); strings.Contains(text, "-o json") || strings.Contains(text, "--output json") {
		see(stdout.String())
		see(stderr.String())
	}
	_, _ = io.WriteString(ts.Stdout(), show(stdout.String()))
	_, _ = io.WriteString(ts.Stderr(), show(stderr.String()))
	if (c.code != 0) != neg {
		ts.Fatalf("exit code %d", c.code)
	}
}
