package shell

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Page is the help of a command: a text followed by sections in the order in which
// they are added. It replaces cobra's template, which would keep the linker from
// removing unused code.
// https://github.com/spf13/cobra/issues/1956
type Page struct{ text strings.Builder }

// NewPage returns a page with a text and a usage line.
func NewPage(text, usage string) *Page {
	p := new(Page)
	p.text.WriteString(strings.TrimSpace(text) + "\n")
	p.Section("Usage", "  "+usage)
	return p
}

// Section adds lines under a title, or nothing if lines is empty.
func (p *Page) Section(title, lines string) {
	if lines = strings.TrimRight(lines, "\n"); lines != "" {
		fmt.Fprintf(&p.text, "\n%s:\n%s\n", title, lines)
	}
}

// Commands adds a list of commands, each a name and a short description.
func (p *Page) Commands(all [][2]string) {
	width := 0
	for _, c := range all {
		width = max(width, len(c[0]))
	}
	var lines strings.Builder
	for _, c := range all {
		fmt.Fprintf(&lines, "  %-*s  %s\n", width, c[0], c[1])
	}
	p.Section("Commands", lines.String())
}

// Flags adds the visible flags of a set.
func (p *Page) Flags(title string, flags *pflag.FlagSet) { p.Section(title, flags.FlagUsages()) }

// Line adds a line without a title.
func (p *Page) Line(text string) { p.text.WriteString("\n" + text + "\n") }

func (p *Page) String() string { return p.text.String() }

// FlagProblem returns the message for an error of flag parsing, without the text of
// the parsing function.
func FlagProblem(err error) string {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	flag := invalid.GetFlag()
	want := map[string]string{"bool": "true or false", "int": "an integer", "float64": "a number"}[flag.Value.Type()]
	return fmt.Sprintf("--%s must be %s, not %q", flag.Name, cmp.Or(want, "a "+flag.Value.Type()), invalid.GetValue())
}
