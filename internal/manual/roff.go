package manual

import (
	"fmt"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// Roff returns the man page of a command, in section 1. program is the page of its program,
// version its version and date the date of that version, as in 2024-06-13.
// https://man7.org/linux/man-pages/man7/man-pages.7.html
func Roff(p, program *shell.Page, version, date string) string {
	var text strings.Builder
	fmt.Fprintf(&text, ".TH %q 1 %q %q\n", strings.ToUpper(Name(p)), date, program.Command+" "+version)
	text.WriteString(".nh\n.ad l\n") // neither hyphens nor spaces in commands that a reader copies
	fmt.Fprintf(&text, ".SH NAME\n%s \\- %s\n", escapeRoff(Name(p)), escapeRoff(p.Short))
	fmt.Fprintf(&text, ".SH SYNOPSIS\n%s\n", escapeRoff(p.Usage))
	text.WriteString(".SH DESCRIPTION\n" + roffParagraphs(p.Text))
	for _, s := range p.Sections {
		if s.Title == "" {
			text.WriteString(roffParagraphs(s.Lines))
			continue
		}
		title := strings.ToUpper(s.Title)
		if title == "EXIT CODES" {
			title = "EXIT STATUS"
		}
		fmt.Fprintf(&text, ".SH %q\n", title)
		switch {
		case s.Flags != nil:
			for _, f := range flagsOf(s.Flags) {
				fmt.Fprintf(&text, ".TP\n\\fB%s\\fR", escapeRoff(strings.Join(f.names, ", ")))
				if f.value != "" {
					fmt.Fprintf(&text, " \\fI%s\\fR", escapeRoff(f.value))
				}
				text.WriteString("\n" + escapeRoff(f.usage) + "\n")
			}
		case s.Commands != nil:
			for _, c := range s.Commands {
				fmt.Fprintf(&text, ".TP\n\\fB%s\\fR\n%s\n", escapeRoff(c.Name()), escapeRoff(c.Short))
			}
		default:
			text.WriteString(roffParagraphs(s.Lines))
		}
	}
	see := program
	if p == program {
		for _, s := range p.Sections {
			if s.Commands != nil {
				see = s.Commands[0]
			}
		}
	}
	fmt.Fprintf(&text, ".SH \"SEE ALSO\"\n\\fB%s\\fR(1)\n", escapeRoff(Name(see)))
	return text.String()
}

// roffParagraphs returns the paragraphs of a text, and its indented lines unchanged.
func roffParagraphs(text string) string {
	var out strings.Builder
	for _, part := range partsOf(text) {
		begin, end := ".PP\n", ""
		if part.verbatim {
			begin, end = ".PP\n.nf\n", ".fi\n"
		}
		out.WriteString(begin)
		for _, line := range part.lines {
			out.WriteString(escapeRoff(line) + "\n")
		}
		out.WriteString(end)
	}
	return out.String()
}

// escapeRoff escapes a line, so that a minus stays one that a shell understands.
// https://man7.org/linux/man-pages/man7/groff_char.7.html
func escapeRoff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
