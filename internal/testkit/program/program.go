// Package program builds this module's commands for tests that run them as processes.
package program

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/ssmbak/ssmbak"

// building is locked during a build: concurrent builds of a program would each link it, because
// the build cache does not have it yet.
var building sync.Mutex

// Build compiles cmd/COMMAND with flags of go build into a temporary directory, and
// returns the path of the program.
func Build(t testing.TB, command string, flags ...string) (path string) {
	t.Helper()
	see(t, root(t))
	path = filepath.Join(t.TempDir(), command)
	args := append(append([]string{"build", "-o", path}, flags...), module+"/cmd/"+command)
	if cp, err := exec.LookPath("cp"); err == nil {
		// Unlike build, run keeps the linked program in the build cache. It runs
		// "cp PROGRAM path". https://go.dev/doc/go1.24#go-command
		args = append(append([]string{"run", "-exec", cp}, flags...), module+"/cmd/"+command, path)
	}
	building.Lock()
	defer building.Unlock()
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", command, err, out)
	}
	return path
}

// root returns the module's directory.
func root(t testing.TB) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	return strings.TrimSpace(string(dir))
}

// see opens every directory of the module. The go command's cached result of a test
// depends on the files and directories that the test opened, and a directory
// represents the sizes and times of its files. Without see, the result of a test that
// runs a program would stay cached after a change to that program.
func see(t testing.TB, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "dist") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatalf("walk the module: %v", err)
	}
}
