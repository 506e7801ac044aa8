package restoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// attempt is one restore: a plan and its application.
type attempt struct {
	run     *run
	what    string
	plan    *restore.Plan
	res     restore.Result
	id      string
	killed  bool
	calm    bool
	options restore.Options
	began   time.Time
	marks   map[string]int // how many changes there had been
	before  map[string]snapshot
	after   map[string]snapshot
	behind  bool // events were on their way
	undoes  *attempt
	also    []int // the writers of earlier tries of the same
}

// attempt plans and applies, nil if there is no plan.
func (s *story) attempt(a *attempt, planned func(*restore.Restorer) (*restore.Plan, error)) *attempt {
	p := a.run
	r := p.begin(a.options)
	known, _, err := s.account.Archive.RestoreRecords(s.account.Context(), 0)
	s.account.Must(err)
	a.behind, a.before, a.marks, a.began = s.AWS.Queue.Depth() > 0, s.everyone(), make(map[string]int), time.Now()
	hidden := s.hidden()
	a.plan, err = planned(r)
	var unmatched *plan.UnmatchedError
	if errors.As(err, &unmatched) {
		s.Counts.Add("a pattern that matches nothing")
		for _, name := range s.names {
			n := ssmbak.Name(name)
			if meant := name == s.text || testworld.Target(s.account, s.text, s.recursive).Below(n); meant && a.before[name].live && pattern.Match(unmatched.Pattern, n) {
				s.Problem("%s: %v, but %s is there", a.what, err, name)
			}
		}
		return nil
	}
	if err != nil {
		if a.calm {
			s.Problem("%s: there is no plan: %v", a.what, err)
		}
		s.Counts.Add("a plan failed")
		s.Event("%s: there is no plan: %v", a.what, err)
		return nil
	}
	s.Event("%s: %s", a.what, actions(a.plan))
	if a.undoes == nil {
		s.checkHidden(a.what, hidden, a.plan.Problems)
	}
	if a.undoes == nil && s.until == 0 && a.calm {
		s.checkReads(a, planned)
	}
	for _, name := range s.names {
		a.marks[name] = len(s.owners[name])
	}
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	s.planned = time.Now()
	s.mu.Unlock()
	if p.ambush > 0 && s.chance(2) {
		s.foreign("plan", s.names[s.rand.IntN(3)])
		time.Sleep(5 * time.Millisecond)
	}
	ctx, cancel := context.WithCancel(s.account.Context())
	defer cancel()
	if !a.calm && s.chance(8) {
		s.Counts.Add("interrupted")
		stop := time.AfterFunc(time.Duration(s.rand.IntN(400))*time.Millisecond, cancel)
		defer stop.Stop()
	}
	p.apply()
	a.res, err = r.Apply(ctx, a.plan)
	a.killed = p.Dead()
	a.after = s.everyone()
	if err != nil && (a.calm && !a.killed || p.wrote > 0) {
		s.Problem("%s: %v", a.what, err)
	}
	now, _, err := s.account.Archive.RestoreRecords(s.account.Context(), 0)
	s.account.Must(err)
	if len(now) > len(known) {
		i := slices.IndexFunc(now, func(x *plan.Document) bool {
			return !slices.ContainsFunc(known, func(y *plan.Document) bool { return x.ID == y.ID })
		})
		a.id = now[i].ID
	}
	if a.killed {
		s.Event("%s was killed at request %d, after %d changes", a.what, p.killAt, p.wrote)
	}
	for _, out := range a.res.Outcomes {
		if out.Item.Action != plan.ActionNone || out.Err != nil {
			s.Event("    %s %s %s: version %d %v", out.Status, out.Item.Action, out.Item.Name, out.Version, out.Err)
		}
	}
	s.countAttempt(a)
	s.checkAttempt(a)
	time.Sleep(time.Second)
	return a
}

func (s *story) planner(r *restore.Restorer) (*restore.Plan, error) {
	return r.Plan(s.account.Context(), testworld.Target(s.account, s.text, s.recursive), s.at)
}

// first restores in a troubled world.
func (s *story) first() *attempt {
	p := s.newRun(1)
	p.attempts = []int{2, 10}[s.rand.IntN(2)]
	if !s.chance(4) {
		p.trouble = s.rand.IntN(200)
	}
	if s.chance(2) {
		p.ambush = s.rand.IntN(300)
	}
	if s.chance(3) {
		p.killAt, p.killAfter = 1+s.rand.IntN(30), s.chance(2)
	}
	return s.attempt(&attempt{run: p, what: "the first restore", options: s.options}, s.planner)
}

// second restores in peace, and finds nothing to do after that.
func (s *story) second() *attempt {
	for _, key := range []string{"alias/k1", "alias/k2"} {
		if s.chance(2) {
			s.AWS.SSM.EnableKey(key)
		}
	}
	p := s.newRun(2)
	p.attempts = 3
	a := s.attempt(&attempt{run: p, what: "the second restore", options: s.options, calm: true}, s.planner)
	if a == nil {
		return nil
	}
	s.rest()
	again, err := s.newRun(3).begin(s.options).Plan(s.account.Context(), testworld.Target(s.account, s.text, s.recursive), s.at)
	if err != nil {
		s.Problem("planning again: %v", err)
		return a
	}
	for i := range again.Items {
		item := &again.Items[i]
		out := a.outcome(string(item.Name))
		if out != nil && out.Err == nil && more(out.Item.After, item.After) {
			continue // the archive has learned what it was
		}
		if a.options.ManyReads < 0 && !s.upToDate(a, string(item.Name)) && !item.NewVersion() && item.Action == plan.ActionUpdate {
			continue // it has learned of tags or labels that were not read
		}
		if item.Action.Writes() && item.Refused == "" && (out == nil || out.Err == nil) {
			s.Problem("planning again after %s of %s: %s %s", a.what, item.Name, item.Action, differs(item))
		}
	}
	return a
}

// more reports whether a state says what an earlier answer did not.
func more(was, is ssmbak.State) bool {
	return was.Certainty == ssmbak.Unknown && is.Certainty != ssmbak.Unknown || is.Tags.IsProved() && !was.Tags.IsProved() || is.Labels.IsProved() && !was.Labels.IsProved()
}

// actions is what a plan does, as one text.
func actions(p *restore.Plan) string {
	var all []string
	for i := range p.Items {
		item := &p.Items[i]
		text := fmt.Sprintf("%s %s", item.Action, item.Name)
		if item.Action == plan.ActionUpdate {
			text += ": " + differs(item)
		}
		if item.Refused != "" {
			text += " (" + item.Refused + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func differs(item *plan.Item) string {
	var all []string
	for _, d := range item.Differences {
		all = append(all, fmt.Sprintf("%s %q -> %q", d.Attribute, d.Before, d.After))
	}
	return strings.Join(all, ", ")
}

func (a *attempt) outcome(name string) *plan.Outcome {
	for i := range a.res.Outcomes {
		if string(a.res.Outcomes[i].Item.Name) == name {
			return &a.res.Outcomes[i]
		}
	}
	return nil
}

// back takes the restores back, the newest first, and that again.
func (s *story) back(first, second *attempt) {
	writer := 10
	undo := func(of *attempt, what string) *attempt {
		if of == nil || of.id == "" {
			s.Counts.Add("nothing left to do")
			return nil
		}
		if s.chance(3) {
			s.foreign(what, s.names[s.rand.IntN(len(s.names))])
		}
		s.rest()
		o := restore.Options{Parallel: 1 + s.rand.IntN(8), Options: plan.Options{Replace: s.options.Replace || s.chance(4)}}
		undoer := func(r *restore.Restorer) (*restore.Plan, error) { return r.Undo(s.account.Context(), of.id) }
		again := func(also []int) *attempt {
			writer++
			if o.Into = (plan.Place{}); of.options.Into == here && s.readsSource(of) {
				o.Into = here
			}
			p := s.newRun(writer)
			p.attempts = 3
			if also == nil && s.chance(4) {
				p.killAt, p.killAfter = 1+s.rand.IntN(12), s.chance(2)
			}
			return s.attempt(&attempt{run: p, what: what, options: o, calm: true, undoes: of, also: also}, undoer)
		}
		way := again(nil)
		if way == nil || !way.killed {
			return way
		}
		s.Counts.Add("undo killed")
		what += ", run again after it was killed"
		s.rest()
		return again([]int{way.run.writer})
	}
	var ways []*attempt
	for _, of := range []struct {
		a    *attempt
		what string
	}{{second, "undo of the second restore"}, {first, "undo of the first restore"}} {
		if way := undo(of.a, of.what); way != nil {
			s.Counts.Add("undo")
			ways = append(ways, way)
		}
	}
	slices.Reverse(ways)
	for _, way := range ways {
		if undo(way, "undo of the "+way.what) != nil {
			s.Counts.Add("undo of the undo")
		}
	}
}
