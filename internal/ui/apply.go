package ui

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// job is a restore in progress, or the last one.
type job struct {
	id, title, again string
	link             string // of a new plan
	plan             *restore.Plan

	mu          sync.Mutex // guards what follows, interrupted until the end
	restore     string     // its ID, "" before there is a record
	done, total int
	away        map[ssmbak.Name]ssmbak.Time
	result      restore.Result
	err         error
	ended       bool
	interrupted bool
}

// apply applies a plan that was shown: exactly that, with the chosen parameters.
func (s *Server) apply(r *http.Request) (*page, error) {
	if !s.o.AllowRestore {
		return nil, shell.Usage("start `ssmbak ui --allow-restore`", "this page is read-only")
	}
	if err := r.ParseForm(); err != nil {
		return nil, shell.Usage("go back and repeat it", "the form cannot be read: %s", err)
	}
	p, ok := s.plans.take(r.PostFormValue("token"))
	if !ok {
		return nil, errUsed
	}
	ticked := make(map[string]bool)
	for _, name := range r.PostForm["name"] {
		ticked[name] = true
	}
	message := r.PostFormValue("message")
	chosen, flags := p.only(ticked, r.PostFormValue("rest") != "")
	switch {
	case chosen.Applied() == 0:
		return s.planPage(p, ticked, message, "nothing was changed: tick at least one parameter"), nil
	case chosen.NeedsConfirmation() && r.PostFormValue("yes") != "yes":
		return s.planPage(p, ticked, message, "nothing was changed: "+render.Grave(chosen)+", so type yes into the field"), nil
	}
	j, problem := s.begin(chosen, p.options, p.link, p.argument+flags, message)
	if problem != "" {
		return s.planPage(p, ticked, message, problem), nil
	}
	return &page{redirect: "/restore?" + url.Values{"run": {j.id}}.Encode()}, nil
}

// begin starts a restore, or says why it does not: two restores at once would only get in
// each other's way.
func (s *Server) begin(p *restore.Plan, o plan.Options, link, arguments, message string) (*job, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return nil, "nothing was changed: ssmbak was interrupted"
	case s.job != nil && !s.job.over():
		return nil, "nothing was changed: another restore of this page is in progress"
	}
	j := &job{id: rand.Text(), title: render.Title(p, "", s.times()), again: s.command(arguments), link: link, plan: p, total: p.Applied(), away: make(map[ssmbak.Name]ssmbak.Time)}
	s.job = j
	r := s.o.Restorer(restore.Options{
		Options: o, Message: message, Arguments: arguments, Began: j.began, Away: j.absence, Progress: j.progress,
	})
	s.running.Go(func() {
		applied := func() {}
		if s.o.Applying != nil {
			applied = s.o.Applying(s.ctx)
		}
		res, err := r.Apply(s.ctx, p)
		applied()
		s.mu.Lock()
		s.settled = ssmbak.TimeOf(s.o.Now()).Add(recorded)
		s.mu.Unlock()
		j.end(res, err, s.ctx.Err() != nil)
		s.start(s.ctx, readKey, readTitle, readSteps, func(ctx context.Context, w *work) (any, error) { return s.replace(ctx, w) })
	})
	return j, ""
}

func (s *Server) current() *records {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records
}

func (j *job) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ended
}

func (j *job) began(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.restore = id
}

func (j *job) progress(done, total int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done, j.total = done, total
}

func (j *job) absence(a restore.Absence) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a.Over {
		delete(j.away, a.Name)
		return
	}
	j.away[a.Name] = a.Until
}

func (j *job) end(res restore.Result, err error, interrupted bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result, j.err, j.ended, j.interrupted = res, err, true, interrupted
}

// progressView is the view model of a restore in progress, or of its result.
type progressView struct {
	Title       string
	ID          string
	Done, Total int
	Away        []string
	Waits       *stamp // when the last deleted parameter can be created again, nil for now
	Ended       bool
	Failure     string
	Counts      string
	Rows        []outcomeRow
	More        int
	Hint        string
	Undo        string
	Tree        string // at the moment that was restored
	Again       string // a new plan, which says what is left to do
}

type outcomeRow struct {
	Name, Status, Version, Error string
	Notices                      []string
}

func (s *Server) progress(r *http.Request) (*page, error) {
	s.mu.Lock()
	j := s.job
	s.mu.Unlock()
	if j == nil || j.id != r.URL.Query().Get("run") {
		return nil, withCommands(shell.KindNotFound.Fail("the screen Restores lists all of them, also those that did not end", "this restore is none of the running page's newest"), s.command("undo"))
	}
	p := s.newPage("progress", "Restore", "", view{}, nil)
	v := s.progressView(j)
	p.Refresh, p.Body = !v.Ended, v
	p.Commands = []string{j.again}
	if v.ID != "" {
		p.Commands = append(p.Commands, s.command("undo "+v.ID))
	}
	return p, nil
}

// shownOutcomes is the number of parameters whose results are listed.
const shownOutcomes = 500

func (s *Server) progressView(j *job) progressView {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := progressView{Title: j.title, ID: j.restore, Done: j.done, Total: j.total, Ended: j.ended, Tree: (view{At: j.plan.At}).link("/tree")}
	if j.plan.Undoes == "" {
		v.Again = j.link
	}
	for _, name := range slices.Sorted(maps.Keys(j.away)) {
		v.Away = append(v.Away, string(name))
	}
	if !j.ended {
		if waits := j.plan.Waits(); waits > ssmbak.TimeOf(s.o.Now()) {
			v.Waits = new(at(waits, s.zone()))
		}
		return v
	}
	if j.err != nil {
		v.Failure = "nothing was changed: " + s.reason(j.err)
		return v
	}
	counts := make(map[plan.Status]int)
	changed := false
	var shown []plan.Outcome
	for _, o := range j.result.Outcomes {
		counts[o.Status]++
		changed = changed || o.Changed
		if o.Status != plan.StatusUnchanged {
			shown = append(shown, o)
		}
	}
	// What needs attention is first.
	slices.SortStableFunc(shown, func(a, b plan.Outcome) int { return cmp.Compare(btoi(a.Err == nil), btoi(b.Err == nil)) })
	for _, o := range shown[:min(shownOutcomes, len(shown))] {
		row := outcomeRow{Name: string(o.Item.Name), Status: string(o.Status), Notices: o.Item.Notices}
		if o.Version != 0 {
			row.Version = fmt.Sprint(o.Version)
		}
		if o.Err != nil {
			row.Error = s.times().Local(s.reason(o.Err))
		}
		v.Rows = append(v.Rows, row)
	}
	v.More = len(shown) - len(v.Rows)
	v.Counts = fmt.Sprintf("restored %d, deleted %d, unchanged %d, refused %d, failed %d",
		counts[plan.StatusRestored], counts[plan.StatusDeleted], counts[plan.StatusUnchanged], counts[plan.StatusRefused], counts[plan.StatusFailed])
	if counts[plan.StatusRefused]+counts[plan.StatusFailed] > 0 {
		v.Hint = render.Remedies(j.plan, j.result, j.again)
	}
	if changed {
		v.Undo = planLink(url.Values{"kind": {kindUndo}, "id": {j.result.ID}})
	}
	if j.result.Unrecorded != nil {
		v.Failure = "the results could not be saved in the restore record: " + s.reason(j.result.Unrecorded)
	}
	return v
}
