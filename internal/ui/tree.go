package ui

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// treeRows is the number of parameters of a page. The values of as many are read.
const treeRows = 50

// statuses are the words for what became of a parameter since a moment.
var statuses = []struct {
	action     plan.Action
	word, note string
}{
	{plan.ActionDelete, "removed", ""},
	{plan.ActionReplace, "recreated", ""},
	{plan.ActionUpdate, "changed", ""},
	{plan.ActionCreate, "added", "a restore keeps it, unless it is exact"},
	{plan.ActionSkip, "unknown", ""},
	{plan.ActionNone, "same", ""},
}

// treeView is the view model of the parameters at the cursor, next to those of now.
type treeView struct {
	Cursor   cursor
	Now      stamp
	Statuses []statusLink
	Filter   filterView
	Rows     []treeRow
	Pager    pager
	Ticks    bool // the rows can be chosen for a restore
	Rough    bool // only versions are compared, except in the rows
}

type statusLink struct {
	Word, Link string
	N          int
	Current    bool
}

type treeRow struct {
	Name         nameLink
	Class        string
	Word, Note   string
	Before       cell
	After        cell
	Lines        []line // what differs
	ReasonOrNone string
}

// cell is a parameter at one time.
type cell struct {
	Absent  bool
	Unknown bool
	Version string
	Type    string
	Value   string
	By      string
	Doubt   string // how certain it is, if it is not proved
}

// line is one line of a difference. Class says what its sign means.
type line struct{ Class, Text string }

func lines(all []string) (out []line) {
	for _, text := range all {
		class := ""
		switch trimmed := strings.TrimSpace(text); {
		case strings.HasPrefix(trimmed, "+"):
			class = "plus"
		case strings.HasPrefix(trimmed, "-"):
			class = "minus"
		case strings.HasPrefix(trimmed, "~"):
			class = "tilde"
		}
		out = append(out, line{class, strings.TrimPrefix(text, "    ")})
	}
	return out
}

func (s *Server) tree(r *http.Request) (*page, error) {
	rec, v, err := s.requested(r)
	if err != nil {
		return nil, err
	}
	commands := append([]string{s.command("preview "+s.target()+" "+v.At.String()+" --recursive") + v.grep()}, s.differences(v, v.At, rec.now)...)
	return s.composed(r, rec, "Comparing all parameters", commands, func(ctx context.Context) (*page, error) {
		p := s.newPage("tree", "Tree", "/tree", v, rec)
		body, err := s.treeView(ctx, rec, v, treeRows)
		body.Ticks = s.o.Live && s.o.AllowRestore && len(body.Rows) > 0
		p.Body = body
		return p, err
	})
}

// differences returns the commands that show what a view shows of two times: with a filter
// by operation or principal, which diff does not have, also the changes that it includes.
func (s *Server) differences(v view, from, to ssmbak.Time) []string {
	all := []string{s.command("diff "+s.target()+" "+from.String()+" "+to.String()+" --recursive"+shell.Given("only", v.Glob)) + v.grep()}
	if v.By != "" || v.Op != "" {
		all = append(all, s.command("log "+s.target()+" --recursive --since "+(min(from, to)+1).String()+" --until "+max(from, to).String()+v.flags())+v.grep())
	}
	return all
}

// treeView returns the view model of a view. It reads the values of the rows of its page.
func (s *Server) treeView(ctx context.Context, rec *records, v view, most int) (treeView, error) {
	c, err := rec.compared(ctx, s, v.At, rec.now)
	if err != nil {
		return treeView{}, err
	}
	out := treeView{Rough: rough(c), Cursor: s.cursor(v), Now: at(rec.now, s.zone()), Filter: v.filterView("/tree")}
	out.Filter.Hidden["at"] = v.At.String()
	out.Cursor.Tree = ""
	items := rec.selected(v, c.Items, v.At, rec.now)
	for _, status := range statuses {
		n := plan.Count(items, status.action)
		out.Statuses = append(out.Statuses, statusLink{status.word, v.with(func(v *view) { v.Status = status.word }).link("/tree"), n, v.Status == status.word})
	}
	out.Statuses = append(out.Statuses, statusLink{"all", v.with(func(v *view) { v.Status = "" }).link("/tree"), len(items), v.Status == ""})
	items = slices.DeleteFunc(items, func(i plan.Item) bool { return v.Status != "" && word(i.Action) != v.Status })
	items = interesting(items)
	items, out.Pager = paged(v, "/tree", items, most)
	items, err = s.valued(ctx, rec, items, v.At, rec.now)
	if err != nil {
		return treeView{}, err
	}
	out.Rows, err = s.treeRows(ctx, rec, v, items, v.At, rec.now)
	return out, err
}

// selected returns the items that the filters include: by operation and principal those of
// which such a change happened between the two times.
func (r *records) selected(v view, items []plan.Item, from, to ssmbak.Time) []plan.Item {
	f := v.filter()
	var changed map[ssmbak.Name]bool
	if v.By != "" || v.Op != "" {
		changed = make(map[ssmbak.Name]bool)
		for _, c := range r.within(min(from, to)+1, max(from, to)) {
			if f.change(c) {
				changed[c.Name] = true
			}
		}
	}
	var out []plan.Item
	for _, item := range items {
		if f.name(item.Name) && (changed == nil || changed[item.Name]) {
			out = append(out, item)
		}
	}
	return out
}

// interesting returns the items with those that are the same last.
func interesting(items []plan.Item) []plan.Item {
	slices.SortStableFunc(items, func(a, b plan.Item) int {
		return cmp.Compare(btoi(a.Action == plan.ActionNone), btoi(b.Action == plan.ActionNone))
	})
	return items
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func word(a plan.Action) string {
	for _, status := range statuses {
		if status.action == a {
			return status.word
		}
	}
	return string(a)
}

// reads is the number of values that are read at once.
const reads = 16

// valued returns the same items with the values that are not secret and those that are
// compared.
func (s *Server) valued(ctx context.Context, rec *records, items []plan.Item, from, to ssmbak.Time) ([]plan.Item, error) {
	names := make([]ssmbak.Name, len(items))
	for i, item := range items {
		names[i] = item.Name
	}
	c, err := s.o.Restorer(restore.Options{}).CompareTimelines(ctx, rec.some(names), s.o.Target, from, to, archive.AllValues)
	if err != nil {
		return nil, err
	}
	byName := make(map[ssmbak.Name]plan.Item, len(c.Items))
	for _, item := range c.Items {
		byName[item.Name] = item
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reads)
	out := make([]plan.Item, len(items))
	for i, item := range items {
		if full, ok := byName[item.Name]; ok {
			item = full
		}
		out[i] = item
		if item.Action != plan.ActionNone || item.Before == nil {
			continue
		}
		g.Go(func() (err error) {
			out[i].After.Value, err = s.shownValue(gctx, item.After, item.AfterObjects)
			before := *item.Before
			before.Value = out[i].After.Value
			out[i].Before = &before
			return err
		})
	}
	return out, g.Wait()
}

// treeRows returns the rows of what differs between two times.
func (s *Server) treeRows(ctx context.Context, rec *records, v view, items []plan.Item, from, to ssmbak.Time) ([]treeRow, error) {
	rows := make([]treeRow, len(items))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reads)
	for i, item := range items {
		g.Go(func() (err error) {
			rows[i], err = s.treeRow(gctx, rec, v, item, from, to)
			return err
		})
	}
	return rows, g.Wait()
}

func (s *Server) treeRow(ctx context.Context, rec *records, v view, item plan.Item, from, to ssmbak.Time) (treeRow, error) {
	row := treeRow{Name: v.parameter(item.Name), Word: word(item.Action)}
	row.Class = row.Word
	for _, status := range statuses {
		if status.action == item.Action {
			row.Note = status.note
		}
	}
	line := rec.byName[item.Name]
	if item.Action == plan.ActionSkip {
		row.ReasonOrNone = s.times().Local(render.Escape(item.Reason))
		var err error
		if row.Before, err = s.cellAt(ctx, rec, line, from); err != nil {
			return row, err
		}
		row.After, err = s.cellAt(ctx, rec, line, to)
		return row, err
	}
	if item.Before == nil {
		row.Before.Absent = true
	} else {
		row.Before = cellOf(ssmbak.State{Version: item.Before.Version, Value: item.Before.Value})
	}
	row.After = cellOf(item.After)
	if all := render.ItemLines(item, s.times()); len(all) > 1 && (item.Action == plan.ActionUpdate || item.Action == plan.ActionReplace) {
		row.Lines = lines(all[1:])
	}
	if line != nil {
		row.Before.Doubt, row.After.Doubt = rec.doubt(line, from), rec.doubt(line, to)
	}
	return row, nil
}

// cellAt returns one side of a comparison of which the other one may be unknown.
func (s *Server) cellAt(ctx context.Context, rec *records, line *timeline.Timeline, at ssmbak.Time) (cell, error) {
	if line == nil {
		return cell{Unknown: true}, nil
	}
	state, refs := line.At(at)
	if state.Certainty == ssmbak.Unknown {
		return cell{Unknown: true}, nil
	}
	var err error
	if state.Value, err = s.shownValue(ctx, state, refs); err != nil {
		return cell{}, err
	}
	c := cellOf(state)
	c.Doubt = rec.doubt(line, at)
	return c, nil
}

// doubt returns how certain a state is if it is not proved, "" for that of now, which seldom
// is.
func (r *records) doubt(line *timeline.Timeline, at ssmbak.Time) string {
	state, _ := line.At(at)
	if state.Certainty == ssmbak.Proved || at >= r.now {
		return ""
	}
	return certainty(state.Certainty)
}

// certainty returns the words for a certainty.
func certainty(c ssmbak.Certainty) string { return strings.ReplaceAll(c.String(), "-", " ") }

// shownText is the number of characters of a value that a row shows.
const shownText = 120

func cellOf(st ssmbak.State) cell {
	if st.Deleted {
		return cell{Absent: true, By: st.By}
	}
	value := render.Escape(render.ValueText(st, false))
	if runes := []rune(value); len(runes) > shownText {
		value = string(runes[:shownText]) + "..."
	}
	return cell{Version: fmt.Sprint(st.Version.Number), Type: string(st.Version.Type), Value: value, By: cmp.Or(st.By, st.Version.User)}
}

// planLink returns the address of a plan.
func planLink(q url.Values) string { return "/plan?" + q.Encode() }
