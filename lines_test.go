package ssmbak_test

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// maxLine is the maximum number of characters in a line of Markdown. Rows of tables, code,
// and lines that a link makes longer may exceed it.
const maxLine = 120

// TestLines checks the length of the lines of Markdown: prose that a person reads in a
// terminal or in a diff.
func TestLines(t *testing.T) {
	t.Parallel()
	for path, d := range documents(t) {
		for i, line := range d.prose {
			if n := utf8.RuneCountInString(line); n > maxLine && !strings.HasPrefix(line, "|") && shortens(line) {
				t.Errorf("%s:%d: %d characters, want at most %d", path, i+1, n, maxLine)
			}
		}
	}
}

// shortens reports whether a line would be shorter with another break: a line of one word,
// such as a link, would not.
func shortens(line string) bool {
	return strings.Contains(strings.TrimSpace(strings.TrimLeft(line, " -*0123456789.>")), " ")
}
