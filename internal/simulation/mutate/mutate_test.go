package main

import (
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// every returns all mutations.
func every() []mutation {
	all := slices.Concat(mutations, rare)
	for _, m := range slices.Concat(tested, commanded, paged) {
		all = append(all, m.mutation)
	}
	return all
}

// TestMutationsApply checks that the source text of every mutation occurs exactly once,
// so that moving code cannot turn a mutation into one that breaks nothing.
func TestMutationsApply(t *testing.T) {
	t.Parallel()
	for _, m := range every() {
		source, err := os.ReadFile(filepath.Join("..", "..", "..", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s contains %q %d times, want once", m.name, m.file, m.old, n)
		}
		if m.old == m.fresh {
			t.Errorf("%s changes nothing", m.name)
		}
	}
}

// TestMutationsCompile checks that what a mutation leaves is a program: otherwise nothing
// was broken, and nothing found.
func TestMutationsCompile(t *testing.T) {
	t.Parallel()
	if os.Getenv("SSMBAK_LONG") == "" {
		t.Skip("SSMBAK_LONG=1 runs it: it checks the types of each broken package")
	}
	root := filepath.Join("..", "..", "..")
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-json=ImportPath,Dir,GoFiles,Export", "./...")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	type pkg struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
	}
	packages, exported := map[string]pkg{}, map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.Dir], exported[p.ImportPath] = p, p.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exported[path]) })
	sources := map[string]*ast.File{}
	for _, m := range every() {
		broken, err := filepath.Abs(filepath.Join(root, m.file))
		if err != nil {
			t.Fatal(err)
		}
		p, ok := packages[filepath.Dir(broken)]
		if !ok {
			t.Errorf("%s: %s belongs to no package", m.name, m.file)
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			if path != broken && sources[path] != nil {
				files = append(files, sources[path])
				continue
			}
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if path == broken {
				source = []byte(strings.Replace(string(source), m.old, m.fresh, 1))
			}
			f, err := parser.ParseFile(fset, path, source, parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
				continue
			}
			if path != broken {
				sources[path] = f
			}
			files = append(files, f)
		}
		config := types.Config{Importer: imports, Error: func(err error) { t.Errorf("%s: %v", m.name, err) }}
		_, _ = config.Check(p.ImportPath, fset, files, nil) // each error was reported
	}
}
