package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// history is a random history of one parameter.
type history struct {
	p    *Parameter // nil if it does not exist
	life int
	now  ssmbak.Time
}

// step makes one random change that Parameter Store accepts.
func (h *history) step(t *rapid.T) {
	h.now += 1000
	one := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, what) }
	op := one("op", "put", "put", "put", "tag", "untag", "label", "label", "unlabel", "delete")
	if h.p == nil {
		op = "put"
	}
	next := Parameter{Tags: ssmbak.Know(map[string]string{}, ssmbak.Proved), Labels: ssmbak.Know(map[string]int64{}, ssmbak.Proved)}
	if h.p != nil {
		next = *h.p
		next.Tags.V, next.Labels.V = maps.Clone(h.p.Tags.V), maps.Clone(h.p.Labels.V)
	}
	switch op {
	case "put":
		next.Version = h.version(t, one)
		next.Value = ssmbak.Know(ssmbak.NewValue(one("value", "x", "y")), ssmbak.Proved)
		next.History = append(slices.Clip(next.History), timeline.Ref{Number: next.Version.Number, Time: next.Version.Time})
	case "tag":
		next.Tags.V[one("key", "a", "b", "aws:c")] = one("text", "", "1")
	case "untag":
		delete(next.Tags.V, one("key", "a", "b"))
	case "label":
		next.Labels.V[one("label", "l", "m")] = rapid.Int64Range(1, next.Version.Number).Draw(t, "on")
	case "unlabel":
		delete(next.Labels.V, one("label", "l", "m"))
	case "delete":
		h.p = nil
		return
	}
	h.p = &next
}

// version returns the next version, which changes as many attributes as it may.
func (h *history) version(t *rapid.T, one func(string, ...string) string) ssmbak.Version {
	v := ssmbak.Version{Number: 1, Time: h.now}
	if h.p == nil {
		h.life++
		v.Attributes = ssmbak.Attributes{Type: ssmbak.TypeString, Tier: standard, DataType: one("dataType", plain, plain, "integer", DataTypeImage)}
	} else {
		v.Attributes, v.Number = h.p.Version.Attributes, h.p.Version.Number+1
	}
	if rapid.Bool().Draw(t, "otherType") {
		v.Type, v.KeyID = ssmbak.Type(one("type", "String", "SecureString")), ""
		if v.Type == ssmbak.TypeSecureString {
			v.KeyID = one("keyID", "alias/k", "alias/l")
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "others") == 0 {
		v.Description, v.AllowedPattern = one("description", "", "d"), one("pattern", "", ".*")
	}
	if rapid.IntRange(0, 3).Draw(t, "tier") == 0 {
		v.Tier = advanced
	}
	if v.Tier == advanced && rapid.Bool().Draw(t, "otherPolicies") {
		v.Policies = one("policies", "", `[{"Type":"NoChangeNotification"}]`)
	}
	return v
}

// parts returns the units of a parameter of a life as texts, nil if it does not exist.
func parts(p *Parameter, life int) map[string]string {
	if p == nil {
		return nil
	}
	v := Defaulted(p.Version.Attributes)
	out := map[string]string{
		"value":       fmt.Sprintf("%s %s %s %s %s", v.Type, v.KeyID, v.DataType, v.AllowedPattern, p.Value.V.Reveal()),
		"tier":        v.Tier + v.Policies,
		"description": v.Description,
	}
	for key, value := range restorable(p.Tags.V) {
		out["tag "+key] = "=" + value
	}
	for label, number := range p.Labels.V {
		out["label "+label] = fmt.Sprintf("%d of life %d", number, life)
	}
	return out
}

// TestRevertModel reverts a part of a random history, and checks that units as at the later
// time became those of the earlier one, and that no other unit changed.
func TestRevertModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := &history{now: fromTime - 100_000}
		walk := func(what string, most int) (*Parameter, int) {
			for range rapid.IntRange(0, most).Draw(t, what) {
				h.step(t)
			}
			return h.p, h.life
		}
		from, fromLife := walk("before", 6)
		to, toLife := walk("between", 4)
		live, liveLife := walk("since", rapid.SampledFrom([]int{0, 3}).Draw(t, "most"))
		side := func(at ssmbak.Time, p *Parameter) Side {
			s := Side{At: at, State: ssmbak.State{Name: "/a", Deleted: true, Certainty: ssmbak.LastKnown}}
			if p != nil {
				s.State = ssmbak.State{Name: "/a", Version: p.Version, Value: p.Value, Certainty: ssmbak.Proved, Tags: p.Tags, Labels: p.Labels}
			}
			return s
		}
		c := Reversal{Name: "/a", Now: later, From: side(fromTime, from), To: side(toTime, to), SameLife: fromLife == toLife, Before: live, Existed: fromLife > 0, Covered: true}
		item := Revert(c)
		s := model{live}
		s.apply(t, item, c.Now)
		after, afterLife := relabelled(item, s.p), liveLife
		if item.Action == ActionCreate {
			afterLife++
		}

		w := expectation{from: parts(from, fromLife), to: parts(to, toLife), live: parts(live, liveLife), sameFrom: fromLife == liveLife, sameTo: toLife == liveLife}
		if live != nil && to != nil { // tags of AWS are never changed, but may be lost
			w.sameTo = w.sameTo && (maps.Equal(live.Tags.V, to.Tags.V) || !maps.Equal(restorable(live.Tags.V), restorable(to.Tags.V)))
		}
		w.decide()
		got := parts(after, afterLife)
		fail := func(format string, args ...any) {
			t.Fatalf("%s\nfrom %v\nto   %v\nlive %v\ngot  %v\nwant %v\n%s", reversed(item), w.from, w.to, w.live, got, w.after, fmt.Sprintf(format, args...))
		}
		if !maps.Equal(w.comparable(got), w.comparable(w.after)) || (got == nil) != (w.after == nil) {
			fail("the units are others")
		}
		for unit := range w.loose {
			if w.live[unit] != w.to[unit] && got[unit] != w.live[unit] {
				fail("%s was not as at the later time, and changed", unit)
			}
		}
		var units []string
		for _, x := range item.Conflicts {
			if !w.loose[string(x.Unit)] {
				units = append(units, string(x.Unit))
			}
		}
		slices.Sort(units)
		if !slices.Equal(units, w.conflicts) {
			fail("conflicts %q, want %q", units, w.conflicts)
		}
		again := c
		if again.Before = after; after != nil && item.NewVersion() {
			made := timeline.Ref{Number: after.Version.Number, Time: after.Version.Time}
			if after.History = []timeline.Ref{made}; made.Number > 1 {
				after.History = append(slices.Clip(live.History), made)
			}
		}
		if second := Revert(again); second.Action.Writes() {
			fail("the same revert again is %s", reversed(second))
		}
	})
}

// relabelled returns the parameter after the labels of the item were moved.
func relabelled(item Item, p *Parameter) *Parameter {
	if p == nil {
		return nil
	}
	out := *p
	out.Labels = ssmbak.Know(map[string]int64{}, ssmbak.Proved)
	if item.Before != nil {
		maps.Copy(out.Labels.V, item.Before.Labels.V)
	}
	for _, m := range item.Labels {
		switch {
		case m.To == 0:
			delete(out.Labels.V, m.Label)
		case m.ToNew:
			out.Labels.V[m.Label] = p.Version.Number
		default:
			out.Labels.V[m.Label] = m.To
		}
	}
	return &out
}

// expectation is what a revert has to do, in units as texts.
type expectation struct {
	from, to, live   map[string]string // nil if it did not exist
	sameFrom, sameTo bool              // it was not deleted since, and has the same tags of AWS
	after            map[string]string
	conflicts        []string // sorted
	// loose are the labels whose versions belong to another life, so that they may come
	// back on another version, or not at all.
	loose map[string]bool
}

// comparable returns the units without loose ones.
func (w *expectation) comparable(units map[string]string) map[string]string {
	out := maps.Clone(units)
	maps.DeleteFunc(out, func(unit, _ string) bool { return w.loose[unit] })
	return out
}

// decide sets the expected units and conflicts.
func (w *expectation) decide() {
	w.after, w.loose = w.live, map[string]bool{}
	if !w.sameFrom || w.live == nil {
		for unit := range w.from {
			w.loose[unit] = strings.HasPrefix(unit, "label ")
		}
	}
	switch {
	case maps.Equal(w.from, w.to):
	case w.from == nil && w.live == nil:
	case w.from == nil && w.sameTo && maps.Equal(w.live, w.to):
		w.after = nil
	case w.to == nil && w.live == nil:
		w.after = w.from
	case w.to == nil && maps.Equal(w.comparable(w.live), w.comparable(w.from)):
		w.loose["existence"] = true // its labels decide
	case w.from == nil, w.to == nil, w.live == nil:
		w.conflicts = []string{"existence"}
	default:
		w.decideUnits()
	}
}

func (w *expectation) decideUnits() {
	w.after = maps.Clone(w.live)
	units := maps.Clone(w.from)
	maps.Copy(units, w.to)
	value := w.conflict("value")
	for unit := range units {
		tag := strings.HasPrefix(unit, "tag ") || strings.HasPrefix(unit, "label ")
		switch conflict := w.conflict(unit); {
		case w.loose[unit], w.from[unit] == w.to[unit], w.live[unit] == w.from[unit]:
		case unit == "tier" && w.live[unit] == raised(w.from[unit], w.live[unit]): // as far as it can be lowered
		case conflict, value && !tag:
			w.conflicts = append(w.conflicts, unit)
		case tag && w.from[unit] == "":
			delete(w.after, unit)
		case unit == "tier":
			w.after[unit] = raised(w.from[unit], w.live[unit])
		default:
			w.after[unit] = w.from[unit]
		}
	}
	slices.Sort(w.conflicts)
}

// conflict reports whether a unit that changed in between cannot be taken back.
func (w *expectation) conflict(unit string) bool {
	from, to, live := w.from[unit], w.to[unit], w.live[unit]
	switch {
	case from == to, live == from:
		return false
	case unit == "tier" && live == raised(from, live):
		return false
	case unit == "value" && (strings.Contains(live, DataTypeImage) != strings.Contains(from, DataTypeImage)):
		return true
	}
	return live != to
}

// raised returns a tier with policies, which stays Advanced if it is that now.
func raised(tier, live string) string {
	if strings.HasPrefix(live, advanced) {
		return advanced + strings.TrimPrefix(strings.TrimPrefix(tier, standard), advanced)
	}
	return tier
}
