// Package pattern matches parameter names against the patterns of --only and
// --exclude.
package pattern

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/ssmbak/ssmbak"
)

// Error reports an invalid pattern.
type Error struct{ Pattern string }

func (e *Error) Error() string { return fmt.Sprintf("%q is not a valid pattern", e.Pattern) }

// Check returns an [*Error] for the first invalid pattern, or nil.
func Check(patterns ...string) error {
	for _, p := range patterns {
		if p == "" || !doublestar.ValidatePattern(p) {
			return &Error{p}
		}
	}
	return nil
}

// wildcards are the special characters of patterns. No name contains any of them.
const wildcards = "*?[{\\"

// Match reports whether a pattern matches a name: * matches any text within a level,
// ** any number of levels, ? one character, [a-z] one character of a range, and
// {a,b} either alternative.
//
// A pattern without a slash is matched against the last level of the name, a pattern
// that begins with a slash against the complete name, and any other pattern against
// the end of the name at every depth: */db/host matches /app/db/host and
// /a/b/db/host. A path without wildcards matches that parameter and everything below
// it. An invalid pattern matches nothing.
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

// Split splits text into patterns at commas that are not inside braces. The result
// is never nil.
func Split(text string) []string {
	all := []string{}
	depth, begin := 0, 0
	add := func(p string) {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	for i, r := range text {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ',' && depth <= 0:
			add(text[begin:i])
			begin = i + 1
		}
	}
	add(text[begin:])
	return all
}
