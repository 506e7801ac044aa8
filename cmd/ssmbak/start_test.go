package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// TestStart checks that no package of this module does much before the program knows what it
// is asked for: a completion starts the program with each key. The runtime prints the
// allocations of each package's variables and init functions.
// https://pkg.go.dev/runtime#hdr-Environment_Variables
func TestStart(t *testing.T) {
	t.Parallel()
	const most = 1000 // the templates of the page alone take 35,000
	initialized := regexp.MustCompile(`(?m)^init github\.com/ssmbak/(\S+) @.* (\d+) allocs$`)
	for _, name := range []string{"ssmbak", "ssmbak-stack"} {
		cmd := exec.CommandContext(t.Context(), program.Build(t, name), "version")
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		found := initialized.FindAllSubmatch(out, -1)
		if len(found) < 10 {
			t.Fatalf("%s: the runtime does not say which packages it initializes:\n%s", name, out)
		}
		for _, m := range found {
			if allocations, err := strconv.Atoi(string(m[2])); err != nil || allocations > most {
				t.Errorf("%s: the package %s allocates %s objects when the program starts, want at most %d: do that when it is needed, see sync.OnceValue", name, m[1], m[2], most)
			}
		}
	}
}
