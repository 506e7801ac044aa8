package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/pattern"
)

// view is what an address says: the moment, the period, and the filters. Every link of a
// page is one, so that its address shows the same again.
type view struct {
	At          ssmbak.Time // the cursor
	From, Until ssmbak.Time // of the strip
	A, B        ssmbak.Time // of a comparison
	Text, Glob  string      // of names
	By, Op      string
	Status      string // of rows of the tree
	Name        string // of a parameter
	Page        int    // from 1
}

// requested returns what the archive contains, and the view of a request.
func (s *Server) requested(r *http.Request) (rec *records, v view, err error) {
	if rec, err = s.latest(r.Context()); err != nil {
		return nil, view{}, err
	}
	v, err = s.parse(r, rec)
	return rec, v, err
}

// parse returns the view of a request. A time is any TIME of the commands.
func (s *Server) parse(r *http.Request, rec *records) (v view, err error) {
	q := r.URL.Query()
	v = view{Text: q.Get("text"), Glob: q.Get("glob"), By: q.Get("by"), Op: q.Get("op"), Status: q.Get("status"), Name: q.Get("name"), Page: 1}
	for field, to := range map[string]*ssmbak.Time{"at": &v.At, "from": &v.From, "until": &v.Until, "a": &v.A, "b": &v.B} {
		if *to, err = s.moment(q.Get(field), rec); err != nil {
			return v, err
		}
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
		v.Page = n
	}
	if v.Glob != "" {
		if err := pattern.Check(v.Glob); err != nil {
			return v, err
		}
	}
	if v.At == 0 {
		v.At = rec.start()
	}
	v.From, v.Until = rec.span(v)
	return v, nil
}

// start returns where the cursor is at first: right before the newest changes that are not
// those of a restore, which are seldom what went wrong.
func (r *records) start() ssmbak.Time {
	for _, stop := range slices.Backward(r.stops) {
		if !r.restored(stop) {
			return stop
		}
	}
	if n := len(r.stops); n > 0 {
		return r.stops[n-1]
	}
	return r.now
}

// restored reports whether restores made what changed right after a moment.
func (r *records) restored(stop ssmbak.Time) bool {
	for _, c := range r.within(stop+1, stop+1) {
		if c.From == stop+1 && r.madeBy(*c) == nil {
			return false
		}
	}
	return true
}

// moment returns the time that a text means, zero for "".
func (s *Server) moment(text string, rec *records) (ssmbak.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	name, before := strings.CutPrefix(text, "before:")
	if name, ok := strings.CutPrefix(name, "@"); ok {
		m, ok := rec.marks[name]
		switch p := m.Point(); {
		case !ok:
			return 0, shell.KindNotFound.Fail("`ssmbak mark` lists the marks", "there is no mark %s", name)
		case before:
			return p.Begin - 1, nil
		default:
			return p.At, nil
		}
	}
	p, err := ssmbak.ParsePoint(text, s.o.Now(), time.UTC)
	return p.At, err
}

// link returns the address of a screen with this view.
func (v view) link(path string) string {
	q := url.Values{}
	for field, at := range map[string]ssmbak.Time{"at": v.At, "from": v.From, "until": v.Until, "a": v.A, "b": v.B} {
		if at != 0 {
			q.Set(field, at.String())
		}
	}
	for field, text := range map[string]string{"text": v.Text, "glob": v.Glob, "by": v.By, "op": v.Op, "status": v.Status, "name": v.Name} {
		if text != "" {
			q.Set(field, text)
		}
	}
	if v.Page > 1 {
		q.Set("page", strconv.Itoa(v.Page))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// with returns the first page of a changed view.
func (v view) with(change func(*view)) view {
	v.Page = 1
	change(&v)
	return v
}

// filter reports whether the filters include a parameter, and a change.
type filter struct {
	v          view
	names      map[ssmbak.Name]bool
	principals map[string]bool
}

func (v view) filter() *filter {
	return &filter{v: v, names: make(map[ssmbak.Name]bool), principals: make(map[string]bool)}
}

func (f *filter) name(name ssmbak.Name) bool {
	if f.v.Text == "" && f.v.Glob == "" {
		return true
	}
	in, known := f.names[name]
	if !known {
		in = strings.Contains(strings.ToLower(string(name)), strings.ToLower(f.v.Text)) && (f.v.Glob == "" || pattern.Match(f.v.Glob, name))
		f.names[name] = in
	}
	return in
}

func (f *filter) change(c *ssmbak.Change) bool {
	return (f.v.Op == "" || strings.EqualFold(f.v.Op, string(c.Operation))) && f.principal(c.By) && f.name(c.Name)
}

func (f *filter) principal(by string) bool {
	if f.v.By == "" {
		return true
	}
	in, known := f.principals[by]
	if !known {
		in = pattern.MatchPrincipal(f.v.By, by)
		f.principals[by] = in
	}
	return in
}

// set reports whether the filters include a change of a set.
func (f *filter) set(s *changeset.Set) bool {
	for i := range s.Changes {
		if f.change(&s.Changes[i]) {
			return true
		}
	}
	return false
}

// flags returns the flags of log with the same filters, each preceded by a space.
func (v view) flags() string {
	return shell.Given("only", v.Glob) + shell.Given("by", v.By) + shell.Given("operation", v.Op)
}

// grep returns what selects the names that contain the text from lines, or "".
func (v view) grep() string {
	if v.Text == "" {
		return ""
	}
	return " | grep -iF " + shell.Quote(v.Text)
}

// choices of a filter by operation.
var operations = []ssmbak.Operation{ssmbak.OpCreate, ssmbak.OpUpdate, ssmbak.OpDelete, ssmbak.OpTag, ssmbak.OpLabel, ssmbak.OpGap}
