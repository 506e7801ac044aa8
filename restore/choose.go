package restore

import (
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/ssmbak/ssmbak"
)

// PatternError says which pattern of [Options.Only] or [Options.Exclude] cannot
// be read.
type PatternError struct{ Pattern string }

func (e *PatternError) Error() string { return fmt.Sprintf("%q is not a pattern", e.Pattern) }

// Matches reports whether a pattern matches a name. One with a slash is compared
// with the whole name, any other with its last level: * stands for any text
// within a level, ** for any number of levels, ? for one character, [a-z] for
// one of several, {a,b} for one of both.
func Matches(pattern string, name ssmbak.Name) bool {
	text := string(name)
	if !strings.Contains(pattern, "/") {
		text = path.Base(text)
	}
	return doublestar.MatchUnvalidated(pattern, text)
}

// checkPatterns returns a [*PatternError] for the first that cannot be read.
func (o Options) checkPatterns() error {
	for _, pattern := range append(append([]string(nil), o.Only...), o.Exclude...) {
		if pattern == "" || !doublestar.ValidatePattern(pattern) {
			return &PatternError{pattern}
		}
	}
	return nil
}

// chosen reports whether the patterns leave the name in.
func (o Options) chosen(name ssmbak.Name) bool {
	for _, pattern := range o.Exclude {
		if Matches(pattern, name) {
			return false
		}
	}
	for _, pattern := range o.Only {
		if Matches(pattern, name) {
			return true
		}
	}
	return len(o.Only) == 0
}
