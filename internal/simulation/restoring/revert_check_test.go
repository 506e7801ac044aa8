package restoring

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/plan"
)

// units are the parts of a parameter that a revert takes back, as texts; nil if it does not
// exist.
func units(x snapshot) map[string]string {
	if !x.live {
		return nil
	}
	withValue := x.attributes()
	withValue.Tier, withValue.Policies, withValue.Description = "", "", ""
	out := map[string]string{
		"value":       fmt.Sprintf("%+v %.20q of %d", withValue, x.Value, len(x.Value)),
		"tier":        x.Tier + " " + x.Policies,
		"description": x.Description,
	}
	for key, value := range x.Tags {
		out["tag "+key] = "=" + value
	}
	for label, number := range x.Labels {
		out["label "+label] = fmt.Sprintf("%d of life %d", number, x.life)
	}
	return out
}

// expected is what a revert has to do with one parameter.
type expected struct {
	from, to, before map[string]string // nil if it did not exist
	after            map[string]string
	conflicts        []string
	// loose are the labels of versions that may not exist again.
	loose map[string]bool
}

// expect determines what a revert has to do, from the emulator's states.
func expect(f, t, b snapshot, now time.Time) *expected {
	e := &expected{from: units(f), to: units(t), before: units(b), after: units(b), loose: make(map[string]bool)}
	for _, unit := range slices.Collect(maps.Keys(e.from)) {
		if strings.HasPrefix(unit, "label ") && (f.life != b.life || !b.live || b.Version > 90) {
			e.loose[unit] = true
		}
	}
	switch {
	case maps.Equal(e.from, e.to):
	case !f.live && !b.live:
	case !f.live && b.life == t.life && maps.Equal(e.to, e.before):
		e.after = nil
	case !t.live && !b.live:
		e.after = units(f)
		policies, _ := alive(f.Policies, now)
		e.after["tier"] = f.Tier + " " + policies
	case !t.live && maps.Equal(e.tight(e.from), e.tight(e.before)):
		e.loose["existence"] = true // its labels decide
	case !f.live || !t.live || !b.live:
		e.conflicts = []string{"existence"}
	default:
		e.expectUnits(f, b, now)
	}
	return e
}

func (e *expected) expectUnits(f, b snapshot, now time.Time) {
	raised := f
	raised.Policies, _ = alive(f.Policies, now)
	if b.Tier == "Advanced" {
		raised.Tier = "Advanced"
	}
	reached := func(unit string) bool {
		return e.before[unit] == e.from[unit] || unit == "tier" && e.before[unit] == units(raised)["tier"]
	}
	conflict := func(unit string) bool {
		if e.from[unit] == e.to[unit] || reached(unit) {
			return false
		}
		return e.before[unit] != e.to[unit] || unit == "value" && validated(b.DataType, f.DataType)
	}
	all := maps.Clone(e.from)
	maps.Copy(all, e.to)
	for unit := range all {
		attribute := strings.HasPrefix(unit, "tag ") || strings.HasPrefix(unit, "label ")
		switch {
		case e.loose[unit], e.from[unit] == e.to[unit], reached(unit):
		case conflict(unit), conflict("value") && !attribute:
			e.conflicts = append(e.conflicts, unit)
		case attribute && e.from[unit] == "":
			delete(e.after, unit)
		case unit == "tier":
			e.after[unit] = units(raised)["tier"]
		default:
			e.after[unit] = e.from[unit]
		}
	}
	slices.Sort(e.conflicts)
}

// tight returns the units without the loose ones.
func (e *expected) tight(units map[string]string) map[string]string {
	out := maps.Clone(units)
	maps.DeleteFunc(out, func(unit, _ string) bool { return e.loose[unit] })
	return out
}

// checkReverted compares what is live after a revert with what it had to do.
func (s *story) checkReverted(a *attempt, out *plan.Outcome, theirAttributes bool) {
	item, name := &out.Item, string(out.Item.Name)
	got, before := a.after[name], a.before[name]
	if item.Action == plan.ActionSkip {
		return // nothing changed, which is checked for all refused ones
	}
	s.checkPair(a, name, got)
	if theirAttributes {
		return
	}
	f, t := s.snapshot(name, s.at), s.snapshot(name, s.until)
	if item.Action == plan.ActionNone && !item.After.Deleted && item.Before == nil {
		return
	}
	if s.lossy || a.behind {
		return // the answers of the archive may be wrong
	}
	e := expect(f, t, before, a.began)
	s.ignoreUnknown(e, item, name)
	after := units(got)
	if item.Action == plan.ActionCreate { // its labels go with the version that exists again
		for unit := range e.after {
			e.loose[unit] = e.loose[unit] || strings.HasPrefix(unit, "label ")
		}
	}
	if (after == nil) != (e.after == nil) || !maps.Equal(e.tight(after), e.tight(e.after)) {
		s.Problem("%s: %s %s %s:\n    from   %v\n    to     %v\n    before %v\n    after  %v\n    want   %v", a.what, out.Status, item.Action, name, e.from, e.to, e.before, after, e.after)
	}
	s.countReverted(e, item, after, f.life != before.life)
}

// ignoreUnknown makes tags and labels loose that the archive does not know at both times.
func (s *story) ignoreUnknown(e *expected, item *plan.Item, name string) {
	notices := strings.Join(item.Notices, "\n")
	for _, kind := range []string{"tag", "label"} {
		unknown := strings.Contains(notices, "its "+kind+"s are not changed") || kind == "label" && s.unlabelled[name]
		for _, units := range []map[string]string{e.from, e.to, e.before} {
			for unit := range units {
				if unknown && strings.HasPrefix(unit, kind+" ") {
					e.loose[unit] = true
				}
			}
		}
	}
	if e.from != nil && e.to != nil && maps.Equal(e.tight(e.from), e.tight(e.to)) {
		e.loose["existence"] = true // for all that is known, there is nothing to take back
	}
}

// checkPair demands that a value is live under a type, key, data type and pattern with which
// it was live before.
func (s *story) checkPair(a *attempt, name string, got snapshot) {
	if !got.live {
		return
	}
	for _, c := range s.AWS.SSM.Truth(name)[:a.marks[name]] {
		if c.Op != "Delete" && units(snapshot{Change: c, live: true})["value"] == units(got)["value"] {
			return
		}
	}
	if ours, theirs, _ := s.since(a, name); ours > 0 && !theirs {
		s.Problem("%s: %s has a value under attributes that it never had: %s", a.what, name, units(got)["value"])
	}
}

// countReverted counts the corners of a revert of one parameter.
func (s *story) countReverted(e *expected, item *plan.Item, after map[string]string, otherLife bool) {
	taken := 0
	if (after == nil) != (e.before == nil) {
		s.Counts.Add("taken back: existence")
		return
	}
	attributes := false
	all := maps.Clone(e.before)
	maps.Copy(all, after)
	for unit := range all {
		if e.before[unit] != after[unit] {
			kind, _, isAttribute := strings.Cut(unit, " ")
			s.Counts.Add("taken back: " + kind)
			attributes = attributes || isAttribute
			taken++
		}
	}
	if taken > 0 && otherLife {
		s.Counts.Add("another life")
	}
	if taken > 0 && len(item.Conflicts) > 0 {
		s.Counts.Add("only some units taken back")
		if attributes && slices.ContainsFunc(item.Conflicts, func(c plan.Conflict) bool { return c.Unit == plan.UnitValue }) {
			s.Counts.Add("tags and labels taken back while the value is in conflict")
		}
	}
}

// checkConflicts compares the conflicts of a plan with those that there are, and with who
// changed the units.
func (s *story) checkConflicts(a *attempt) {
	for i := range a.plan.Items {
		item := &a.plan.Items[i]
		name := string(item.Name)
		f, t, b := s.snapshot(name, s.at), s.snapshot(name, s.until), a.before[name]
		e := expect(f, t, b, a.began)
		var found []string
		for _, c := range item.Conflicts {
			kind, _, _ := strings.Cut(string(c.Unit), " ")
			s.Counts.Add("conflict: " + kind)
			s.checkAuthor(a, name, c, b)
			if !e.loose[string(c.Unit)] {
				found = append(found, string(c.Unit))
			}
		}
		others := slices.ContainsFunc(item.Conflicts, func(c plan.Conflict) bool {
			return strings.Contains(c.Reason, "in between") && !strings.Contains(c.Reason, "the parameter was")
		})
		if s.othersBetween(name) && len(a.options.Principals) > 0 && item.Action.Writes() && !s.lossy && !a.behind {
			s.Problem("%s: %s is to be changed, although others changed it in between: %v", a.what, name, e.to)
		}
		if others {
			s.Counts.Add("conflict: by others")
			continue
		}
		if item.Action == plan.ActionSkip && len(item.Conflicts) == 0 || s.lossy || a.behind {
			continue // it is unknown, or may be
		}
		s.ignoreUnknown(e, item, name)
		found = slices.DeleteFunc(found, func(unit string) bool { return e.loose[unit] })
		want := slices.DeleteFunc(slices.Clone(e.conflicts), func(unit string) bool { return e.loose[unit] })
		slices.Sort(found)
		if !slices.Equal(found, want) && !e.loose["existence"] {
			s.Problem("%s: %s: conflicts %q, want %q:\n    from   %v\n    to     %v\n    before %v", a.what, name, found, want, e.from, e.to, e.before)
		}
	}
}

// checkAuthor checks who changed a unit in conflict, and when.
func (s *story) checkAuthor(a *attempt, name string, c plan.Conflict, b snapshot) {
	if c.Version == 0 {
		if c.By != "" {
			s.Problem("%s: %s %s: by %s, which no event says", a.what, name, c.Unit, c.By)
		}
		return
	}
	log := s.AWS.SSM.Truth(name)
	i := slices.IndexFunc(log, func(x ssmapi.Change) bool {
		return version(x) && x.Op != "Delete" && x.Version == c.Version && ssmbak.TimeOf(x.Time) == c.From
	})
	if i < 0 || log[i].User != c.By {
		s.Problem("%s: %s %s: version %d of %s by %s, which is not what happened", a.what, name, c.Unit, c.Version, c.From, c.By)
		return
	}
	unit := string(c.Unit)
	if unit == "existence" || !strings.Contains(c.Reason, "since") || i == 0 || log[i-1].Op == "Delete" {
		return
	}
	s.Counts.Add("attributed")
	made := units(snapshot{Change: log[i], live: true})[unit]
	if made == units(snapshot{Change: log[i-1], live: true})[unit] || made != units(b)[unit] {
		s.Problem("%s: %s %s: version %d of %s did not change it last", a.what, name, unit, c.Version, c.From)
	}
}

// othersBetween reports whether something else than versions by alice happened between the
// two times.
func (s *story) othersBetween(name string) bool {
	for _, c := range s.AWS.SSM.Truth(name) {
		if at := ssmbak.TimeOf(c.Time); at > s.at && at <= s.until && (!version(c) || c.Op == "Delete" || c.User != alice) {
			return true
		}
	}
	return false
}
