package ssmbakcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
)

// writePlanFile writes a plan to a file, or to standard output if path is "-".
func (a *app) writePlanFile(path string, f *plan.File) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	text = append(text, '\n')
	if a.isStdout(path) {
		_, err := a.Stdout.Write(text)
		return err
	}
	replaced, err := writeFile(path, text)
	if err != nil {
		return shell.Fail("name a file in a directory that you may write to", "write the plan to %s: %v", path, err)
	}
	if replaced {
		a.Note("plan written to %s: `ssmbak restore --plan %s%s` applies it", path, shell.Quote(path), a.where())
	}
	return nil
}

// readPlanFile reads what writePlanFile wrote, from standard input if path is "-".
func (a *app) readPlanFile(path string) (*plan.File, error) {
	if path == "-" {
		text, err := io.ReadAll(a.Stdin)
		if err != nil {
			return nil, shell.Fail("", "read the plan from standard input: %v", err)
		}
		return plan.ParseFile(text)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, shell.Usage("`ssmbak restore NAME|PATH TIME --dry-run --out FILE` writes one", "there is no file %s", path)
	}
	if err != nil {
		return nil, shell.Fail("", "read the plan: %v", err)
	}
	return plan.ParseFile(text)
}

// optionsOf returns the flags with which a plan was made, as they are typed.
func optionsOf(f *plan.File) string {
	var b strings.Builder
	for _, flag := range []struct {
		name string
		on   bool
	}{
		{"recursive", f.Recursive},
		{"exact", f.Options.Exact},
		{"replace", f.Options.Replace},
		{"assume-last-known", f.Options.AssumeLastKnown},
		{"own", f.Options.Own},
	} {
		if flag.on {
			b.WriteString(" --" + flag.name)
		}
	}
	for _, flag := range []struct {
		name   string
		values []string
	}{{"to", []string{f.Options.To}}, {"only", f.Options.Only}, {"exclude", f.Options.Exclude}, {"key-id", []string{f.Options.KeyID}}} {
		for _, value := range flag.values {
			b.WriteString(shell.Given(flag.name, value))
		}
	}
	return b.String()
}
