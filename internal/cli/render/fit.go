package render

import (
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// A plan on a terminal is fitted to its width: texts of people are wrapped, and values are
// cut with an ellipsis. Elsewhere, in a pipe or a report, nothing is cut.

const (
	ellipsis = "…"
	// leastSide is the width to which each side of a difference is cut at most.
	leastSide = 8
	// leastPrincipal is the width below which a principal has a line of its own.
	leastPrincipal = 30
	// lead is how many characters before the first difference of two values are shown.
	lead = 6
)

// narrow returns the view of text that is indented by a number of columns.
func (v View) narrow(indent int) View {
	if v.Width > 0 {
		v.Width = max(1, v.Width-indent)
	}
	return v
}

// cuts reports whether texts of this width are cut.
func (v View) cuts(width int) bool { return v.Width > 0 && v.Format == Framed && width > v.Width }

// after returns a text after a prefix, cut to the width of the view.
func (v View) after(prefix, s string) string {
	return prefix + v.narrow(text.StringWidth(prefix)).cut(s)
}

// cut returns a line, cut to the width of the view.
func (v View) cut(line string) string {
	if !v.cuts(text.StringWidth(line)) {
		return line
	}
	return shorten(line, v.Width)
}

// shorten cuts a text, and keeps its closing quote.
func shorten(s string, width int) string {
	if text.StringWidth(s) <= width {
		return s
	}
	end := ""
	if strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`) {
		end = `"`
	}
	return text.Snip(s, max(1, width-len(end)), ellipsis) + end
}

// wrapped returns the lines of a text that fit into the width of the view.
func (v View) wrapped(s string) []string {
	if !v.cuts(text.StringWidth(s)) {
		return []string{s}
	}
	lines := strings.Split(wrap(s, v.Width-2), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
		if i > 0 {
			lines[i] = "  " + lines[i]
		}
	}
	return lines
}

// sides returns both sides of a difference after a prefix. If they do not fit into the
// width of the view, both are cut, to what differs if that is behind the cut.
func (v View) sides(prefix, before, after string) string {
	const arrow = " -> "
	line := prefix + before + arrow + after
	if !v.cuts(text.StringWidth(line)) {
		return line
	}
	room := max(2*leastSide, v.Width-text.StringWidth(prefix)-len(arrow))
	before, after = fromDifference(before, after, room/2)
	b, a := text.StringWidth(before), text.StringWidth(after)
	first := max(room/2, room-a)
	before = shorten(before, first)
	return prefix + before + arrow + shorten(after, max(room-first, room-min(b, first)))
}

// fromDifference omits what both texts begin with if a cut to a width would show no
// more than that.
func fromDifference(before, after string, width int) (string, string) {
	b, a := []rune(before), []rune(after)
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if text.StringWidth(string(b[:n])) < width-2 {
		return before, after
	}
	quote := ""
	if b[0] == '"' {
		quote = `"`
	}
	from := max(0, n-lead)
	return quote + ellipsis + string(b[from:]), quote + ellipsis + string(a[from:])
}

// shownTags is the number of tags and labels of a change that a table on a terminal shows.
const shownTags = 3

// tags joins the changes of tags and labels. On a terminal, all but the first are counted.
func (v View) tags(parts []string) string {
	if v.Width <= 0 || v.Format != Framed || len(parts) <= shownTags {
		return strings.Join(parts, ", ")
	}
	return strings.Join(parts[:shownTags], ", ") + ", and " + strconv.Itoa(len(parts)-shownTags) + " more"
}
