package script

import (
	"encoding/json"
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
	names map[string]bool // of fields of JSON
}

// Failed is [shell.Env.Failed] for every run of the program in the tests of a package.
func Failed(kind shell.Kind) {
	produced.mu.Lock()
	defer produced.mu.Unlock()
	produced.kinds = append(produced.kinds, string(kind))
}

// free are the fields of which the names inside are those of the user, or values.
var free = []string{"Tags", "Labels", "Counts"}

// see notes the names of the fields of JSON values. Text that is not JSON is skipped.
func see(text string) {
	produced.mu.Lock()
	defer produced.mu.Unlock()
	if produced.names == nil {
		produced.names = make(map[string]bool)
	}
	for values := json.NewDecoder(strings.NewReader(text)); ; {
		var value any
		if values.Decode(&value) != nil {
			return
		}
		seeNames(value)
	}
}

func seeNames(value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			seeNames(element)
		}
	case map[string]any:
		for name, inside := range value {
			produced.names[name] = true
			if !slices.Contains(free, name) {
				seeNames(inside)
			}
		}
	}
}

// row matches a row of the table of codes in docs/output.md: a code, and the programs of
// which a script produces it.
var row = regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| (both|ssmbak|ssmbak-stack) \\|")

// checkOutput returns an error unless docs/output.md lists every name of a field that the
// tests of the program wrote in JSON, and exactly the kinds of errors that they produced. It
// does nothing if only some of them ran.
func checkOutput() error {
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
	var missing []string
	for name := range produced.names {
		if !strings.Contains(string(text), "`"+name+"`") {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		return fmt.Errorf("docs/output.md has no fields %q", missing)
	}
	return nil
}
