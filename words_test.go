package ssmbak_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// idioms match words and phrases that an engineer would not use in technical English,
// or for which this project has another word.
var idioms = []struct {
	phrase  *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\b(stands?|stood)\b`), "is, contains, exists"},
	{regexp.MustCompile(`(?i)\b(lies?|lay|lays|lain)\b`), "is"},
	{regexp.MustCompile(`(?i)\b(tells|told|tell of)\b`), "reports, shows, names"},
	{regexp.MustCompile(`(?i)\bwhole\b`), "complete, intact, all of"},
	{regexp.MustCompile(`(?i)\b(anew|afresh)\b`), "again; for a parameter: recreated"},
	{regexp.MustCompile(`(?i)\bbesides?\b`), "next to, in addition to"},
	{regexp.MustCompile(`\b([Nn]obody|[Ss]omebody|[Aa]nybody)\b`), "name the actor, or use the passive"},
	{regexp.MustCompile(`(?i)\bnone (is|are)\b`), "no ... is"},
	{regexp.MustCompile(`(?i)\bmend(s|ed|ing)?\b`), "fix, apply"},
	{regexp.MustCompile(`(?i)\bway back\b`), "undo"},
	{regexp.MustCompile(`(?i)\bin hand\b`), "present, known"},
	{regexp.MustCompile(`(?i)\b(is|are|be|was|were) had\b`), "is available"},
	{regexp.MustCompile(`(?i)\bon top\b`), "current"},
	{regexp.MustCompile(`(?i)\bby (itself|themselves)\b`), "separately, automatically"},
	{regexp.MustCompile(`(?i)\bas (it is|they are)\b`), "unchanged"},
	{regexp.MustCompile(`(?i)\bfor good\b`), "permanently"},
	{regexp.MustCompile(`(?i)\bat fault\b`), "the cause"},
	{regexp.MustCompile(`(?i)\bas (it|they) should( be)?\b`), "correct"},
	{regexp.MustCompile(`(?i)\blook(s|ed|ing)? at\b`), "read, check"},
	{regexp.MustCompile(`\bsight(s|ed|ing)?\b`), "observation"},
	{regexp.MustCompile(`\bhorizon\b`), "coverage"},
	{regexp.MustCompile(`(?i)\bthe original\b`), "the legacy ssmbak"},
	{regexp.MustCompile(`(?i)\b(left|leaves?|leaving) (it |them )?out\b`), "skipped, excluded, omitted"},
	{regexp.MustCompile(`(?i)\bpass(es|ed)? (it |them )?by\b`), "skip"},
	{regexp.MustCompile(`(?i)\bhand(s|ed|ing)? (it |them )?(back|out)\b`), "return, deliver"},
	{regexp.MustCompile(`(?i)\bto be had\b`), "available"},
	{regexp.MustCompile(`// Test\w+ holds\b`), "checks that"},
	{regexp.MustCompile(`(?i)\bgo(es)? on\b`), "continue"},
	{regexp.MustCompile(`(?i)\bonce more\b`), "again"},
	{regexp.MustCompile(`\bWhat (is|was|are|were|has|had|cannot|could|would)\b[^?]*$`), "start with the subject"},
}

// rightUses are lines that use a phrase of [idioms] correctly: a file, or a directory,
// and a pattern of the line.
var rightUses = []struct {
	path string
	line *regexp.Regexp
}{
	{"", regexp.MustCompile(`(?i)\bstands? for\b`)},
	{"", regexp.MustCompile(`\.Whole\(\)`)}, // a method of Time
	{"time.go", regexp.MustCompile(`// Whole returns|\) Whole\(\)`)},
	{"", regexp.MustCompile(`\bwhole seconds?\b`)}, // not fractions
	// The values of Change in the output of reindex, which docs/output.md promises.
	{"internal/cli/ssmbak/reindex.go", regexp.MustCompile(`"whole"|whole %d`)},
	{"docs/output.md", regexp.MustCompile("`whole` \\(intact\\)")},
	{"internal/cli/ssmbak/testdata/script/reindex.txtar", regexp.MustCompile(`whole [0-9]|\^whole /app/b`)},
}

// TestWords checks that code, tests, scripts and documents contain none of the idioms.
func TestWords(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads the whole tree, which is slow with the race detector")
	}
	t.Parallel()
	var all []string
	for _, idiom := range idioms {
		all = append(all, idiom.phrase.String())
	}
	some := regexp.MustCompile(strings.Join(all, "|")) // one pattern is matched faster than many
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		name := d.Name()
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(name, ".") || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".md", ".txt", ".txtar", ".yaml", ".yml"}, filepath.Ext(name)) || path == "words_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if !some.MatchString(line) {
				continue
			}
			for _, idiom := range idioms {
				phrase := idiom.phrase.FindString(line)
				if phrase == "" || isRightUse(path, line) {
					continue
				}
				t.Errorf("%s:%d: %q: use %q instead in: %s", path, i+1, phrase, idiom.instead, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func isRightUse(path, line string) bool {
	for _, u := range rightUses {
		if (path == u.path || strings.HasPrefix(path, u.path)) && u.line.MatchString(line) {
			return true
		}
	}
	return false
}
