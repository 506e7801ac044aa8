package ssmbak_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#+ +(.*)$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// document is a Markdown file.
type document struct {
	prose   []string // its lines, those in blocks of code empty
	anchors map[string]bool
}

// documents returns every Markdown file of the repository by its path.
func documents(t *testing.T) map[string]document {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-co", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Skip("this is not a clone")
	}
	all := make(map[string]document)
	for _, path := range strings.Fields(string(out)) {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		d := document{anchors: make(map[string]bool)}
		fenced, list := false, false
		for line := range strings.SplitSeq(string(text), "\n") {
			list = strings.HasPrefix(line, "- ") || list && (line == "" || strings.HasPrefix(line, "  "))
			switch {
			case strings.HasPrefix(strings.TrimSpace(line), "```"):
				fenced, line = !fenced, ""
			case fenced, strings.HasPrefix(line, "    ") && !list:
				line = ""
			}
			d.prose = append(d.prose, line)
			if m := heading.FindStringSubmatch(line); m != nil {
				d.anchors[anchor(m[1])] = true
			}
		}
		all[path] = d
	}
	return all
}

// anchor returns the anchor that GitHub gives to a heading.
func anchor(title string) string {
	title = link.ReplaceAllStringFunc(title, func(l string) string { return l[1:strings.Index(l, "]")] })
	return strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

// TestLinks checks that the targets of all relative links in Markdown exist, anchors
// included.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := documents(t)
	found := 0
	for path, d := range all {
		for i, line := range d.prose {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				found++
				file, anchor, _ := strings.Cut(m[1], "#")
				target := path
				if file != "" {
					target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s:%d: %s does not exist", path, i+1, target)
				} else if anchor != "" && !all[target].anchors[anchor] {
					t.Errorf("%s:%d: %s has no heading #%s", path, i+1, target, anchor)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("there are %d links", found)
	}
}
