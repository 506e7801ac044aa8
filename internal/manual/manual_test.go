package manual_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/manual"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// reference is the directory of the pages of the commands.
const reference = "../../docs/reference"

// TestReference checks that docs/reference is what the programs say. UPDATE=1 writes it.
func TestReference(t *testing.T) {
	t.Parallel()
	programs := manual.Programs()
	want := map[string]string{"README.md": manual.Index(programs)}
	for _, pages := range programs {
		for _, p := range pages {
			want[manual.Name(p)+".md"] = manual.Markdown(p)
		}
	}
	if len(want) < 20 {
		t.Fatalf("there are %d pages", len(want))
	}
	got := make(map[string]string)
	paths, err := filepath.Glob(reference + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(path)] = string(text)
	}
	if os.Getenv("UPDATE") == "" {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("run with UPDATE=1 (-want +got):\n%s", diff)
		}
		return
	}
	for name, text := range want {
		if err := os.WriteFile(filepath.Join(reference, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		delete(got, name)
	}
	for name := range got { // commands that no longer exist
		if err := os.Remove(filepath.Join(reference, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoff checks that groff reads every man page without a warning.
func TestRoff(t *testing.T) {
	t.Parallel()
	program.Need(t, "groff", "SSMBAK_REQUIRE_PACKAGES", "apt-get install groff-base")
	for _, pages := range manual.Programs() {
		var all, stderr strings.Builder
		for _, p := range pages {
			all.WriteString(manual.Roff(p, pages[0], "v1.2.3", "2024-06-13"))
		}
		cmd := exec.CommandContext(t.Context(), "groff", "-man", "-Tutf8", "-ww", "-P-cbuo")
		cmd.Stdin, cmd.Stderr = strings.NewReader(all.String()), &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Errorf("%s: %v\n%s", pages[0].Command, err, stderr.String())
		}
		words := strings.Join(strings.Fields(string(out)), " ")
		for _, p := range pages {
			name := manual.Name(p)
			for _, want := range []string{"NAME " + name + " - " + p.Short, "SYNOPSIS " + p.Usage + " DESCRIPTION", strings.ToUpper(name) + "(1)"} {
				if !strings.Contains(words, strings.Join(strings.Fields(want), " ")) {
					t.Errorf("%s: the page has no %q", p.Command, want)
				}
			}
		}
		if !strings.Contains(words, "SEE ALSO "+pages[0].Command) || !strings.Contains(words, "EXIT STATUS 0 done 1 failed") {
			t.Errorf("%s: the pages have no exit status or nothing to see also:\n%s", pages[0].Command, out)
		}
	}
}
