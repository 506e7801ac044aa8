// Package render turns what the library returns into what a person or a
// program reads: tables, plans, JSON and progress. It decides nothing and talks
// to nobody but the writer that it is given.
//
// Text for a person never carries a control character of a value, so that no
// value can steer a terminal: see [Escape]. JSON for a program carries values
// unchanged, JSON for a terminal escapes them: see [TerminalJSON].
package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ssmbak/ssmbak"
)

// cellWidth is where the cells of a table wrap, as in the original ssmbak.
const cellWidth = 40

// Table writes rows under a header, framed by +, - and |. Cells are escaped and
// wrap at 40 columns; no character of them is left out.
func Table(w io.Writer, header []string, rows [][]string) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleDefault)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(cells(header))
	for _, row := range rows {
		t.AppendRow(cells(row))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, s := range texts {
		row[i] = wrap(Escape(s), cellWidth)
	}
	return row
}

// wrap breaks a text into lines of at most width columns: after the last space
// of a line, or wherever that falls where there is none.
func wrap(s string, width int) string {
	var b strings.Builder
	line, space, column := 0, 0, 0 // line and space are offsets: its begin, and after its last space
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

// Escape returns the text with everything that is not printable written as in
// Go source: \n, \x1b, and bytes that are not UTF-8 as \xff. A backslash of the
// text itself stays as it is.
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

// Time returns a time as tables show it: UTC, cut to seconds, as in the
// original ssmbak; "" for the zero value and the ends of time.
func Time(t ssmbak.Time) string {
	if t == 0 || t == ssmbak.MinTime || t == ssmbak.MaxTime {
		return ""
	}
	return t.Std().Format("2006-01-02 15:04:05-07:00")
}

// Text writes one line, escaped.
func Text(w io.Writer, line string) error {
	_, err := fmt.Fprintln(w, Escape(line))
	return err
}
