package shell

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Page is the help of a command. Its String method replaces cobra's template, which would
// keep the linker from removing unused code.
// https://github.com/spf13/cobra/issues/1956
type Page struct {
	Command  string // the words that call it, such as "ssmbak log"
	Short    string // a line that says what it does, without a full stop
	Text     string // paragraphs; indented lines are shown unchanged
	Usage    string
	Sections []Section // in the order in which they are shown
}

// Section is a part of a [Page]: lines, commands or flags under a title.
type Section struct {
	Title    string         // "" for a line without a title
	Lines    string         // shown unchanged
	Commands []*Page        // shown by the last word of Command, and Short
	Flags    *pflag.FlagSet // nil if it has none
}

// Section adds lines under a title, or nothing if lines is empty.
func (p *Page) Section(title, lines string) {
	if lines = strings.TrimRight(lines, "\n"); lines != "" {
		p.Sections = append(p.Sections, Section{Title: title, Lines: lines})
	}
}

// Commands adds a list of commands, or nothing if it is empty.
func (p *Page) Commands(all []*Page) {
	if len(all) > 0 {
		p.Sections = append(p.Sections, Section{Title: "Commands", Commands: all})
	}
}

// Flags adds the visible flags of a set, or nothing if there are none.
func (p *Page) Flags(title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		p.Sections = append(p.Sections, Section{Title: title, Flags: flags})
	}
}

// Line adds a line without a title.
func (p *Page) Line(text string) { p.Sections = append(p.Sections, Section{Lines: text}) }

// Name returns the last word of the command.
func (p *Page) Name() string { return p.Command[strings.LastIndex(p.Command, " ")+1:] }

// String returns the page as a terminal shows it.
func (p *Page) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\nUsage:\n  %s\n", strings.TrimSpace(p.Text), p.Usage)
	for _, s := range p.Sections {
		text.WriteString("\n")
		if s.Title != "" {
			text.WriteString(s.Title + ":\n")
		}
		text.WriteString(strings.TrimRight(s.body(), "\n") + "\n")
	}
	return text.String()
}

func (s Section) body() string {
	switch {
	case s.Flags != nil:
		return s.Flags.FlagUsages()
	case s.Commands == nil:
		return s.Lines
	}
	width := 0
	for _, c := range s.Commands {
		width = max(width, len(c.Name()))
	}
	var lines strings.Builder
	for _, c := range s.Commands {
		fmt.Fprintf(&lines, "  %-*s  %s\n", width, c.Name(), c.Short)
	}
	return lines.String()
}

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
