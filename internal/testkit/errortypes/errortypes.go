// Package errortypes lists the exported errors of a package, for the tests that each of
// them has a code.
package errortypes

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Of returns the exported errors of the package in a directory, as in archive.DamagedError
// and archive.ErrNoBucket, sorted: the types with a method Error, names for those of other
// packages, and the variables whose names begin with Err. Files of tests do not count.
func Of(tb testing.TB, dir string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		for _, name := range declared(file) {
			if ast.IsExported(name) {
				all = append(all, file.Name.Name+"."+name)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// declared returns the names of the errors that a file declares.
func declared(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil && d.Name.Name == "Error" && len(d.Type.Params.List) == 0 {
				names = append(names, receiver(d.Recv.List[0].Type))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, specified(spec)...)
			}
		}
	}
	return names
}

// specified returns the names of the errors in a declaration of variables, or of another
// name for a type.
func specified(spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if strings.HasPrefix(name.Name, "Err") {
				names = append(names, name.Name)
			}
		}
	case *ast.TypeSpec:
		if s.Assign.IsValid() && strings.HasSuffix(s.Name.Name, "Error") {
			names = append(names, s.Name.Name)
		}
	}
	return names
}

func receiver(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if name, ok := e.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// Directories returns the directories of the module with packages that declare exported
// errors, relative to its root and with slashes; the root itself is ".".
func Directories(tb testing.TB, root string) (dirs []string) {
	tb.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if len(Of(tb, path)) > 0 {
			relative, err := filepath.Rel(root, path)
			dirs = append(dirs, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return dirs
}

// Check fails unless the errors in directories are those in examples.
func Check[V any](tb testing.TB, examples map[string]V, dirs ...string) {
	tb.Helper()
	var all []string
	for _, dir := range dirs {
		all = append(all, Of(tb, dir)...)
	}
	for _, name := range all {
		if _, ok := examples[name]; !ok {
			tb.Errorf("%s has no row here: give it a code of docs/output.md, so that programs can tell it apart", name)
		}
	}
	for name := range examples {
		if !slices.Contains(all, name) {
			tb.Errorf("there is no error %s, which has a row here", name)
		}
	}
}
