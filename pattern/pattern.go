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

// wildcards are the characters that make a text more than a name: no name has
// any of them.
const wildcards = "*?[{\\"

// Match reports whether a pattern matches a name: * stands for any text within a
// level, ** for any number of levels, ? for one character, [a-z] for one of
// several, {a,b} for one of both.
//
// A pattern without a slash is compared with the last level of the name, one
// that begins with a slash with the complete name, and any other with the end of
// the name at every depth, so that */db/host matches /app/db/host and
// /a/b/db/host. A path without a wildcard matches that parameter and everything
// below it. A pattern that [Check] refuses matches nothing.
func Match(pattern string, name ssmbak.Name) bool {
	text := string(name)
	if !strings.Contains(pattern, "/") {
		return doublestar.MatchUnvalidated(pattern, path.Base(text))
	}
	exact := !strings.ContainsAny(pattern, wildcards)
	if exact {
		pattern = strings.TrimSuffix(pattern, "/")
	}
	if !strings.HasPrefix(pattern, "/") && pattern != "" {
		pattern = "**/" + pattern
	}
	return doublestar.MatchUnvalidated(pattern, text) || exact && doublestar.MatchUnvalidated(pattern+"/**", text)
}

// Any reports whether one of the patterns matches the name.
func Any(patterns []string, name ssmbak.Name) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) })
}
