package script

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// produced are the kinds of the errors with which runs of the tests of a package ended.
var produced struct {
	mu    sync.Mutex
	kinds []string
}

// Failed is [shell.Env.Failed] for every run of the program in the tests of a package.
func Failed(kind shell.Kind) {
	produced.mu.Lock()
	defer produced.mu.Unlock()
	produced.kinds = append(produced.kinds, string(kind))
}

// row matches a row of the table of codes in docs/output.md: a code, and the programs of
// which a script produces it.
var row = regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| (both|ssmbak|ssmbak-stack) \\|")

// checkKinds returns an error unless docs/output.md lists exactly the kinds of errors that
// the tests of the program produced. It does nothing if only some of them ran.
func checkKinds() error {
	if flag.Lookup("test.run").Value.String() != "" {
		return nil
	}
	text, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		return err
	}
	directory, err := os.Getwd()
	if err != nil {
		return err
	}
	program := map[string]string{"ssmbak": "ssmbak", "stack": "ssmbak-stack"}[filepath.Base(directory)]
	_, section, _ := strings.Cut(string(text), "\n## Errors\n")
	var want []string
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		if m[2] == "both" || m[2] == program {
			want = append(want, m[1])
		}
	}
	slices.Sort(want)
	produced.mu.Lock()
	defer produced.mu.Unlock()
	slices.Sort(produced.kinds)
	if got := slices.Compact(produced.kinds); !slices.Equal(got, want) {
		return fmt.Errorf("the tests produce the codes %q, and docs/output.md lists %q", got, want)
	}
	return nil
}
