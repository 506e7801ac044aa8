// Package pattern matches names of parameters as --only and --exclude do.
package pattern

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/ssmbak/ssmbak"
)

// Error says which pattern cannot be read.
type Error struct{ Pattern string }

func (e *Error) Error() string { return fmt.Sprintf("%q is not a pattern", e.Pattern) }

// Check returns an [*Error] for the first pattern that cannot be read.
func Check(patterns ...string) error {
	for _, p := range patterns {
		if p == "" || !doublestar.ValidatePattern(p) {
			return &Error{p}
		}
	}
	return nil
}

// Match reports whether a pattern matches a name. One with a slash is compared
// with the whole name, any other with its last level: * stands for any text
// within a level, ** for any number of levels, ? for one character, [a-z] for
// one of several, {a,b} for one of both. A pattern that [Check] refuses matches
// nothing.
func Match(pattern string, name ssmbak.Name) bool {
	text := string(name)
	if !strings.Contains(pattern, "/") {
		text = path.Base(text)
	}
	return doublestar.MatchUnvalidated(pattern, text)
}

// Any reports whether one of the patterns matches the name.
func Any(patterns []string, name ssmbak.Name) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) })
}
