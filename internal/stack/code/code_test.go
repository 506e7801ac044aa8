package code

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

// copied returns a copy of the clone in another directory. A build in it shows whether
// the zip depends on paths.
func copied(t *testing.T) string {
	t.Helper()
	root := checkout(".")
	if root == "" {
		t.Fatal("the test does not run in a clone")
	}
	dir := t.TempDir()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" || d.Name() == "dist" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		}
		if strings.HasSuffix(rel, "_test.go") || !strings.HasSuffix(rel, ".go") && rel != "go.mod" && rel != "go.sum" {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), body, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestReproducible builds the zip twice, from two directories and with different
// environments, and checks that it is the same and that Lambda can run it.
func TestReproducible(t *testing.T) {
	if !extent.Long() {
		t.Skip("builds the function twice: set SSMBAK_LONG=1")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH")
	}
	first, err := Build(t.Context(), "arm64", "v1.2.3", ".")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-ldflags=-w")
	t.Setenv("GOOS", "darwin")
	second, err := Build(t.Context(), "arm64", "v1.2.3", copied(t))
	if err != nil {
		t.Fatal(err)
	}
	if first.SHA256 != second.SHA256 || !bytes.Equal(first.Bytes, second.Bytes) {
		t.Errorf("two builds have the digests %s and %s", first.SHA256, second.SHA256)
	}
	if first.Architecture != "arm64" {
		t.Errorf("got architecture %q", first.Architecture)
	}
	if other, err := Build(t.Context(), "arm64", "v1.2.4", "."); err != nil || other.SHA256 == first.SHA256 {
		t.Errorf("the zip of another version is the same, %v", err)
	}
	r, err := zip.NewReader(bytes.NewReader(first.Bytes), int64(len(first.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 || r.File[0].CreatorVersion>>8 != 3 {
		t.Errorf("the zip contains %+v", r.File[0].FileHeader)
	}
	t.Logf("%d bytes", len(first.Bytes))

	path := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(path, first.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	if z, err := File(path); err != nil || z.SHA256 != first.SHA256 {
		t.Errorf("File: %v", err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, f func(w *zip.Writer)) string {
		t.Helper()
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		f(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	entry := func(name string, mode fs.FileMode, body []byte) func(w *zip.Writer) {
		return func(w *zip.Writer) {
			h := &zip.FileHeader{Name: name}
			h.SetMode(mode)
			out, err := w.CreateHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = out.Write(body)
		}
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, why string }{
		{filepath.Join(dir, "none.zip"), "does not exist"},
		{dir, "is a directory"},
		{text, "is not a zip"},
		{file("empty.zip", func(*zip.Writer) {}), "has no bootstrap at its root"},
		{file("deep.zip", entry("bin/bootstrap", 0o755, nil)), "has no bootstrap at its root"},
		{file("mode.zip", entry("bootstrap", 0o644, nil)), "is not executable"},
		{file("script.zip", entry("bootstrap", 0o755, []byte("#!/bin/sh\n"))), "is not a Linux program"},
	}
	for _, test := range tests {
		var wrong *FileError
		if _, err := File(test.path); !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v, want an error with %q", filepath.Base(test.path), err, test.why)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if z, err := File(file("self.zip", entry("bootstrap", 0o755, program))); err != nil || z.Architecture != want {
		t.Errorf("a program for this machine: got architecture %q, %v", z.Architecture, err)
	}
}

func TestBuildErrors(t *testing.T) {
	if _, err := Build(t.Context(), "riscv", "v1.2.3", "."); err == nil || !strings.Contains(err.Error(), "unsupported architecture") {
		t.Errorf("riscv: %v", err)
	}
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	for _, version := range []string{"(devel)", "v0.0.0-20261125182524-5f5d63e00000+dirty", "v0.0.0-20261125182524-5f5d63e00000", "v1.2.3"} {
		if _, err := Build(t.Context(), "arm64", version, t.TempDir()); !errors.Is(err, ErrNoSource) || !strings.Contains(err.Error(), version) {
			t.Errorf("%s outside of a clone: %v", version, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	var missing *NotFoundError
	if _, err := Find(t.Context(), "arm64", "v1.2.3"); !errors.As(err, &missing) || !errors.Is(err, ErrNoGo) {
		if _, carried := embedded("arm64"); !carried {
			t.Errorf("without Go: %v", err)
		}
	}
}
