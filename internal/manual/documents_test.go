package manual_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/manual"
	"github.com/ssmbak/ssmbak/internal/testkit/documents"
)

// called matches a call of one of the programs in a document: a line of code, or code
// between backquotes.
var called = regexp.MustCompile("(?m)(?:^    (?:\\$ )?|`|\\$\\(|<\\()((?:ssmbak|ssmbak-stack) [^`|;)>\\n]*)")

// TestCommandsInDocuments checks that the commands and flags of the programs that documents
// mention exist.
func TestCommandsInDocuments(t *testing.T) {
	t.Parallel()
	flags := make(map[string][]string) // of each command
	for _, pages := range manual.Programs() {
		for _, p := range pages {
			flags[p.Command] = []string{"--help"}
			for _, s := range p.Sections {
				if s.Flags != nil {
					flags[p.Command] = append(flags[p.Command], manual.FlagNames(s.Flags)...)
				}
			}
		}
	}
	calls := 0
	check := func(path, call string) {
		call, _, _ = strings.Cut(call, " #")
		words := strings.Fields(call)
		i := slices.IndexFunc(words, func(word string) bool { _, ok := flags[words[0]+" "+word]; return ok })
		command := words[0]
		if i > 0 {
			command += " " + words[i]
		} else if slices.ContainsFunc(words[1:], func(word string) bool { return regexp.MustCompile(`^[a-z]+$`).MatchString(word) }) {
			t.Errorf("%s: %q has no command that exists", path, call)
			return
		}
		calls++
		for _, word := range words[1:] {
			word, _, _ = strings.Cut(strings.Trim(word, "[],."), "=")
			if strings.HasPrefix(word, "--") && !slices.Contains(flags[command], word) {
				t.Errorf("%s: %q: %s has no flag %s", path, call, command, word)
			}
		}
	}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "../.." && strings.HasPrefix(d.Name(), ".") || d.Name() == "unreleased" {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" || d.Name() == "CHANGELOG.md" {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range called.FindAllStringSubmatch(string(text), -1) {
			check(path, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls < 200 {
		t.Errorf("documents mention %d calls", calls)
	}
}

// TestCommandsAreRun checks that a test runs each command line in a document, or that a list
// says why none does.
func TestCommandsAreRun(t *testing.T) {
	t.Parallel()
	const root = "../.."
	seen, tests := make(map[string]bool), make(map[string]bool)
	all := documents.Commands(t, root)
	for _, c := range all {
		name, why := c.Test()
		if name == "" && why == "" {
			t.Errorf("%s: no test runs %q, and internal/testkit/documents has no reason", c.Page, c.Line)
		}
		seen[c.Line], tests[name] = true, true
	}
	if len(all) < 130 {
		t.Errorf("documents have %d command lines", len(all))
	}
	for line := range documents.Exceptions() {
		if !seen[line] {
			t.Errorf("no document has the command %q, which has a reason", line)
		}
	}
	delete(tests, "")
	for _, why := range documents.Exceptions() {
		for _, name := range regexp.MustCompile(`Test\w+|\w+\.txtar`).FindAllString(why, -1) {
			tests[name] = true
		}
	}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		delete(tests, filepath.Base(path)) // a script
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for name := range tests {
			if strings.Contains(string(text), "func "+name+"(t *testing.T)") {
				delete(tests, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range tests {
		t.Errorf("there is no test or script %s", name)
	}
}

// TestCommandsHaveScripts checks that a script runs each command of both programs.
func TestCommandsHaveScripts(t *testing.T) {
	t.Parallel()
	others := map[string]string{
		"ssmbak ui":           "TestUI: it serves until it is interrupted",
		"ssmbak-stack finish": "TestOneStep: the emulated stack has no stacks of other tools",
	}
	for i, dir := range []string{"ssmbak", "stack"} {
		scripts, err := filepath.Glob("../cli/" + dir + "/testdata/script/*.txtar")
		if err != nil || len(scripts) == 0 {
			t.Fatalf("%s has no scripts: %v", dir, err)
		}
		var all strings.Builder
		for _, script := range scripts {
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = all.Write(text)
		}
		for _, page := range manual.Programs()[i] {
			if others[page.Command] != "" {
				continue
			}
			words := strings.Fields(page.Command)
			call := strings.Join(words, " (?:-.* )?")
			if i == 1 && len(words) > 1 {
				call = words[0] + ` (?:\S+ )?` + strings.Join(words[1:], " ")
			}
			if !regexp.MustCompile(`(?m)^[^#\n]*\b` + call + `\b`).MatchString(all.String()) {
				t.Errorf("no script runs %s", page.Command)
			}
		}
	}
}
