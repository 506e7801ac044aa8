package ui

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// page is the view model of a screen: what all have in common, and Body.
type page struct {
	template string
	status   int    // 200 if zero
	redirect string // instead of a page

	Title                   string
	Account, Region, Bucket string
	Path                    string
	AllowRestore            bool
	Nav                     []tab
	Complete, Read          stamp
	Local                   bool   // times are also shown in local time
	Again                   string // the address that reads the archive again
	Notes                   []string
	Commands                []string   // that do the same
	Refresh                 bool       // the screen changes
	Reading                 []workStep // the archive is being read again
	Report                  bool       // the page is a file
	Style                   template.CSS
	Body                    any
}

type tab struct {
	Text, Link string
	Current    bool
}

// stamp is a time in UTC, and in local time if that differs.
type stamp struct{ Machine, UTC, Local string }

func at(t ssmbak.Time, zone *time.Location) stamp {
	out := stamp{UTC: t.String()}
	if t == 0 || t == ssmbak.MinTime || t == ssmbak.MaxTime {
		return out
	}
	out.Machine = out.UTC
	if offset(t.Std().In(zone)) != 0 {
		out.Local = render.View{Zone: zone, Spaced: true}.Exact(t)
	}
	return out
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// when returns the time of a change, or its bounds.
func when(c ssmbak.Change, zone *time.Location) stamp {
	out := stamp{UTC: render.View{}.When(c)}
	if local := (render.View{Zone: zone, Spaced: true}).When(c); local != out.UTC && offset(c.Until.Std().In(zone)) != 0 {
		out.Local = local
	}
	return out
}

func (s *Server) zone() *time.Location { return s.o.Now().Location() }

// times is the view of lines that have times.
func (s *Server) times() render.View {
	if offset(s.o.Now()) == 0 {
		return render.View{Zone: time.UTC}
	}
	return render.View{Zone: s.zone(), Both: true}
}

func (s *Server) reason(err error) string {
	message, _ := s.o.Explain(err)
	return message
}

// tabs are the screens that a view leads to.
var tabs = []tab{{Text: "Changes", Link: "/"}, {Text: "Tree", Link: "/tree"}, {Text: "Compare", Link: "/compare"}, {Text: "Restores", Link: "/restores"}}

// newPage returns a page with what all have in common.
func (s *Server) newPage(name, title, link string, v view, rec *records) *page {
	p := &page{
		template: name, Title: title, Account: s.o.Account, Region: s.o.Region, Bucket: s.o.Archive.Bucket(), Path: s.o.Target.String(), AllowRestore: s.o.AllowRestore,
		Local: offset(s.o.Now()) != 0,
	}
	for _, t := range tabs {
		to := v.with(func(v *view) { v.Name, v.Status = "", "" })
		p.Nav = append(p.Nav, tab{t.Text, to.link(t.Link), t.Link == link})
	}
	if rec == nil {
		return p
	}
	p.Complete, p.Read, p.Again = at(rec.lines.Complete, s.zone()), at(rec.now, s.zone()), "/readAgain?"+again(v.link(link))
	if w := s.working(readKey); w != nil && !w.over() {
		p.Reading = w.progress()
	}
	p.Notes = append(p.Notes, rec.notes...)
	if s.unsettled(rec) {
		p.Notes = append(p.Notes, "a restore has just ended: its changes are shown here when they have been recorded, usually within seconds; load the page again to see them. A plan reads the live parameters.")
	}
	p.Notes = append(p.Notes, s.doubts(rec.lines.Problems, rec.lines.Unproved(s.o.Target, v.At, rec.now), rec.lines.Unchecked)...)
	return p
}

// unsettled reports whether the records may lack what the last restore wrote.
func (s *Server) unsettled(rec *records) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return rec.now < s.settled
}

// doubts returns what the archive is not certain about.
func (s *Server) doubts(problems []archive.Problem, u archive.Unproved, unchecked bool) (notes []string) {
	if n := len(problems); n > 0 {
		notes = append(notes, fmt.Sprintf("%s not be read completely; the first is %s: %s", shell.Count(n, "parameter could", "parameters could"), problems[0].Name, s.reason(problems[0].Err)))
	}
	if n := len(u.Missed); n > 0 {
		notes = append(notes, fmt.Sprintf("%s live but could not be recorded, so the state at this time is unknown: %s", shell.Count(n, "parameter was", "parameters were"), archive.NameList(u.MissedNames())))
	}
	if n := len(u.Unsure); n > 0 {
		notes = append(notes, fmt.Sprintf("%s not compared by the last complete listing, so changes may be missing: %s", shell.Count(n, "parameter was", "parameters were"), archive.NameList(u.Unsure)))
	}
	if n := len(s.o.Archive.Unsigned()); n > 0 {
		notes = append(notes, shell.Count(n, "object of the archive has", "objects of the archive have")+" no valid signature, so nothing in them is proved: `ssmbak verify` lists them")
	}
	if unchecked {
		notes = append(notes, "hidden parameters were not looked for, because the archive has no complete register of names yet: run `ssmbak reconcile`")
	}
	return notes
}

// command returns a command line with the flags that lead to the same archive.
func (s *Server) command(line string) string { return "ssmbak " + line + s.o.Flags }

// sets returns the command line that shows the sets of changes, with flags.
func (s *Server) sets(flags string) string {
	return s.command("log " + s.target() + " --recursive --sets" + flags)
}

// target returns the path as an argument, with its flag.
func (s *Server) target() string { return shell.Quote(s.o.Target.String()) }

// screens returns the templates of all screens. It parses them when it is called first: most
// commands show no page.
var screens = sync.OnceValue(func() map[string]*template.Template {
	all := make(map[string]*template.Template)
	for _, name := range []string{"changes", "tree", "parameter", "compare", "plan", "progress", "restores", "value", "problem", "report", "waiting"} {
		all[name] = template.Must(template.New("layout.html").Funcs(functions).
			ParseFS(files, "layout.html", "parts.html", name+".html"))
	}
	return all
})

// problem is the body of a page that says what is wrong.
type problem struct{ Message, Hint string }

// commandError is the error of a screen for which there are commands that do the same.
type commandError struct {
	error
	commands []string
}

func (e *commandError) Unwrap() error { return e.error }

// withCommands returns an error with the commands that do the same, nil for nil.
func withCommands(err error, commands ...string) error {
	if err == nil {
		return nil
	}
	return &commandError{err, commands}
}

// answer writes a page, or the page of an error.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, p *page, err error) {
	var commands []string
	if same, ok := errors.AsType[*commandError](err); ok {
		commands = same.commands
	}
	if waits, ok := errors.AsType[*waitError](err); ok {
		p, err = s.waitingPage(r, waits), nil
		p.Commands = commands
	}
	if err != nil {
		message, hint := s.o.Explain(err)
		p = s.newPage("problem", "Not possible", "", view{}, nil)
		p.Commands = commands
		p.status, p.Body = http.StatusBadRequest, problem{message, hint}
		if found := new(shell.Failure); errors.As(err, &found) && found.Kind == shell.KindNotFound {
			p.status = http.StatusNotFound
		}
		s.o.Logger.WarnContext(r.Context(), "refused a request", "path", r.URL.Path, "reason", message)
	}
	if p.redirect != "" {
		http.Redirect(w, r, p.redirect, http.StatusSeeOther)
		return
	}
	text, err := p.render()
	if err != nil {
		s.o.Logger.ErrorContext(r.Context(), "make a page", "path", r.URL.Path, "error", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	_, _ = w.Write(text) // the browser may have gone
}

// render returns the HTML of a page. No character in it is a control character or reverses
// the direction of text, whatever a value contains.
func (p *page) render() ([]byte, error) {
	var buf bytes.Buffer
	if err := screens()[p.template].Execute(&buf, p); err != nil {
		return nil, err
	}
	return printable(buf.Bytes()), nil
}

// printable escapes everything that is not printable, except line feeds and tabs.
func printable(html []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.SplitAfterSeq(html, []byte("\n")) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		for i, cell := range bytes.Split(text, []byte("\t")) {
			if i > 0 {
				out.WriteByte('\t')
			}
			out.WriteString(render.Escape(string(cell)))
		}
		if ended {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

// waiting is the view model of a page whose contents take longer than an answer may.
type waiting struct {
	Title string
	Steps []workStep
}

func (s *Server) waitingPage(r *http.Request, w *waitError) *page {
	p := s.newPage("waiting", w.title, r.URL.Path, view{}, nil)
	p.Refresh, p.Body = true, waiting{w.title, w.progress()}
	return p
}

// nowhere answers requests for addresses without a screen.
func (s *Server) nowhere(*http.Request) (*page, error) {
	return nil, shell.KindNotFound.Fail("begin at the address /", "there is no such page")
}

// functions are those of the templates.
var functions = template.FuncMap{
	"part": func(p pager, noun string) pagerView { return pagerView{p, noun} },
	"rows": func(rows []treeRow, ticks bool, caption, before, after string) rowsView {
		return rowsView{caption, before, after, ticks, rows}
	},
	"pieces": pieces,
}

// pieces divides a principal where a line may be broken: an ARN is wider than its column.
func pieces(principal string) []string {
	var all []string
	for principal != "" {
		end := strings.IndexAny(principal, ":/") + 1
		if end == 0 {
			end = len(principal)
		}
		all, principal = append(all, principal[:end]), principal[end:]
	}
	return all
}

// rowsView is a table of parameters at two times.
type rowsView struct {
	Caption, Before, After string
	Ticks                  bool
	Rows                   []treeRow
}
