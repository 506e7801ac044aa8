package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// The kinds of plans.
const (
	kindRestore = "restore"
	kindRevert  = "revert"
	kindUndo    = "undo"
)

// tickedRows is the number of parameters of a plan that have a tick of their own. Those
// after them have one in common.
const tickedRows = 300

// planned is a plan that was shown, and the command that makes the same.
type planned struct {
	*restore.Plan
	options  plan.Options
	query    url.Values
	argument string // the command without flags that select names
	link     string // of a new plan
}

// planView is the view model of a plan.
type planView struct {
	Title, Summary string
	Rows           []planRow
	More           int // parameters after them
	Skipped        []planRow
	Kept           int
	Lines          []string // about all of it
	Grave          string   // why the word yes is needed
	Applied        int
	Token          string // applies it, "" if it may not be applied
	Why            string // why it may not be applied
	Problem        string // with what was entered
	Message        string
	Choices        []choice
	Again          string
}

// choice is an option of a plan, and the address of the plan with the other value.
type choice struct {
	Text, Link string
	On         bool
}

type planRow struct {
	Name    string
	Action  string
	Lines   []line
	Reason  string
	Refused bool
	Ticked  bool
}

func (s *Server) plan(r *http.Request) (*page, error) {
	p, err := s.planned(r.Context(), r.URL.Query())
	if err != nil {
		return nil, err
	}
	return s.planPage(p, nil, "", ""), nil
}

// planned makes the plan of an address. It writes nothing to Parameter Store.
func (s *Server) planned(ctx context.Context, q url.Values) (*planned, error) {
	if !s.o.Live {
		return nil, shell.KindWrongAccount.Fail("open the page with the credentials of that account", "this archive is that of another account or region than yours, so that nothing can be planned")
	}
	rec, err := s.latest(ctx)
	if err != nil {
		return nil, err
	}
	target, err := s.planTarget(q.Get("name"))
	if err != nil {
		return nil, err
	}
	out := &planned{query: q, link: planLink(q)}
	o := &out.options
	flags := ""
	if target.Recursive() {
		flags = " --recursive"
	}
	switch q.Get("kind") {
	case kindRestore:
		o.Exact, o.Replace, o.AssumeLastKnown = q.Has("exact"), q.Has("replace"), q.Has("assumeLastKnown")
		moment, err := s.past(q.Get("at"), rec)
		if err != nil {
			return nil, err
		}
		flags += given("exact", o.Exact) + given("replace", o.Replace) + given("assume-last-known", o.AssumeLastKnown)
		out.argument = "restore " + shell.Quote(target.String()) + " " + moment.String() + flags
		out.Plan, err = s.o.Restorer(restore.Options{Options: *o}).Plan(ctx, target, moment)
		return out, err
	case kindRevert:
		o.Replace = q.Has("replace")
		from, err := s.past(q.Get("from"), rec)
		if err != nil {
			return nil, err
		}
		until, err := s.past(q.Get("until"), rec)
		if err != nil {
			return nil, err
		}
		if from >= until {
			return nil, shell.Usage("give the earlier time first", "%s is not before %s", from, until)
		}
		if by := q.Get("by"); by != "" {
			o.Principals = []string{by}
			flags += shell.Given("by", by)
		}
		out.argument = "revert " + shell.Quote(target.String()) + " " + from.String() + " " + until.String() + flags + given("replace", o.Replace)
		out.Plan, err = s.o.Restorer(restore.Options{Options: *o}).Revert(ctx, target, from, until)
		return out, err
	case kindUndo:
		id := q.Get("id")
		o.Replace = q.Has("replace")
		out.argument = "undo " + shell.Quote(id) + given("replace", o.Replace)
		out.Plan, err = s.o.Restorer(restore.Options{Options: *o}).Undo(ctx, id)
		if errors.Is(err, archive.ErrNoRestore) {
			err = shell.KindNotFound.Fail("the screen Restores lists them", "there is no record of restore %s", id)
		}
		return out, err
	}
	return nil, shell.Usage("use the buttons of a page", "unknown kind of plan %q", q.Get("kind"))
}

func given(flag string, on bool) string {
	if on {
		return " --" + flag
	}
	return ""
}

// planTarget returns the target of a plan: one parameter below the path of the page, or the
// path.
func (s *Server) planTarget(text string) (ssmbak.Target, error) {
	if text == "" {
		return s.o.Target, nil
	}
	name, err := ssmbak.ParseName(text)
	if err != nil {
		return ssmbak.Target{}, err
	}
	if own, possible := s.o.Target.Name(); !s.o.Target.Below(name) && !(possible && own == name) {
		return ssmbak.Target{}, shell.Usage("open the page for a path that contains it", "%s is not below %s", name, s.o.Target)
	}
	return ssmbak.NameTarget(name), nil
}

// past returns a time that must be given and must not be in the future.
func (s *Server) past(text string, rec *records) (ssmbak.Time, error) {
	t, err := s.moment(text, rec)
	switch {
	case err != nil:
		return 0, err
	case t == 0:
		return 0, shell.Usage("choose a moment", "a time is missing")
	case t.Second() > s.o.Now().Unix():
		return 0, shell.Usage("choose an earlier moment", "%s is in the future", t)
	}
	return t, nil
}

// planPage returns the page of a plan. ticked are the parameters that are chosen, nil for
// all, and problem says what was wrong with what was entered.
func (s *Server) planPage(p *planned, ticked map[string]bool, message, problem string) *page {
	out := s.newPage("plan", "Plan", "", view{}, nil)
	v := planViewOf(p, ticked)
	v.Message, v.Problem = message, problem
	switch {
	case !s.o.AllowRestore:
		v.Why = "This page is read-only. To restore here, end it and start `ssmbak ui --allow-restore`, or use the command below."
	case v.Applied > 0:
		v.Token = s.plans.issue(p)
	}
	if problem != "" {
		out.status = http.StatusBadRequest
	}
	out.Body = v
	out.Notes = s.doubts(p.Problems, p.Unproved, p.Unchecked)
	out.Commands = []string{s.command(p.argument)}
	return out
}

// planViewOf returns the view model of a plan.
func planViewOf(p *planned, ticked map[string]bool) planView {
	v := planView{Title: render.Title(p.Plan, ""), Summary: render.Summary(p.Plan), Applied: p.Applied(), Kept: p.Count(plan.ActionKeep), Again: p.link}
	all := render.Ordered(p.Plan)
	shown := all[:min(tickedRows, len(all))]
	for _, item := range shown {
		row := planRowOf(item)
		row.Ticked = !row.Refused && (ticked == nil || ticked[row.Name])
		v.Rows = append(v.Rows, row)
	}
	v.More = len(all) - len(shown)
	for _, item := range p.Items {
		if item.Action == plan.ActionSkip && len(item.Conflicts) == 0 && len(v.Skipped) < tickedRows {
			v.Skipped = append(v.Skipped, planRowOf(item))
		}
	}
	if v.Applied > 0 {
		v.Lines = append(render.Principals(p.Plan), render.Question{}.Estimate(p.Plan))
		v.Lines = append(v.Lines, "running applications keep the old values until they read the parameters again; Terraform or CloudFormation may overwrite the restored values")
		if p.NeedsConfirmation() {
			v.Grave = render.Grave(p.Plan)
		}
	}
	v.Choices = choices(p)
	return v
}

func planRowOf(item plan.Item) planRow {
	row := planRow{Name: string(item.Name), Action: string(item.Action), Reason: render.Escape(item.Reason), Refused: item.Refused != "" || !item.Action.Writes()}
	if all := render.ItemLines(item, render.View{Live: true}); len(all) > 1 {
		row.Lines = lines(all[1:])
	}
	return row
}

// choices returns the options that a plan of its kind has.
func choices(p *planned) (all []choice) {
	add := func(option, text string) {
		q := url.Values{}
		for field, values := range p.query {
			q[field] = values
		}
		on := q.Has(option)
		if on {
			q.Del(option)
		} else {
			q.Set(option, "1")
		}
		all = append(all, choice{text, planLink(q), on})
	}
	if p.query.Get("kind") == kindRestore {
		add("exact", "also delete parameters created after that time")
		add("assumeLastKnown", "where the state is unknown, use the last known state")
	}
	add("replace", "delete and recreate what cannot be changed in place")
	return all
}

// only returns the plan with the chosen parameters, and the flags that choose the same. rest
// says that those without a tick of their own are chosen, too.
func (p *planned) only(ticked map[string]bool, rest bool) (*restore.Plan, string) {
	chosen := *p.Plan
	chosen.Items = nil
	own := make(map[ssmbak.Name]bool)
	for i, item := range render.Ordered(p.Plan) {
		own[item.Name] = i < tickedRows && !ticked[string(item.Name)] || i >= tickedRows && !rest
	}
	var names, without []string
	for _, item := range p.Items {
		switch applied := item.Action.Writes() && item.Refused == ""; {
		case own[item.Name] && applied:
			without = append(without, string(item.Name))
			continue
		case applied:
			names = append(names, string(item.Name))
		}
		chosen.Items = append(chosen.Items, item)
	}
	if len(without) == 0 {
		return &chosen, ""
	}
	flag, patterns, others := "only", names, without
	if len(without) < len(names) {
		flag, patterns, others = "exclude", without, names
	}
	var flags strings.Builder
	for _, name := range patterns {
		flags.WriteString(shell.Given(flag, patternOf(name, others)))
	}
	return &chosen, flags.String()
}

// patternOf returns a pattern that matches a name and none of the others. A name as a
// pattern also matches everything below it; with a wildcard in it, it matches only the name.
func patternOf(name string, others []string) string {
	i := strings.LastIndexFunc(name, func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
	if i < 0 || !slices.ContainsFunc(others, func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
		return name
	}
	return name[:i] + "[" + name[i:i+1] + "]" + name[i+1:]
}
