package ssmbak_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
)

// TestTargetText checks the text and the prefix of a target, and that its text is parsed
// as the same target.
func TestTargetText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, said, prefix string
	}{
		{"/app", "/app", "/app/"},
		{"/app/", "/app/", "/app/"},
		{"db", "/db", "/db/"},
		{"/a/b/c", "/a/b/c", "/a/b/c/"},
		{"/", "/", "/"},
	}
	for _, test := range tests {
		for _, recursive := range []bool{false, true} {
			t.Run(fmt.Sprint(test.text, recursive), func(t *testing.T) {
				t.Parallel()
				got, err := ssmbak.ParseTarget(test.text, recursive)
				if err != nil || got.String() != test.said || got.Prefix() != test.prefix {
					t.Fatalf("got %q with prefix %q, %v, want %q with %q", got, got.Prefix(), err, test.said, test.prefix)
				}
				if again, err := ssmbak.ParseTarget(got.String(), recursive); err != nil || again != got {
					t.Errorf("%q is read again as %q, %v", got, again, err)
				}
			})
		}
	}
}

// TestNameTarget checks that the target means the parameter, whatever is below it.
func TestNameTarget(t *testing.T) {
	t.Parallel()
	target := ssmbak.NameTarget("/app/db")
	if name, possible := target.Name(); name != "/app/db" || !possible {
		t.Errorf("it could mean %q, %v", name, possible)
	}
	if !target.Resolve(true, true) || target.Recursive() || target.Root() {
		t.Errorf("one %v, recursive %v, root %v", target.Resolve(true, true), target.Recursive(), target.Root())
	}
	for _, n := range []ssmbak.Name{"/app/db", "/app/db2", "/app"} {
		if target.Below(n) {
			t.Errorf("%s is below it", n)
		}
	}
}

// TestLongestName checks both sides of Parameter Store's limit, and that the error does
// not repeat the complete text.
func TestLongestName(t *testing.T) {
	t.Parallel()
	longest := "/" + strings.Repeat("x", 966)
	if n, err := ssmbak.ParseName(longest); err != nil || n.String() != longest {
		t.Errorf("%d characters: %v", len(longest), err)
	}
	_, err := ssmbak.ParseName(longest + "x")
	var refused *ssmbak.NameError
	if !errors.As(err, &refused) || len(err.Error()) > 200 {
		t.Errorf("one more: %v", err)
	}
}

// FuzzParseTarget checks that names below a path have its prefix, that the path itself
// does not, and that the text of a target is parsed as the same target.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"/", "/app", "/app/", "db", "//", "", "/aws/", "a/b", "/é", "/app//"} {
		f.Add(s, "db", true)
		f.Add(s, "db/x", false)
	}
	f.Fuzz(func(t *testing.T, text, rest string, recursive bool) {
		target, err := ssmbak.ParseTarget(text, recursive)
		if err != nil {
			var refused *ssmbak.NameError
			if !errors.As(err, &refused) || refused.Reason == "" {
				t.Errorf("%q: %v, want a NameError with a reason", text, err)
			}
			return
		}
		if again, err := ssmbak.ParseTarget(target.String(), recursive); err != nil || again != target {
			t.Errorf("%q says %q, which is read as %q, %v", text, target, again, err)
		}
		if name, possible := target.Name(); possible {
			if parsed, err := ssmbak.ParseName(name.String()); err != nil || parsed != name || target.Below(name) {
				t.Errorf("%q could mean %q: %v, below itself %v", text, name, err, target.Below(name))
			}
		}
		if n, err := ssmbak.ParseName(target.Prefix() + rest); err == nil {
			if want := recursive || !strings.Contains(rest, "/"); target.Below(n) != want {
				t.Errorf("%s below %q, recursive %v: got %v, want %v", n, target, recursive, !want, want)
			}
		}
		if n, err := ssmbak.ParseName(strings.TrimSuffix(target.Prefix(), "/") + "2" + rest); err == nil && !target.Root() && target.Below(n) {
			t.Errorf("%s is below %q, and only begins like it", n, target)
		}
	})
}
