package acceptance

import (
	"go/build/constraint"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTagged checks that nothing that sends requests to AWS is built without the tag.
func TestTagged(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tagged := 0
	for _, file := range files {
		if file == "doc.go" || file == "layout_test.go" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		expression, err := constraint.Parse(line)
		if err != nil || expression.String() != "aws" || !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s is not a test with the build tag aws alone: it begins %q", file, line)
		}
		tagged++
	}
	if tagged == 0 {
		t.Error("there are no facts")
	}
}
