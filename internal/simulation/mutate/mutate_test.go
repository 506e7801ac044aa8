package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMutationsApply checks that the source text of every mutation occurs exactly once,
// so that moving code cannot turn a mutation into one that breaks nothing.
func TestMutationsApply(t *testing.T) {
	t.Parallel()
	all := slices.Concat(mutations, rare)
	for _, m := range slices.Concat(tested, commanded, paged) {
		all = append(all, m.mutation)
	}
	for _, m := range all {
		source, err := os.ReadFile(filepath.Join("..", "..", "..", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s contains %q %d times, want once", m.name, m.file, m.old, n)
		}
		if m.old == m.fresh {
			t.Errorf("%s changes nothing", m.name)
		}
	}
}
