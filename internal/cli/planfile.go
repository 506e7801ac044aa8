package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ssmbak/ssmbak/restore"
)

// writePlanFile writes a plan to a file, whole or not at all. It shows names and
// tags, so nobody else may read it.
func (a *app) writePlanFile(path string, f *restore.File) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".ssmbak-plan-*") // for its owner only
	if err == nil {
		_, err = temp.Write(append(text, '\n'))
		err = errors.Join(err, temp.Close())
		if err == nil {
			err = os.Rename(temp.Name(), path)
		}
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}
	if err != nil {
		return fail("name a file in a directory that you may write to", "write the plan to %s: %v", path, err)
	}
	a.note("the plan stands in %s: `ssmbak restore --plan %s` applies it", path, quote(path))
	return nil
}

// readPlanFile reads what writePlanFile wrote.
func readPlanFile(path string) (*restore.File, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("`ssmbak restore NAME|PATH TIME --dry-run --out FILE` writes one", "there is no file %s", path)
	}
	if err != nil {
		return nil, fail("", "read the plan: %v", err)
	}
	return restore.ParseFile(text)
}

// optionsOf returns the flags with which a plan was made, as they are typed.
func optionsOf(f *restore.File) string {
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
			if value != "" {
				b.WriteString(" --" + flag.name + " " + quote(value))
			}
		}
	}
	return b.String()
}
