// Package render formats the library's results as tables, plans and JSON, and shows
// progress. It only writes to the writer that it is given.
//
// Text output never contains control characters of a value, so that no value can
// control a terminal: see [Escape]. JSON contains values unchanged, but JSON for a
// terminal escapes them: see [TerminalJSON].
package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// wrap breaks a text into lines of at most width columns, after the last space of a
// line or, if it has none, at the width.
func wrap(s string, width int) string {
	var b strings.Builder
	line, space, column := 0, 0, 0 // line and space are offsets: start of the line, end of its last space
	for i, r := range s {
		w := text.RuneWidth(r)
		for column+w > width {
			end := i
			if space > line {
				end = space
			}
			b.WriteString(s[line:end] + "\n")
			line, column = end, text.StringWidth(s[end:i])
		}
		column += w
		if r == ' ' {
			space = i + 1
		}
	}
	b.WriteString(s[line:])
	return b.String()
}

// Escape returns the text with non-printable characters escaped as in Go source, such
// as \n and \x1b, and bytes that are not UTF-8 as \xff. It does not escape
// backslashes.
func Escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

// Text writes one line, escaped.
func Text(w io.Writer, line string) error {
	_, err := fmt.Fprintln(w, Escape(line))
	return err
}
