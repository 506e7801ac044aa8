package ui

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

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
	argument string            // the command without flags that select names
	link     string            // of a new plan
	about    int               // of so many parameters, or a few more or less; 0 if that is not known
	patterns map[string]string // of --only by the names that the plan is restricted to, nil for all
}

// planView is the view model of a plan.
type planView struct {
	Title, Summary string
	Rows           []planRow
	More           string // how many parameters are after them, "" for none
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

// planned makes the plan of an address. It writes nothing to Parameter Store. If that takes
// longer than an answer may, the error is a [*waitError].
func (s *Server) planned(ctx context.Context, q url.Values) (*planned, error) {
	if !s.o.Live {
		return nil, shell.KindWrongAccount.Fail("open the page with the credentials of that account", "this archive is that of another account or region than yours, so that nothing can be planned")
	}
	rec, err := s.latest(ctx)
	if err != nil {
		return nil, err
	}
	p := &planned{query: q, link: planLink(q)}
	do, err := s.planner(rec, p)
	if err != nil {
		return nil, err
	}
	steps := planSteps
	if p.about == 0 {
		steps = nil
	}
	made, err := await(ctx, s, p.link, "Making the plan", steps, func(ctx context.Context, w *work) (*planned, error) {
		for step := range steps {
			w.expect(step, p.about)
		}
		var err error
		p.Plan, err = do(ctx, func(s restore.Step, n int) {
			if steps != nil {
				w.add(int(s), n)
			}
		})
		return p, unrecorded(err)
	})
	return made, withCommands(err, s.command(p.argument+p.flags()))
}

// planSteps are the words for each [restore.Step].
var planSteps = []string{
	restore.StepRecords: "parameters read from the archive", restore.StepLive: "live parameters listed",
	restore.StepValues: "parameters compared", restore.StepTags: "parameters checked for live tags and labels",
}

// planner sets the options of a plan and the command that makes the same, and returns what
// makes it.
func (s *Server) planner(rec *records, out *planned) (func(context.Context, func(restore.Step, int)) (*restore.Plan, error), error) {
	q := out.query
	names, err := planNames(q)
	if err != nil {
		return nil, err
	}
	target, err := s.planTarget(names)
	if err != nil {
		return nil, err
	}
	out.about = len(names)
	if len(names) == 0 {
		out.about = len(rec.lines.Names)
	}
	o := &out.options
	ro := restore.Options{Brief: true}
	if len(names) > 1 {
		out.restrict(names, rec.lines.Names)
		ro.Names = names
	}
	flags := ""
	pace := ""
	if s.o.MaxRate > 0 {
		pace = shell.Given("max-rate", fmt.Sprint(s.o.MaxRate))
	}
	if target.Recursive() {
		flags = " --recursive"
	}
	with := func(r func(*restore.Restorer, context.Context) (*restore.Plan, error)) func(context.Context, func(restore.Step, int)) (*restore.Plan, error) {
		return func(ctx context.Context, planning func(restore.Step, int)) (*restore.Plan, error) {
			ro.Options, ro.Planning = *o, planning
			return r(s.o.Restorer(ro), ctx)
		}
	}
	switch q.Get("kind") {
	case kindRestore:
		o.Exact, o.Replace, o.AssumeLastKnown = q.Has("exact"), q.Has("replace"), q.Has("assumeLastKnown")
		moment, err := s.past(q.Get("at"), rec)
		if err != nil {
			return nil, err
		}
		flags += given("exact", o.Exact) + given("replace", o.Replace) + given("assume-last-known", o.AssumeLastKnown)
		out.argument = "restore " + shell.Quote(target.String()) + " " + moment.String() + flags + pace
		return with(func(r *restore.Restorer, ctx context.Context) (*restore.Plan, error) {
			return r.Plan(ctx, target, moment)
		}), nil
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
		out.argument = "revert " + shell.Quote(target.String()) + " " + from.String() + " " + until.String() + flags + given("replace", o.Replace) + pace
		return with(func(r *restore.Restorer, ctx context.Context) (*restore.Plan, error) {
			return r.Revert(ctx, target, from, until)
		}), nil
	case kindUndo:
		id := q.Get("id")
		o.Replace = q.Has("replace")
		out.argument = "undo " + shell.Quote(id) + given("replace", o.Replace) + pace
		out.about, ro.Names = 0, nil
		if i := slices.IndexFunc(rec.restores, func(d *plan.Document) bool { return d.ID == id }); i >= 0 {
			out.about = len(rec.restores[i].Items)
		}
		return with(func(r *restore.Restorer, ctx context.Context) (*restore.Plan, error) {
			p, err := r.Undo(ctx, id)
			if errors.Is(err, archive.ErrNoRestore) {
				err = shell.KindNotFound.Fail("the screen Restores lists them", "there is no record of restore %s", id)
			}
			return p, err
		}), nil
	}
	return nil, shell.Usage("use the buttons of a page", "unknown kind of plan %q", q.Get("kind"))
}

func given(flag string, on bool) string {
	if on {
		return " --" + flag
	}
	return ""
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
	v := s.planView(p, ticked)
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
	out.Commands = []string{s.command(p.argument + p.flags())}
	return out
}

// planView returns the view model of a plan.
func (s *Server) planView(p *planned, ticked map[string]bool) planView {
	v := planView{Title: render.Title(p.Plan, "", s.times()), Summary: render.Summary(p.Plan), Applied: p.Applied(), Kept: p.Count(plan.ActionKeep), Again: p.link}
	all := render.Ordered(p.Plan)
	shown := all[:min(tickedRows, len(all))]
	for _, item := range shown {
		row := s.planRow(item)
		row.Ticked = !row.Refused && (ticked == nil || ticked[row.Name])
		v.Rows = append(v.Rows, row)
	}
	if n := len(all) - len(shown); n > 0 {
		v.More = shell.Count(n, "more parameter is", "more parameters are")
	}
	for _, item := range p.Items {
		if item.Action == plan.ActionSkip && len(item.Conflicts) == 0 && len(v.Skipped) < tickedRows {
			v.Skipped = append(v.Skipped, s.planRow(item))
		}
	}
	if v.Applied > 0 {
		v.Lines = append(render.Principals(p.Plan, s.times()), render.Question{MaxRate: s.o.MaxRate}.Estimate(p.Plan))
		v.Lines = append(v.Lines, "running applications keep the old values until they read the parameters again; Terraform or CloudFormation may overwrite the restored values")
		if p.NeedsConfirmation() {
			v.Grave = render.Grave(p.Plan)
		}
	}
	v.Choices = choices(p)
	return v
}

func (s *Server) planRow(item plan.Item) planRow {
	row := planRow{Name: string(item.Name), Action: string(item.Action), Reason: s.times().Local(render.Escape(item.Reason)), Refused: item.Refused != "" || !item.Action.Writes()}
	times := s.times()
	times.Live = true
	if all := render.ItemLines(item, times); len(all) > 1 {
		row.Lines = lines(all[1:])
	}
	return row
}

// choices returns the options that a plan of its kind has.
func choices(p *planned) (all []choice) {
	add := func(option, text string) {
		q := url.Values{}
		maps.Copy(q, p.query)
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
