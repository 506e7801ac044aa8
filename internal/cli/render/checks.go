package render

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// CheckRow is one check of a status. Do says what to do, "" for nothing.
type CheckRow struct{ Check, State, Text, Do string }

// checkWidth is the width of a status if that of the screen is not known.
const checkWidth = 80

// Checks writes the checks of a status, one line or paragraph for each. As a table, what to do
// follows in lines of its own, and commands, which are in backquotes, are never broken.
func Checks(w io.Writer, rows []CheckRow, v View) error {
	if v.Format != Framed {
		cells := make([][]string, len(rows))
		for i, r := range rows {
			cells[i] = []string{r.Check, r.State, v.Local(r.Text), v.Local(r.Do)}
		}
		return Table(w, []string{"Check", "State", "Note", "Do"}, cells, v)
	}
	name, state := 13, 7 // of most tables
	for _, r := range rows {
		name, state = max(name, len(r.Check)), max(state, len(r.State))
	}
	indent := strings.Repeat(" ", state+name+4)
	width := cmp.Or(v.Width, checkWidth) - len(indent)
	for _, r := range rows {
		lines := fill(Escape(v.Local(r.Text)), width)
		if r.Do != "" {
			for i, line := range fill(Escape(v.Local(r.Do)), width-3) {
				sign := "   "
				if i == 0 {
					sign = "-> "
				}
				lines = append(lines, sign+line)
			}
		}
		if _, err := fmt.Fprintf(w, "%-*s  %-*s  %s\n", state, r.State, name, r.Check, strings.Join(lines, "\n"+indent)); err != nil {
			return err
		}
	}
	return nil
}

// word matches what a line break must not divide: a command in backquotes with what touches
// it, or anything else without spaces.
var word = regexp.MustCompile("(?:[^ `]*`[^`]*`[^ `]*)+|[^ ]+")

// fill breaks a text into lines of at most width columns, if its words are not longer.
func fill(s string, width int) (lines []string) {
	line := ""
	for _, w := range word.FindAllString(s, -1) {
		switch {
		case line == "":
			line = w
		case text.StringWidth(line)+1+text.StringWidth(w) > width:
			lines, line = append(lines, line), w
		default:
			line += " " + w
		}
	}
	return append(lines, line)
}
