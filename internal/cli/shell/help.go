package shell

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Page is the help of a command: a text and sections below it, in the order in
// which they are added. It takes the place of cobra's template, which would keep
// the linker from dropping what is not called.
// https://github.com/spf13/cobra/issues/1956
type Page struct{ text strings.Builder }

// NewPage returns a page with this text and line of usage.
func NewPage(text, usage string) *Page {
	p := new(Page)
	p.text.WriteString(strings.TrimSpace(text) + "\n")
	p.Section("Usage", "  "+usage)
	return p
}

// Section adds lines under a title, nothing if there are none.
func (p *Page) Section(title, lines string) {
	if lines = strings.TrimRight(lines, "\n"); lines != "" {
		fmt.Fprintf(&p.text, "\n%s:\n%s\n", title, lines)
	}
}

// Commands adds commands, each a name and what it does in short.
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

// Flags adds the flags of a set that are not hidden.
func (p *Page) Flags(title string, flags *pflag.FlagSet) { p.Section(title, flags.FlagUsages()) }

// Line adds a line without a title.
func (p *Page) Line(text string) { p.text.WriteString("\n" + text + "\n") }

func (p *Page) String() string { return p.text.String() }

// FlagProblem says what is wrong with a flag, without the words of the function
// that could not read its value.
func FlagProblem(err error) string {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	flag := invalid.GetFlag()
	what := map[string]string{"bool": "neither true nor false", "int": "no whole number", "float64": "no number"}[flag.Value.Type()]
	return fmt.Sprintf("--%s %q is %s", flag.Name, invalid.GetValue(), cmp.Or(what, "no "+flag.Value.Type()))
}
