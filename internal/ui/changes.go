package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/history"
	"github.com/ssmbak/ssmbak/plan"
)

// The numbers of rows of a page, and of the names of a set.
const (
	setRows    = 20
	changeRows = 50
	setNames   = 5
	overlaps   = 3
)

// changesView is the view model of the screen with the strip.
type changesView struct {
	Strip  strip
	Cursor cursor
	Filter filterView
	Sets   []setRow
	Pager  pager
	// Changes are those of the period.
	Changes []changeRow
	Below   pager // of Changes
}

// cursor is the moment, and what can be done with it.
type cursor struct {
	At            stamp
	Tree, Compare string // Tree is "" on the tree
	Plan          string // "" without plans
	One           bool   // the plan is for one parameter
}

type filterView struct {
	Action     string
	Hidden     map[string]string // what else the address says
	Text, Glob string
	By, Op     string
	Operations []string
	Clear      string
}

// setRow is a set of changes.
type setRow struct {
	From, Until     stamp
	By, Path        string
	Counts          string
	Names           []nameLink
	More            int
	Unknown         int
	Overlaps        []overlap
	MoreOverlaps    int
	Note            string // the restores in it
	Here            bool   // the cursor is right before it
	Look            string // moves the cursor right before it
	Compare, Revert string
}

// overlap is another set that has changes between the first and the last one of a set. Its
// link moves the cursor right before it.
type overlap struct {
	By, Look string
	From     stamp
}

type nameLink struct{ Name, Link string }

// changeRow is one change.
type changeRow struct {
	Time      stamp
	Operation string
	Class     string
	Name      nameLink
	Version   string
	By, Note  string
	Look      string
}

func (s *Server) changes(r *http.Request) (*page, error) {
	rec, v, err := s.requested(r)
	if err != nil {
		return nil, err
	}
	times := " --since " + v.From.String() + " --until " + v.Until.String() + v.flags()
	commands := []string{s.sets(times), s.command("log "+s.target()+" --recursive"+times) + v.grep()}
	return s.composed(r, rec, "Counting the changes", commands, func(context.Context) (*page, error) {
		p := s.newPage("changes", "Changes", "/", v, rec)
		p.Body = s.changesView(rec, v, setRows, changeRows)
		return p, nil
	})
}

// changesView returns the view model of a view.
func (s *Server) changesView(rec *records, v view, mostSets, mostChanges int) changesView {
	f := v.filter()
	changes := slices.DeleteFunc(rec.within(v.From, v.Until), func(c *ssmbak.Change) bool { return !f.change(c) })
	out := changesView{Strip: rec.strip(v, changes, s.times()), Cursor: s.cursor(v), Filter: v.filterView("/")}
	var sets []changeset.Set
	for i := range slices.Backward(rec.sets) {
		if set := &rec.sets[i]; set.From < v.Until && set.Until > v.From && f.set(set) {
			sets = append(sets, *set)
		}
	}
	sets, out.Pager = paged(v, "/", sets, mostSets)
	for _, set := range sets {
		out.Sets = append(out.Sets, s.setRow(rec, v, set))
	}
	changes, out.Below = paged(v, "/", changes, mostChanges)
	for _, c := range changes {
		out.Changes = append(out.Changes, s.changeRow(rec, v, *c))
	}
	return out
}

func (s *Server) cursor(v view) cursor {
	c := cursor{At: at(v.At, s.zone()), Tree: v.with(func(*view) {}).link("/tree"), Compare: v.with(func(v *view) { v.A = v.At }).link("/compare")}
	if s.o.Live {
		c.Plan = planLink(url.Values{"kind": {kindRestore}, "at": {v.At.String()}})
	}
	return c
}

func (s *Server) setRow(rec *records, v view, set changeset.Set) setRow {
	row := render.SetRowOf(set)
	before, done := set.From-1, set.Done()
	out := setRow{
		From: at(row.From, s.zone()), Until: at(row.Until, s.zone()), By: row.By, Path: row.Path, Unknown: row.Unknown, Here: v.At == before,
		Look:    v.with(func(v *view) { v.At = before }).link("/"),
		Compare: v.with(func(v *view) { v.At, v.A, v.B = before, before, done }).link("/compare"),
		Counts:  summary([]count{{"created", "", row.Created}, {"updated", "", row.Updated}, {"deleted", "", row.Deleted}, {"tags and labels", "", row.Others}}),
		More:    max(0, len(row.Names)-setNames),
		Note:    rec.noteOf(set, s.times()),
	}
	for _, i := range set.Overlaps[:min(overlaps, len(set.Overlaps))] {
		other := rec.sets[i]
		out.Overlaps = append(out.Overlaps, overlap{other.By, v.with(func(v *view) { v.At = other.From - 1; v.show() }).link("/"), at(other.From, s.zone())})
	}
	out.MoreOverlaps = len(set.Overlaps) - len(out.Overlaps)
	for _, name := range row.Names[:min(setNames, len(row.Names))] {
		out.Names = append(out.Names, v.parameter(name))
	}
	if s.o.Live {
		target := url.Values{"kind": {kindRevert}, "from": {before.String()}, "until": {done.String()}, "by": {row.By}}
		if len(row.Names) == 1 {
			target.Set("name", row.Path)
		}
		out.Revert = planLink(target)
	}
	return out
}

// parameter returns the link to the history of a parameter.
func (v view) parameter(name ssmbak.Name) nameLink {
	return nameLink{string(name), v.with(func(v *view) { v.Name = string(name) }).link("/parameter")}
}

func (s *Server) changeRow(rec *records, v view, c ssmbak.Change) changeRow {
	e := render.LogEntry{Change: &c, Restore: rec.madeBy(c)}
	row := changeRow{
		Time: when(c, s.zone()), Operation: string(c.Operation), Class: strings.ToLower(string(c.Operation)), Name: v.parameter(c.Name),
		Version: render.ChangeVersion(c), By: c.By, Note: render.Escape(render.ChangeNote(e, s.times())),
	}
	if c.From != ssmbak.MinTime {
		row.Look = v.with(func(v *view) { v.At = c.From - 1 }).link("/")
	}
	return row
}

// noteOf returns the restores that made changes of a set, newest first.
func (r *records) noteOf(set changeset.Set, times render.View) string {
	var notes []string
	for _, x := range r.restores {
		if slices.ContainsFunc(set.Changes, func(c ssmbak.Change) bool { return history.Made(x, c) }) {
			notes = append(notes, render.ChangeNote(render.LogEntry{Change: new(ssmbak.Change), Restore: x}, times))
		}
	}
	return render.Escape(strings.Join(notes, "; "))
}

// madeBy returns the restore that made a change, or nil.
func (r *records) madeBy(c ssmbak.Change) *plan.Document {
	i := slices.IndexFunc(r.restores, func(x *plan.Document) bool { return history.Made(x, c) })
	if i < 0 {
		return nil
	}
	return r.restores[i]
}

func (v view) filterView(action string) filterView {
	out := filterView{Action: action, Hidden: make(map[string]string), Text: v.Text, Glob: v.Glob, By: v.By, Op: v.Op}
	for _, o := range operations {
		out.Operations = append(out.Operations, string(o))
	}
	for field, t := range map[string]ssmbak.Time{"from": v.From, "until": v.Until} {
		if t != 0 {
			out.Hidden[field] = t.String()
		}
	}
	out.Clear = v.with(func(v *view) { v.Text, v.Glob, v.By, v.Op, v.Status = "", "", "", "", "" }).link(action)
	return out
}

// again returns the query that reads the archive again and then shows an address.
func again(link string) string { return url.Values{"to": {link}}.Encode() }

func (s *Server) readAgain(r *http.Request) (*page, error) {
	to := r.URL.Query().Get("to")
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return nil, shell.Usage("use the link", "%s is not an address of this page", strconv.Quote(to))
	}
	if w := s.working(readKey); w != nil && w.over() {
		s.forget(readKey, w) // it was read before
	}
	_, err := await(r.Context(), s, readKey, readTitle, readSteps, s.replace)
	if _, waits := errors.AsType[*waitError](err); err != nil && !waits {
		return nil, withCommands(err, s.sets(""))
	}
	return &page{redirect: to}, nil
}
