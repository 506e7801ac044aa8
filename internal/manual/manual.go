// Package manual renders the help of both programs as Markdown, for docs/reference, and as
// man pages, for packages. No program links it.
package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
)

// Programs returns the pages of each program: its own first, then those of its commands.
func Programs() [][]*shell.Page {
	return [][]*shell.Page{ssmbakcli.Pages(), stackcli.Pages()}
}

// Name returns the name of a page, as in "ssmbak-log".
func Name(p *shell.Page) string { return strings.ReplaceAll(p.Command, " ", "-") }

// flag is a flag as the help shows it.
type flag struct {
	names []string // with dashes
	value string   // "" if it has none
	usage string
}

// flagsOf returns the visible flags of a set, in the order of the help.
func flagsOf(set *pflag.FlagSet) (all []flag) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		var one flag
		if f.Shorthand != "" {
			one.names = append(one.names, "-"+f.Shorthand)
		}
		one.names = append(one.names, "--"+f.Name)
		one.value, one.usage = pflag.UnquoteUsage(f)
		if !slices.Contains([]string{"", "false", "0", "[]"}, f.DefValue) {
			one.usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		all = append(all, one)
	})
	return all
}

// part is a paragraph of a text, or lines that are shown unchanged.
type part struct {
	lines    []string
	verbatim bool
}

// partsOf divides a text into paragraphs and indented lines.
func partsOf(text string) (all []part) {
	between := true // paragraphs
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		verbatim := strings.HasPrefix(line, "  ")
		switch {
		case line == "":
			between = true
			continue
		case len(all) == 0, all[len(all)-1].verbatim != verbatim, between && !verbatim:
			all = append(all, part{verbatim: verbatim})
		case between: // an empty line within indented lines
			all[len(all)-1].lines = append(all[len(all)-1].lines, "")
		}
		between = false
		all[len(all)-1].lines = append(all[len(all)-1].lines, line)
	}
	return all
}
