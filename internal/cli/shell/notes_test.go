package shell_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// checked is a package of the programs with its types. Those of other modules and of the
// standard library are not known.
type checked struct {
	fset  *token.FileSet
	files []*ast.File
	types *types.Package
	info  *types.Info
	texts map[string]string // by file
}

// packages are the packages of the module that were checked, by path. It imports them from
// their sources, which is faster than from what the compiler would have to write.
type packages struct {
	t   *testing.T
	all map[string]checked
}

const module = "github.com/ssmbak/ssmbak"

// Import implements [types.Importer].
func (p packages) Import(path string) (*types.Package, error) {
	if own := strings.TrimPrefix(path, module); own != path {
		return p.check(own).types, nil
	}
	empty := types.NewPackage(path, filepath.Base(path))
	empty.MarkComplete()
	return empty, nil
}

// check parses a package of the module, without its tests, and checks its types.
func (p packages) check(path string) checked {
	p.t.Helper()
	if found, ok := p.all[path]; ok {
		return found
	}
	dir := filepath.Join("..", "..", "..", filepath.FromSlash(path))
	sources, err := build.ImportDir(dir, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	c := checked{fset: token.NewFileSet(), info: &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}, texts: make(map[string]string)}
	for _, name := range sources.GoFiles {
		name = filepath.Join(dir, name)
		text, err := os.ReadFile(name)
		if err != nil {
			p.t.Fatal(err)
		}
		c.texts[name] = string(text)
		file, err := parser.ParseFile(c.fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			p.t.Fatal(err)
		}
		c.files = append(c.files, file)
	}
	config := types.Config{Importer: p, Error: func(error) {}} // what is not known is no error
	c.types, _ = config.Check(module+path, c.fset, c.files, c.info)
	p.all[path] = c
	return c
}

// TestNotesHaveFields checks that every note has what it is about as fields, which
// docs/output.md lists: each argument of its text that is a time, a duration, a number, a
// name, a list or an error, or the text of one, occurs in its facts.
func TestNotesHaveFields(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	_, documented, _ := strings.Cut(string(text), "\nA note has the field")
	documented, _, _ = strings.Cut(documented, "\nThe error:")
	notes := 0
	sources := packages{t, make(map[string]checked)}
	for _, path := range []string{"/internal/cli/shell", "/internal/cli/ssmbak", "/internal/cli/stack"} {
		p := sources.check(path)
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				if f, ok := n.(*ast.FuncDecl); ok && f.Body != nil && f.Name.Name != "Note" {
					notes += p.checkNotes(t, f)
				}
				return true
			})
			p.checkFields(t, file, documented)
		}
	}
	if notes < 80 {
		t.Errorf("the programs print %d notes, so the test misses some", notes)
	}
}

// counts matches a count with a noun in the plural in a format, and never the counts that are
// never 1.
var (
	counts = regexp.MustCompile(`%d (?:[a-z]+ ){0,2}[a-z]+s\b`)
	never  = []string{
		"%d restores begin", "%d of your restores", "%d restores are marked", // several, several, the maximum
		"%d words", "%d symbolic links", // more than allowed
	}
	verbs = []string{"was", "is", "has"}
)

// TestCountsOfOne checks that no message has the plural for any count: [shell.Count] knows
// the singular.
func TestCountsOfOne(t *testing.T) {
	t.Parallel()
	sources := packages{t, make(map[string]checked)}
	formats := 0
	for _, path := range []string{"/internal/cli/render", "/internal/cli/shell", "/internal/cli/ssmbak", "/internal/cli/stack", "/internal/health", "/internal/ui"} {
		p := sources.check(path)
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING || !strings.Contains(literal.Value, "%d") {
					return true
				}
				formats++
				for _, found := range counts.FindAllString(literal.Value, -1) {
					last := found[strings.LastIndex(found, " ")+1:]
					if !slices.Contains(verbs, last) && !slices.ContainsFunc(never, func(s string) bool { return strings.Contains(literal.Value, s) }) {
						t.Errorf("%s: %q is wrong for 1", p.fset.Position(literal.Pos()), found)
					}
				}
				return true
			})
		}
	}
	if formats < 40 {
		t.Errorf("found %d formats, so the test misses some", formats)
	}
}

// checkNotes checks the notes of a function and returns their number.
func (p checked) checkNotes(t *testing.T, f *ast.FuncDecl) (notes int) {
	body := p.source(f.Body)
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || method.Sel.Name != "Note" && method.Sel.Name != "NoteFacts" || len(call.Args) == 0 {
			return true
		}
		notes++
		facts, args := "", call.Args[1:]
		if method.Sel.Name == "NoteFacts" {
			facts, args = p.source(call.Args[0]), call.Args[2:]
			for _, name := range names.FindAllString(facts, -1) {
				facts += assigned(body, name)
			}
		}
		for _, arg := range args {
			about := p.about(arg)
			lengths := regexp.MustCompile(`\b`+regexp.QuoteMeta(about)+` := len\((\S+)\);`).FindAllStringSubmatch(body, -1)
			if about != "" && !mentions(facts, about) && !slices.ContainsFunc(lengths, func(m []string) bool { return strings.Contains(facts, m[1]) }) {
				t.Errorf("%s: the note prints %s, which is none of its facts", p.fset.Position(call.Pos()), about)
			}
		}
		return true
	})
	return notes
}

// mentions reports whether an expression is part of a text, and not part of a longer name.
func mentions(text, expression string) bool {
	return regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(expression) + `($|\W)`).MatchString(text)
}

// names matches the names in the text of an expression.
var names = regexp.MustCompile(`\b[a-z]\w*\b`)

// assigned returns the text of the lines of a function that mention the variable with the
// facts, and of those of a literal that is assigned to it.
func assigned(body, name string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(body) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, name+" := shell.Facts{") || strings.HasPrefix(trimmed, name+" := shell.Counted(") || strings.HasPrefix(trimmed, name+"[") {
			inside = strings.HasSuffix(trimmed, "{")
			b.WriteString(trimmed + "\n")
		} else if inside {
			inside = trimmed != "}"
			b.WriteString(trimmed + "\n")
		}
	}
	return b.String()
}

// words are packages whose functions return words here.
var words = []string{"cmp", "fmt", "strings"}

// texts are the functions that return the text of their first argument.
var texts = []string{"both", "Count", "NameList", "in", "ended", "except"}

// about returns the source of what an argument is about, or "" for a word or a command.
func (p checked) about(arg ast.Expr) string {
	tv := p.info.Types[arg]
	if tv.Value != nil {
		return ""
	}
	if index, ok := arg.(*ast.IndexExpr); ok && tv.Type != types.Typ[types.String] {
		return p.source(index.X)
	}
	if call, ok := arg.(*ast.CallExpr); ok {
		name := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			if of, ok := f.X.(*ast.Ident); ok && slices.Contains(words, of.Name) {
				return ""
			}
			name = f.Sel.Name
			if name == "String" || name == "Format" || name == "Minutes" {
				return p.source(f.X)
			}
		}
		switch {
		case name == "len" || name == "int" || slices.Contains(texts, name):
			return p.about(call.Args[0])
		case name == "reason" || name == "Reason":
			return p.source(arg)
		}
	}
	if tv.Type == types.Typ[types.String] {
		return ""
	}
	return strings.TrimSuffix(p.source(arg), "()")
}

// checkFields checks that the documents list the names of the facts in a file.
func (p checked) checkFields(t *testing.T, file *ast.File, documented string) {
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || !strings.HasSuffix(p.source(literal.Type), "Facts") {
			return true
		}
		for _, element := range literal.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			key, _ := strconv.Unquote(p.source(pair.Key))
			isField := key != "" && unicode.IsUpper(rune(key[0])) // names of counts are in lower case
			if isField && !strings.Contains(documented, "`"+key+"`") {
				t.Errorf("%s: docs/output.md does not list the field %s of notes", p.fset.Position(pair.Pos()), key)
			}
		}
		return true
	})
}

// source returns the text of a part of a file.
func (p checked) source(n ast.Node) string {
	if n == nil {
		return ""
	}
	file := p.fset.File(n.Pos())
	return strings.ReplaceAll(p.texts[file.Name()][file.Offset(n.Pos()):file.Offset(n.End())], " + ", "+")
}
