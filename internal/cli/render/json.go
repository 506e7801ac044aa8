package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON writes v indented, with a line feed at its end and without escapes for
// HTML.
func JSON(w io.Writer, v any) error {
	return encoder(w, "", "  ").Encode(v)
}

// encoder returns an encoder without escapes for HTML, which ends each value with a line feed.
func encoder(w io.Writer, prefix, indent string) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, indent)
	return e
}

// Array writes a JSON array, one element at a time, as [JSON] writes a slice.
type Array struct {
	w io.Writer
	n int
	b bytes.Buffer // for one element
}

// NewArray returns an array without elements. It writes nothing.
func NewArray(w io.Writer) *Array { return &Array{w: w} }

// Add writes one element.
func (a *Array) Add(v any) error {
	a.b.Reset()
	if a.n == 0 {
		a.b.WriteString("[\n  ")
	} else {
		a.b.WriteString(",\n  ")
	}
	a.n++
	if err := a.element(v); err != nil {
		return err
	}
	_, err := a.w.Write(a.b.Bytes())
	return err
}

func (a *Array) element(v any) error {
	if row, ok := v.(Row); ok && len(row) > 0 { // without reading all of it again to indent it
		return row.write(&a.b, encoder(&a.b, "    ", "  "), "\n    ", " ", "\n  ")
	}
	if err := encoder(&a.b, "  ", "  ").Encode(v); err != nil {
		return err
	}
	a.b.Truncate(a.b.Len() - 1) // the line feed
	return nil
}

// Close writes the end of the array.
func (a *Array) Close() error {
	end := "\n]\n"
	if a.n == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(a.w, end)
	return err
}

// Line writes v as JSON on one line.
func Line(w io.Writer, v any) error {
	return encoder(w, "", "").Encode(v)
}

// TerminalJSON returns a writer for a terminal that takes JSON in writes of
// complete characters, as [encoding/json] makes them. Characters that are not
// printable, among them those that reverse the direction of text, are written as
// \uXXXX: the JSON means the same and cannot steer the terminal.
func TerminalJSON(w io.Writer) io.Writer { return terminalJSON{w} }

type terminalJSON struct{ w io.Writer }

func (t terminalJSON) Write(p []byte) (int, error) {
	// Outside of strings JSON has no character but printable ASCII and white space.
	out := make([]byte, 0, len(p))
	for rest := p; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, rest[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		rest = rest[n:]
	}
	if _, err := t.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
