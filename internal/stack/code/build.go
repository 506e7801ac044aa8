package code

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/ssmbak/ssmbak/internal/version"
)

const (
	modulePath = "github.com/ssmbak/ssmbak"
	function   = modulePath + "/cmd/ssmbak-lambda"
)

// Errors of [Build] that callers branch on.
var (
	ErrNoGo     = errors.New("go is not on PATH")
	ErrNoSource = errors.New("the current directory is not in a clone of ssmbak")
)

// Build builds the zip of a version, with the revision and date of this program, from the
// clone of ssmbak that contains dir or, if there is none, from the released version. It
// uses the Go command on PATH. Errors that callers may want to distinguish are [ErrNoGo]
// and [ErrNoSource].
func Build(ctx context.Context, architecture, number, dir string) (Zip, error) {
	processor, ok := goarch[architecture]
	if !ok {
		return Zip{}, fmt.Errorf("unsupported architecture %q", architecture)
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return Zip{}, ErrNoGo
	}
	temp, err := os.MkdirTemp("", "ssmbak-build-")
	if err != nil {
		return Zip{}, fmt.Errorf("create a directory for the build: %w", err)
	}
	defer os.RemoveAll(temp)
	flags := []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid= " + version.Stamps(number)}
	program := filepath.Join(temp, entry)
	cmd := exec.CommandContext(ctx, tool, append(append([]string{"build", "-o", program}, flags...), function)...)
	cmd.Env = environment(processor)
	if cmd.Dir = checkout(dir); cmd.Dir == "" {
		if !released(number) {
			return Zip{}, fmt.Errorf("%w, and there is no release %s to fetch", ErrNoSource, number)
		}
		if cmd.Dir, err = fetch(ctx, tool, temp, number); err != nil {
			return Zip{}, fmt.Errorf("%w, and its version %s cannot be fetched: %w", ErrNoSource, number, err)
		}
	}
	if _, err := run(ctx, cmd); err != nil {
		return Zip{}, err
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return Zip{}, fmt.Errorf("read the built program: %w", err)
	}
	packed, err := pack(body)
	if err != nil {
		return Zip{}, err
	}
	return describe("the built zip", packed, body)
}

// released reports whether a module with this version can exist: the Go command gives
// builds from a modified clone the version (devel), or adds +dirty.
// https://go.dev/doc/go1.24#go-command
func released(version string) bool { return semver.IsValid(version) && semver.Build(version) == "" }

// fetch creates a module in which the released version of the function can be built,
// and returns its directory.
func fetch(ctx context.Context, tool, temp, version string) (dir string, err error) {
	dir = filepath.Join(temp, "module")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("create a directory for the build: %w", err)
	}
	for _, args := range [][]string{{"mod", "init", "build"}, {"get", modulePath + "@" + version}, {"get", function + "@" + version}} {
		cmd := exec.CommandContext(ctx, tool, args...)
		cmd.Dir, cmd.Env = dir, environment("")
		if _, err := run(ctx, cmd); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// environment returns the current environment without variables that would change the
// build.
func environment(processor string) []string {
	var env []string
	for _, e := range os.Environ() {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "GOFLAGS", "GOOS", "GOARCH", "GOARM64", "GOAMD64", "GOEXPERIMENT", "CGO_ENABLED", "GOWORK":
		default:
			env = append(env, e)
		}
	}
	if processor == "" {
		return append(env, "GOFLAGS=", "GOWORK=off")
	}
	return append(env, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+processor)
}

// checkout returns the root of the clone of ssmbak that contains dir, or "".
func checkout(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			first, _, _ := strings.Cut(string(text), "\n")
			if _, err := os.Stat(filepath.Join(dir, "cmd", "ssmbak-lambda")); err == nil && strings.TrimSpace(first) == "module "+modulePath {
				return dir
			}
			return ""
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// run runs a command and returns its output. The error contains its standard error.
func run(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("build the functions: %w", ctx.Err())
		}
		return "", fmt.Errorf("`%s` failed: %w: %s", strings.Join(append([]string{"go"}, cmd.Args[1:]...), " "), err, oneLine(complaints.String()))
	}
	return out.String(), nil
}
