package ssmbakcli

import (
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// second counts the states that changed within the second of a TIME in seconds, because such
// a TIME means the end of that second.
type second struct {
	point ssmbak.Point
	n     int
	first ssmbak.Name
}

func (s *second) add(st ssmbak.State) {
	at := s.point.At
	if !s.point.Coarse() || st.Modified.Second() != at.Second() && !deletedWithin(st, at) && !st.AttributesChanged {
		return
	}
	if s.n++; s.n == 1 {
		s.first = st.Name
	}
}

// note prints which states changed, and what to type for the state before.
func (s *second) note(a *app) {
	if s.n == 0 {
		return
	}
	what := string(s.first)
	if s.n > 1 {
		what = shell.Count(s.n, "parameter", "parameters")
	}
	facts, before := shell.Counted("changed", s.n), "before:"+s.point.At.Whole()
	facts["At"], facts["Before"] = s.point.At, before
	a.NoteFacts(facts, "%s changed within this second: use %s for the state before it", what, before)
}

// noteSecond prints which of the states changed within the second of a TIME.
func (a *app) noteSecond(p ssmbak.Point, states []ssmbak.State) {
	s := second{point: p}
	for _, st := range states {
		s.add(st)
	}
	s.note(a)
}

// noteSecondOf is noteSecond for the parameters of a plan.
func (a *app) noteSecondOf(p ssmbak.Point, items []plan.Item) {
	states := make([]ssmbak.State, len(items))
	for i, item := range items {
		states[i] = item.After
		states[i].Name = item.Name
	}
	a.noteSecond(p, states)
}

// deletedWithin reports whether a state is unknown only within the second of at, as it
// is after a deletion, whose event has a precision of one second.
func deletedWithin(st ssmbak.State, at ssmbak.Time) bool {
	second := ssmbak.Seconds(at.Second())
	return st.Certainty == ssmbak.Unknown && st.From >= second && st.Until <= second+1000
}

// deletion formats the time of a deletion as TIME, without a fraction if only the second
// is known.
func deletion(at ssmbak.Time) string {
	if at == ssmbak.Seconds(at.Second()) {
		return at.Whole()
	}
	return at.String()
}

// beforeUnknown returns the part of a hint with the time just before the plan's second,
// if every unknown parameter of the plan changed within that second, and "" otherwise.
func beforeUnknown(p *restore.Plan) string {
	n := 0
	for _, item := range p.Items {
		if item.Action != plan.ActionSkip {
			continue
		}
		if n++; !deletedWithin(item.After, p.At) {
			return ""
		}
	}
	if n == 0 {
		return ""
	}
	return "before:" + p.At.Whole() + " is the time just before this second; "
}

// afterUnknown returns the part of a hint with the time just after the second of TO, if
// every unknown parameter of a revert is unknown at TO, and "" otherwise. The time of a
// deletion that log shows means the end of its second, within which the state is unknown.
func afterUnknown(p *restore.Plan, unknown []plan.Item) string {
	if p.Until == 0 || slices.ContainsFunc(unknown, func(item plan.Item) bool { return !strings.HasPrefix(item.Reason, "at "+p.Until.String()+":") }) {
		return ""
	}
	return ssmbak.Seconds(p.Until.Second()+1).String() + " is the time just after the second of TO; "
}
