package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// width is the maximum number of characters in a line of prose in Markdown.
const width = 120

// Markdown returns a page of docs/reference.
func Markdown(p *shell.Page) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%s.\n\n    %s\n", p.Command, escapeMarkdown(p.Short), p.Usage)
	if p.Text != p.Short && p.Text != p.Short+"." {
		text.WriteString("\n" + paragraphs(p.Text))
	}
	for _, s := range p.Sections {
		if s.Title != "" {
			fmt.Fprintf(&text, "\n## %s\n", s.Title)
		}
		text.WriteString("\n")
		switch {
		case s.Flags != nil:
			for _, f := range flagsOf(s.Flags) {
				names := "`" + strings.Join(f.names, "`, `")
				if f.value != "" {
					names += " " + f.value
				}
				text.WriteString(wrap("- "+names+"`: "+escapeMarkdown(f.usage), "  "))
			}
		case s.Commands != nil:
			for _, c := range s.Commands {
				text.WriteString(wrap(fmt.Sprintf("- [%s](%s.md): %s", c.Name(), Name(c), escapeMarkdown(c.Short)), "  "))
			}
		default:
			text.WriteString(paragraphs(s.Lines))
		}
	}
	return text.String()
}

// Index returns the first page of docs/reference, which links the others.
func Index(programs [][]*shell.Page) string {
	var text strings.Builder
	text.WriteString("# Commands\n\nThe help of each command, as `--help` prints it. [Output](../output.md) describes what the commands print as JSON.\n")
	for _, pages := range programs {
		fmt.Fprintf(&text, "\n## %s\n\n", pages[0].Command)
		for _, p := range pages {
			text.WriteString(wrap(fmt.Sprintf("- [%s](%s.md): %s", p.Command, Name(p), escapeMarkdown(p.Short)), "  "))
		}
	}
	return text.String()
}

// paragraphs returns the paragraphs of a text, and its indented lines as blocks of code.
func paragraphs(text string) string {
	var blocks []string
	for _, part := range partsOf(text) {
		if !part.verbatim {
			blocks = append(blocks, wrap(escapeMarkdown(strings.Join(part.lines, " ")), ""))
			continue
		}
		var code strings.Builder
		for _, line := range part.lines {
			if line != "" {
				line = "  " + line
			}
			code.WriteString(line + "\n")
		}
		blocks = append(blocks, code.String())
	}
	return strings.Join(blocks, "\n")
}

// escapeMarkdown escapes what has a meaning in Markdown, except in code between backquotes.
func escapeMarkdown(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "|", `\|`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// wrap returns a paragraph in lines of at most [width] characters, and indent before each
// line but the first.
func wrap(text, indent string) string {
	var out strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case i == 0:
			used = n
		case used+1+n > width:
			out.WriteString("\n" + indent)
			used = len(indent) + n
		default:
			out.WriteString(" ")
			used += 1 + n
		}
		out.WriteString(word)
	}
	return out.String() + "\n"
}

// FlagNames returns the names of the visible flags of a set, with dashes.
func FlagNames(set *pflag.FlagSet) (all []string) {
	for _, f := range flagsOf(set) {
		all = append(all, f.names...)
	}
	return all
}
