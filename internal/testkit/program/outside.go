package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Outside creates a module that requires this one, in a temporary directory. It uses
// this module's versions of dependencies, so that nothing is downloaded. files maps
// each of its files to the file in this module to copy.
func Outside(t testing.TB, files map[string]string) *OutsideModule {
	t.Helper()
	root := root(t)
	see(t, root)
	m := &OutsideModule{dir: t.TempDir()}
	own := read(t, filepath.Join(root, "go.mod"))
	_, requirements, ok := strings.Cut(own, "module "+module+"\n")
	if !ok {
		t.Fatalf("go.mod does not begin with the module's path:\n%s", own)
	}
	m.write(t, "go.mod", "module example.com/outside\n"+requirements+"\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+root+"\n")
	m.write(t, "go.sum", read(t, filepath.Join(root, "go.sum")))
	for path, from := range files {
		m.write(t, path, read(t, filepath.Join(root, from)))
	}
	return m
}

// OutsideModule is a module made by [Outside].
type OutsideModule struct{ dir string }

// Go runs the go command in the module and returns what it printed.
func (m *OutsideModule) Go(t testing.TB, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = m.dir, append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Path returns the path of a file in the module.
func (m *OutsideModule) Path(name string) string { return filepath.Join(m.dir, name) }

func (m *OutsideModule) write(t testing.TB, name, text string) {
	t.Helper()
	path := m.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
