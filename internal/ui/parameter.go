package ui

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/history"
	"github.com/ssmbak/ssmbak/timeline"
)

// historyRows is the number of changes of a page. Two values of as many are read.
const historyRows = 25

// parameterView is the view model of one parameter: its state at the cursor and now, and its
// history.
type parameterView struct {
	Name    string
	Cursor  cursor
	States  []stateView
	Entries []entry
	Pager   pager
}

// stateView is a parameter at one time.
type stateView struct {
	Title                string
	At                   stamp
	Absent               bool
	Certainty, Reason    string
	Value                string
	Masked               bool
	Token                string // shows the secret, "" if it cannot be shown
	Since                stamp
	Attributes           []attribute
	TagsNote, LabelsNote string
}

type attribute struct{ Name, Text string }

// entry is a change with what it changed.
type entry struct {
	changeRow
	Lines []line
	Token string // shows the secret that it wrote
	Life  bool   // a life begins
}

// secret identifies the value that a token shows.
type secret struct {
	name    ssmbak.Name
	version ssmbak.Version
	refs    []timeline.ObjectRef
}

func (s *Server) parameter(r *http.Request) (*page, error) {
	rec, v, err := s.requested(r)
	if err != nil {
		return nil, err
	}
	name, err := ssmbak.ParseName(v.Name)
	if err != nil {
		return nil, err
	}
	l := rec.byName[name]
	if l == nil {
		return nil, shell.KindNotFound.Fail("names are case-sensitive", "the archive has no records of %s below %s", name, s.o.Target)
	}
	commands := []string{s.command("log " + shell.Quote(string(name)) + " --patch"), s.command("preview " + shell.Quote(string(name)) + " " + v.At.String())}
	return s.composed(r, rec, "Reading the history of "+string(name), commands, func(ctx context.Context) (*page, error) {
		p := s.newPage("parameter", string(name), "/parameter", v, rec)
		var err error
		p.Body, err = s.parameterView(ctx, rec, v, name, l)
		return p, err
	})
}

func (s *Server) parameterView(ctx context.Context, rec *records, v view, name ssmbak.Name, l *timeline.Timeline) (parameterView, error) {
	out := parameterView{Name: string(name), Cursor: s.cursor(v)}
	if out.Cursor.Plan != "" {
		out.Cursor.One = true
		out.Cursor.Plan = planLink(url.Values{"kind": {kindRestore}, "at": {v.At.String()}, "name": {string(name)}})
	}
	for _, moment := range []struct {
		title string
		at    ssmbak.Time
	}{{"At the cursor", v.At}, {"Now, as recorded", rec.now}} {
		state, refs := l.At(moment.at)
		view, err := s.stateView(ctx, state, refs)
		if err != nil {
			return out, err
		}
		view.Title, view.At = moment.title, at(moment.at, s.zone())
		out.States = append(out.States, view)
	}
	changes := slices.Clone(l.Changes())
	slices.Reverse(changes)
	changes, out.Pager = paged(v, "/parameter", changes, historyRows)
	entries := make([]render.LogEntry, len(changes))
	patcher := history.New(s.o.Archive, rec.lines.Reconciled, map[ssmbak.Name]*timeline.Timeline{name: l})
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reads)
	for i, c := range changes {
		entries[i] = render.LogEntry{Change: &c}
		g.Go(func() error { return patcher.Patch(gctx, &entries[i]) })
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	facts := l.Facts()
	for _, e := range entries {
		row := entry{changeRow: s.changeRow(rec, v, *e.Change), Lines: lines(render.PatchLines(e, s.times())), Life: e.Operation == ssmbak.OpCreate}
		if version, ok := facts.Version(timeline.Ref{Number: e.Version.Number, Time: e.Version.Time}); ok && len(version.Objects) > 0 && render.Masked(version.Type, false) {
			row.Token = s.secrets.issue(secret{name, version.Version, version.Objects})
		}
		out.Entries = append(out.Entries, row)
	}
	return out, nil
}

func (s *Server) stateView(ctx context.Context, st ssmbak.State, refs []timeline.ObjectRef) (stateView, error) {
	v := stateView{Absent: st.Deleted, Certainty: certainty(st.Certainty), Reason: s.times().Local(render.Escape(st.Reason)), Since: at(st.Modified, s.zone())}
	by := st.By
	if st.Deleted || st.Version.Time == 0 && len(refs) == 0 {
		v.Absent = st.Deleted
		if by != "" {
			v.Attributes = []attribute{{"by", render.Escape(by)}}
		}
		return v, nil
	}
	value, err := s.shownValue(ctx, st, refs)
	if err != nil {
		return v, err
	}
	st.Value = value
	if v.Masked = render.Masked(st.Version.Type, false); v.Masked && len(refs) > 0 {
		v.Token = s.secrets.issue(secret{st.Name, st.Version, refs})
	}
	v.Value = render.ValueText(st, false)
	if st.Value.Reason != "" {
		v.Reason = strings.TrimPrefix(v.Reason+"; no value: "+s.times().Local(render.Escape(st.Value.Reason)), "; ")
	}
	add := func(name, text string) {
		if text != "" {
			v.Attributes = append(v.Attributes, attribute{name, render.Escape(text)})
		}
	}
	if st.Version.Number != 0 {
		add("version", fmt.Sprint(st.Version.Number))
	}
	for name, text := range st.Version.All() {
		add(render.AttributeText(name), *text)
	}
	add("by", by)
	if st.Tags.IsKnown() {
		for _, key := range slices.Sorted(maps.Keys(st.Tags.V)) {
			add("tag "+key, st.Tags.V[key])
		}
	}
	if st.Labels.IsKnown() {
		for _, label := range slices.Sorted(maps.Keys(st.Labels.V)) {
			add("label "+label, "version "+fmt.Sprint(st.Labels.V[label]))
		}
	}
	v.TagsNote, v.LabelsNote = s.times().Local(certain(st.Tags.Certainty, st.Tags.Reason)), s.times().Local(certain(st.Labels.Certainty, st.Labels.Reason))
	return v, nil
}

// certain returns how certain tags or labels are.
func certain(c ssmbak.Certainty, reason string) string {
	if reason != "" {
		return certainty(c) + ": " + render.Escape(reason)
	}
	return certainty(c)
}

// shownValue reads the value of a state, unless it is secret.
func (s *Server) shownValue(ctx context.Context, st ssmbak.State, refs []timeline.ObjectRef) (ssmbak.Known[ssmbak.Value], error) {
	if st.Deleted || len(refs) == 0 || render.Masked(st.Version.Type, false) {
		return st.Value, nil
	}
	value, _, err := s.o.Archive.KnownValue(ctx, st.Name, st.Version, refs)
	if awsconn.IsDenied(err) {
		return ssmbak.Known[ssmbak.Value]{Reason: s.reason(err)}, nil
	}
	return value, err
}

// valueView is the view model of one secret.
type valueView struct {
	Name, Version, Value, Reason string
	Time                         stamp
	Back                         string
}

// value shows the secret of a token. It is in no other page.
func (s *Server) value(r *http.Request) (*page, error) {
	of, ok := s.secrets.take(r.PostFormValue("token"))
	if !ok {
		return nil, errUsed
	}
	command := s.command("get " + shell.Quote(string(of.name)) + " " + of.version.Time.String() + " --with-decryption")
	value, _, err := s.o.Archive.KnownValue(r.Context(), of.name, of.version, of.refs)
	if err != nil {
		return nil, withCommands(err, command)
	}
	p := s.newPage("value", string(of.name), "", view{}, nil)
	out := valueView{Name: string(of.name), Version: fmt.Sprint(of.version.Number), Time: at(of.version.Time, s.zone()), Back: (view{Name: string(of.name)}).link("/parameter")}
	if value.IsKnown() {
		out.Value = value.V.Reveal()
	} else {
		out.Reason = value.Reason
	}
	p.Body = out
	p.Commands = []string{command}
	return p, nil
}

// errUsed refuses a token that is not valid any more.
var errUsed = shell.Usage("go back, reload the page and repeat it", "this button was used already, or its page is too old: nothing was done")
