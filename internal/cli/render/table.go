package render

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Format is the format of tables and plans.
type Format int8

// The formats of tables and plans.
const (
	Framed   Format = iota // framed by +, - and |
	Tabs                   // cells separated by tabs, without a header, as the AWS CLI's text
	Markdown               // for a report or a ticket
)

const (
	// cellWidth is the maximum width of a table cell in columns, as in the legacy ssmbak,
	// if the width of the screen is not known.
	cellWidth = 40
	// leastWidth is the width below which no cell is cut or wrapped: the rows are shown
	// vertically then.
	leastWidth = 12
)

// Columns whose cells are cut on a narrow terminal, at their end or at their beginning, and
// those whose cells are wrapped. All others are always complete, so that they can be pasted.
var (
	cutColumns     = []string{"Value"}
	cutLeftColumns = []string{"By"} // the end of an ARN says who it is
	wrapColumns    = []string{"Note", "Command", "State"}
	pastedColumns  = []string{"Command", "State"} // wrapped, but not within a time or an ID
)

// restoreID matches the ID of a restore, which is wrapped in no column.
var restoreID = regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-z]+[,:]?$`)

// jsonNames are the columns whose names are not those of the fields of JSON, by the latter.
// Some of them keep the names of the legacy ssmbak.
var jsonNames = map[string][]string{
	"Time":         {"Modified", "Began"},
	"Change":       {"Operation"},
	"Reason":       {"Note"},
	"Text":         {"Note"},
	"Arguments":    {"Command"},
	"Items":        {"Parameters"},
	"Others":       {"Tags and labels"},
	"Unknown":      {"By unknown principals"},
	"CompleteUpTo": {"Complete up to"},
	"RPO":          {"RPO (p99)"},
	"Kind":         {"Exception"},
	"Subject":      {"Name"},
}

// column returns the index of the column with a name, its own or that of the field of JSON,
// in any case, or -1.
func column(header []string, name string) int {
	named := func(name string) int {
		return slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(h, name) })
	}
	if i := named(name); i >= 0 {
		return i
	}
	for field, columns := range jsonNames {
		if !strings.EqualFold(field, name) {
			continue
		}
		for _, c := range columns {
			if i := named(c); i >= 0 {
				return i
			}
		}
	}
	return -1
}

// ColumnError reports an unknown name of a column.
type ColumnError struct {
	Column  string
	Columns []string
}

func (e *ColumnError) Error() string { return fmt.Sprintf("there is no column %q", e.Column) }

// Table writes rows under a header in the format of the view. Cells are escaped. On a
// terminal, a table that is too wide is cut and wrapped to its width, or shown vertically.
// Elsewhere nothing is cut, and cells wrap at 40 columns. The error may be a [*ColumnError].
func Table(w io.Writer, header []string, rows [][]string, v View) error {
	header, rows, err := selectColumns(header, rows, v.Columns)
	if err != nil {
		return err
	}
	for _, row := range rows {
		for i := range row {
			row[i] = Escape(row[i])
		}
	}
	var out string
	switch {
	case v.Format == Tabs:
		out = tabs(rows)
	case v.Format == Markdown:
		out = markdown(header, rows)
	case v.Width <= 0:
		out = framed(header, rows, slices.Repeat([]int{cellWidth}, len(header)))
	default:
		if widths, ok := fit(header, rows, v.Width); ok {
			out = framed(header, rows, widths)
		} else {
			out = vertical(header, rows)
		}
	}
	_, err = io.WriteString(w, out)
	return err
}

// selectColumns returns the named columns in their order, all if there are no names.
func selectColumns(header []string, rows [][]string, names []string) ([]string, [][]string, error) {
	if len(names) == 0 {
		return header, rows, nil
	}
	var chosen []int
	for _, name := range names {
		i := column(header, name)
		if i < 0 && !strings.EqualFold(name, "Note") && !strings.EqualFold(name, "Reason") { // a column that is omitted if it is empty
			return nil, nil, &ColumnError{name, header}
		}
		if i >= 0 {
			chosen = append(chosen, i)
		}
	}
	pick := func(cells []string) (out []string) {
		for _, i := range chosen {
			out = append(out, cells[i])
		}
		return out
	}
	picked := make([][]string, len(rows))
	for i, row := range rows {
		picked[i] = pick(row)
	}
	return pick(header), picked, nil
}

// tabs returns each row as a line of cells separated by tabs.
func tabs(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(strings.Join(row, "\t") + "\n")
	}
	return b.String()
}

// framed returns a table whose cells wrap at the given widths.
func framed(header []string, rows [][]string, widths []int) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleDefault)
	t.Style().Format.Header = text.FormatDefault
	cells := func(texts []string) table.Row {
		row := make(table.Row, len(texts))
		for i, s := range texts {
			row[i] = wrap(cut(header[i], s, widths[i]), widths[i])
		}
		return row
	}
	t.AppendHeader(cells(header))
	for _, row := range rows {
		t.AppendRow(cells(row))
	}
	return t.Render() + "\n"
}

// cut shortens a cell of a column that is cut, if the width is not that of all tables.
func cut(column, s string, width int) string {
	if width == cellWidth || text.StringWidth(s) <= width {
		return s
	}
	switch {
	case slices.Contains(cutColumns, column):
		return text.Snip(s, width, ellipsis)
	case slices.Contains(cutLeftColumns, column):
		return cutLeft(s, width)
	}
	return s
}

// cutLeft cuts a text at its beginning.
func cutLeft(s string, width int) string {
	if text.StringWidth(s) <= width {
		return s
	}
	runes := []rune(s)
	for text.StringWidth(string(runes)) >= width {
		runes = runes[1:]
	}
	return ellipsis + string(runes)
}

// fit returns the widths of the columns of a table that fits into a width, or false if only
// a wider one could show the columns that are never cut.
func fit(header []string, rows [][]string, width int) ([]int, bool) {
	widths, least := make([]int, len(header)), make([]int, len(header))
	var flexible []int
	left := width - 3*len(header) - 1
	for i, h := range header {
		widths[i], least[i] = text.StringWidth(h), leastWidth
		for _, row := range rows {
			widths[i] = max(widths[i], text.StringWidth(row[i]))
			for word := range strings.FieldsSeq(row[i]) {
				if slices.Contains(pastedColumns, h) || restoreID.MatchString(word) {
					least[i] = max(least[i], text.StringWidth(word))
				}
			}
		}
		if slices.Contains(slices.Concat(cutColumns, cutLeftColumns, wrapColumns), h) {
			flexible = append(flexible, i)
		}
		left -= widths[i]
	}
	for ; left < 0; left++ {
		widest := -1
		for _, i := range flexible {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
	}
	return widths, true
}

// vertical returns each row as lines of a name and a cell.
func vertical(header []string, rows [][]string) string {
	var b strings.Builder
	width := 0
	for _, h := range header {
		width = max(width, text.StringWidth(h))
	}
	for i, row := range rows {
		if i > 0 {
			b.WriteString("\n")
		}
		for j, cell := range row {
			if cell != "" {
				fmt.Fprintf(&b, "%-*s  %s\n", width, header[j], cell)
			}
		}
	}
	return b.String()
}

// markdown returns a table as GitHub and GitLab show it.
func markdown(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for _, cell := range cells {
			b.WriteString(" " + strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(cell) + " |")
		}
		b.WriteString("\n")
	}
	line(header)
	line(slices.Repeat([]string{"---"}, len(header)))
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
