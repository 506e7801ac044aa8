// Package program compiles commands of this module for tests that run them as a
// user does.
package program

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/ssmbak/ssmbak"

// Build compiles cmd/COMMAND with the flags of go build into a directory that
// ends with the test, and returns where the program is.
func Build(t testing.TB, command string, flags ...string) (path string) {
	t.Helper()
	see(t, root(t))
	path = filepath.Join(t.TempDir(), command)
	args := append(append([]string{"build", "-o", path}, flags...), module+"/cmd/"+command)
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", command, err, out)
	}
	return path
}

// root returns the directory of the module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	return strings.TrimSpace(string(dir))
}

// see opens every directory of the module. What a test opened is part of what its
// cached result depends on, and a directory stands for the sizes and times of its
// files: without it, a test of a program would keep a result from before a change
// of the program.
func see(t testing.TB, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "dist") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatalf("look through the module: %v", err)
	}
}
