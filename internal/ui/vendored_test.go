package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVendored checks that files of others are unchanged, and that all of them are listed:
// the program has none.
func TestVendored(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile(filepath.Join("testdata", "vendored.txt"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"vendored.txt": true, "axe-LICENSE.txt": true}
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) != 6 {
			t.Fatalf("%q", line)
		}
		listed[words[0]] = true
		text, err := os.ReadFile(filepath.Join("testdata", words[0]))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != words[5] {
			t.Errorf("%s was changed", words[0])
		}
	}
	all, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if !listed[file.Name()] {
			t.Errorf("%s is not listed", file.Name())
		}
	}
	own, err := files.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	if len(own) != 3 {
		t.Errorf("the page has %d files, want its script, its style and its icon", len(own))
	}
}
