package ssmbak_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	quoted       = regexp.MustCompile("`([^`]+)`")
)

// TestThreats checks that each row of the tables of threats names tests, or scripts, and that
// they exist.
func TestThreats(t *testing.T) {
	t.Parallel()
	known := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range testFunction.FindAllSubmatch(source, -1) {
				known[string(m[1])] = true
			}
		case filepath.Ext(path) == ".txtar":
			known[strings.TrimSuffix(filepath.Base(path), ".txtar")] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, threats, _ := strings.Cut(string(text), "\n## Permissions of each role, and the effect of a stolen credential\n")
	threats, _, _ = strings.Cut(threats, "\n## ")
	rows := 0
	for line := range strings.SplitSeq(threats, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || cells[len(cells)-1] == "test" {
			continue
		}
		rows++
		names := quoted.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(names) == 0 {
			t.Errorf("no test plays %q", cells[0])
		}
		for _, m := range names {
			if !known[m[1]] {
				t.Errorf("%s, which is to play %q, is no test", m[1], cells[0])
			}
		}
	}
	if rows < 40 {
		t.Errorf("there are only %d rows of threats", rows)
	}
}
