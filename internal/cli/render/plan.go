package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// signs are the signs of the actions of a plan, and their colors.
var signs = map[plan.Action]struct{ sign, color string }{
	plan.ActionCreate:  {"+", "\x1b[32m"},
	plan.ActionUpdate:  {"~", "\x1b[33m"},
	plan.ActionReplace: {"-/+", "\x1b[31m"},
	plan.ActionDelete:  {"-", "\x1b[31m"},
	plan.ActionKeep:    {"=", "\x1b[36m"},
	plan.ActionSkip:    {"?", "\x1b[35m"},
}

// Title returns the title of a plan. to is the prefix that it restores to, or "" for a
// restore in place.
func Title(p *restore.Plan, to string, o View) string {
	switch {
	case p.Undoes != "":
		return "undo of restore " + p.Undoes
	case p.Until != 0:
		return fmt.Sprintf("revert of %s from %s to %s", p.Target, o.Exact(p.At), o.Exact(p.Until))
	case p.Version != 0 && to != "":
		return fmt.Sprintf("restore of version %d of %s to %s", p.Version, p.Target, to)
	case p.Version != 0:
		return fmt.Sprintf("restore of %s to version %d of %s", p.Target, p.Version, o.Exact(p.At))
	case to != "":
		return fmt.Sprintf("restore of %s at %s to %s", p.Target, o.Exact(p.At), to)
	}
	return fmt.Sprintf("restore of %s to %s", p.Target, o.Exact(p.At))
}

// ComparisonTitle returns the title of a comparison.
func ComparisonTitle(c *restore.Comparison, o View) string {
	if c.Versions[0] != 0 {
		return fmt.Sprintf("changes in %s from version %d to version %d", c.Target, c.Versions[0], c.Versions[1])
	}
	return fmt.Sprintf("changes in %s from %s to %s", c.Target, o.Exact(c.From), o.Exact(c.To))
}

// Items writes a plan or comparison: a title, one line per affected parameter, with its
// attributes below it, and a summary.
func Items(w io.Writer, title, summary string, items []plan.Item, o View) error {
	l := NewItemList(w, title, o)
	for _, item := range items {
		if err := l.Add(item); err != nil {
			return err
		}
	}
	return l.Close(summary)
}

// ItemList is [Items] one item at a time.
type ItemList struct {
	w    io.Writer
	o    View
	text strings.Builder // that was not written yet
}

// NewItemList returns a list without items. It writes nothing.
func NewItemList(w io.Writer, title string, o View) *ItemList {
	l := &ItemList{w: w, o: o}
	if o.Format == Markdown {
		l.text.WriteString(fence + "diff\n")
	}
	l.line(title + ":")
	return l
}

func (l *ItemList) line(text string) {
	if l.o.Format == Markdown {
		text = strings.ReplaceAll(text, fence, brokenFence)
	}
	l.text.WriteString(text + "\n")
}

// Add writes one item.
func (l *ItemList) Add(item plan.Item) error {
	for _, line := range ItemLines(item, l.o) {
		l.line(line)
	}
	return l.flush()
}

// Close writes the summary.
func (l *ItemList) Close(summary string) error {
	l.line(summary)
	if l.o.Format == Markdown {
		l.text.WriteString(fence + "\n")
	}
	return l.flush()
}

func (l *ItemList) flush() error {
	_, err := io.WriteString(l.w, l.text.String())
	l.text.Reset()
	return err
}

// ItemLines returns the lines of an item: its sign and name, and what is to be said of it.
// It returns none if its action is not shown, and escapes everything.
func ItemLines(item plan.Item, o View) (lines []string) {
	sign, shown := signs[item.Action]
	if !shown {
		return nil
	}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	note := func(words string) {
		for _, line := range o.narrow(4).wrapped(words) {
			add("    %s", line)
		}
	}
	mark := sign.sign
	if o.Color {
		mark = sign.color + mark + "\x1b[0m"
	}
	from := ""
	if item.Source != "" {
		from = " <- " + string(item.Source)
	}
	name := string(item.Name) + from
	reason := o.Local(remark(item))
	if o.cuts(text.StringWidth(sign.sign + " " + name + reason)) {
		add("%s %s", mark, name)
		note(strings.TrimPrefix(reason, " "))
	} else {
		add("%s %s%s", mark, name, reason)
	}
	if sameValue(item, o) {
		add("    value: %s", same)
	}
	for _, d := range item.Differences {
		for _, line := range differenceLines(item, d, o.narrow(4)) {
			add("    %s", line)
		}
	}
	for _, c := range item.Conflicts {
		note("conflict: " + Conflict(c, o))
	}
	if live := overwritten(item, o.narrow(4)); live != "" && o.Live {
		note(live)
	}
	if gone := deleted(item, o); gone != "" {
		note(gone)
	}
	if item.Refused != "" {
		note("will be refused: " + Escape(o.Local(item.Refused)))
	}
	for _, notice := range slices.Concat(item.Notices, item.Warnings) {
		note("note: " + Escape(o.Local(notice)))
	}
	return lines
}

// AttributeText names an attribute for people: keyId is "key id".
func AttributeText(a ssmbak.Attribute) string {
	if !a.OfVersion() {
		return Escape(string(a))
	}
	var b strings.Builder
	for _, r := range string(a) {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// remark returns the reason that follows a name, in parentheses, or "".
func remark(item plan.Item) string {
	switch item.Action {
	case plan.ActionKeep:
		return " (kept: " + Escape(item.Reason) + ")"
	case plan.ActionSkip:
		return " (skipped: " + Escape(item.Reason) + ")"
	case plan.ActionCreate, plan.ActionUpdate, plan.ActionReplace, plan.ActionDelete, plan.ActionNone:
	}
	if item.Reason == "" {
		return ""
	}
	return " (" + Escape(item.Reason) + ")"
}

// overwritten returns who made the live version that an item overwrites or deletes, or ""
// if it does neither.
func overwritten(item plan.Item, o View) string {
	if item.Before == nil || item.Action != plan.ActionDelete && !item.NewVersion() {
		return ""
	}
	v := item.Before.Version
	begin, end := fmt.Sprintf("live version %d by ", v.Number), " at "+o.Exact(v.Time)
	by := Escape(cmp.Or(v.User, "an unknown principal"))
	if o.cuts(len(begin) + text.StringWidth(by) + len(end)) {
		room := o.Width - len(begin) - len(end)
		if room < leastPrincipal { // the time is on the next line
			room = o.Width - len(begin)
		}
		by = cutLeft(by, max(leastWidth, room))
	}
	return begin + by + end
}

// deleted returns who deleted the parameter that a plan for live parameters recreates, or
// that a comparison of two times shows as deleted; "" if that is not known.
func deleted(item plan.Item, o View) string {
	gone, action := item.After, plan.ActionDelete
	if o.Live {
		gone, action = item.Gone, plan.ActionCreate
	}
	if item.Action != action || !gone.Deleted || gone.By == "" {
		return ""
	}
	return fmt.Sprintf("deleted by %s at %s", Escape(gone.By), o.Exact(gone.Modified))
}

// difference returns both sides of an attribute other than the value, after a prefix.
func difference(prefix string, item plan.Item, d plan.Difference, o View) string {
	before, after := strconv.Quote(d.Before), strconv.Quote(d.After)
	switch {
	case item.Action == plan.ActionCreate && d.NoAfter:
		return prefix + "(unknown)"
	case item.Action == plan.ActionCreate:
		return o.after(prefix, after)
	case item.Action == plan.ActionDelete && d.NoBefore:
		return prefix + "(unknown)"
	case item.Action == plan.ActionDelete:
		return o.after(prefix, before)
	}
	if d.NoBefore {
		before = "(none)"
	}
	if d.NoAfter {
		after = "(none)"
	}
	return o.sides(prefix, before, after)
}

// Summary returns the numbers of actions in a plan as one line.
func Summary(p *restore.Plan) string {
	if p.Until != 0 {
		return fmt.Sprintf("plan: %d to create, %d to update, %d to delete, %d unchanged, %d skipped, %s",
			p.Count(plan.ActionCreate), p.Count(plan.ActionUpdate), p.Count(plan.ActionDelete), p.Count(plan.ActionNone), p.Count(plan.ActionSkip), counted(p.Conflicts(), "conflict", "conflicts"))
	}
	return fmt.Sprintf("plan: %d to create, %d to update, %d to replace, %d to delete, %d unchanged, %d kept, %d skipped",
		p.Count(plan.ActionCreate), p.Count(plan.ActionUpdate), p.Count(plan.ActionReplace), p.Count(plan.ActionDelete),
		p.Count(plan.ActionNone), p.Count(plan.ActionKeep), p.Count(plan.ActionSkip))
}

// ComparisonSummary returns the numbers of changes in a comparison as one line: count returns
// that of the items with an action, and unchanged is that of the parameters without an item.
func ComparisonSummary(count func(plan.Action) int, unchanged int) string {
	return fmt.Sprintf("changes: %d created, %d updated, %d replaced, %d deleted, %d unchanged, %d skipped",
		count(plan.ActionCreate), count(plan.ActionUpdate), count(plan.ActionReplace), count(plan.ActionDelete),
		unchanged+count(plan.ActionNone), count(plan.ActionSkip))
}
