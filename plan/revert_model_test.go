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
	for key, value := range UserTags(p.Tags.V) {
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
		o := Options{Replace: rapid.Bool().Draw(t, "replace"), KeyID: rapid.SampledFrom([]string{"", "alias/l"}).Draw(t, "keyID")}
		item := Revert(c, o)
		checkDocument(t, item)
		if item.Refused != "" {
			if !o.Replace || item.Action != ActionReplace || len(live.Labels.V) == 0 || !strings.Contains(item.Refused, "would lose label") {
				t.Fatalf("refused: %s", reversed(item))
			}
			return
		}
		s := model{live}
		s.apply(t, item, c.Now)
		after, afterLife := relabelled(item, s.p), liveLife
		if x := documentItem(&item, false); item.Action.Writes() && after != nil && (!maps.Equal(x.After.Tags, after.Tags.V) || !maps.Equal(x.After.Labels, after.Labels.V)) {
			t.Fatalf("%s\nthe document has the tags %v and the labels %v, and there are %v and %v", reversed(item), x.After.Tags, x.After.Labels, after.Tags.V, after.Labels.V)
		}
		if item.Action == ActionCreate || item.Action == ActionReplace {
			afterLife++
		}

		w := expectation{from: parts(from, fromLife), to: parts(to, toLife), live: parts(live, liveLife), sameFrom: fromLife == liveLife, sameTo: toLife == liveLife, o: o}
		if live != nil && to != nil { // tags of AWS are never changed, but may be lost
			w.sameTo = w.sameTo && (maps.Equal(live.Tags.V, to.Tags.V) || !maps.Equal(UserTags(live.Tags.V), UserTags(to.Tags.V)))
		}
		w.decide()
		if item.Action == ActionReplace {
			w.recreate(t, item, from, after, toLife == liveLife)
		}
		got := parts(after, afterLife)
		fail := func(format string, args ...any) {
			t.Fatalf("%s\nfrom %v\nto   %v\nlive %v\ngot  %v\nwant %v\n%s", reversed(item), w.from, w.to, w.live, got, w.after, fmt.Sprintf(format, args...))
		}
		if !maps.Equal(w.comparable(got), w.comparable(w.after)) || (got == nil) != (w.after == nil) {
			fail("the units are others")
		}
		for unit := range w.loose {
			if item.Action != ActionReplace && w.live[unit] != w.to[unit] && got[unit] != w.live[unit] {
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
		if second := Revert(again, o); second.Action.Writes() {
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
	if item.Before != nil && item.Action != ActionReplace {
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
	o     Options
	// recreated says that the parameter was deleted and recreated, with labels that are
	// compared by [expectation.recreate].
	recreated bool
}

// rekeyed returns a value with the key of the options if it has one.
func (w *expectation) rekeyed(value string) string {
	f := strings.SplitN(value, " ", 3)
	if w.o.KeyID == "" || f[0] != string(ssmbak.TypeSecureString) {
		return value
	}
	f[1] = w.o.KeyID
	return strings.Join(f, " ")
}

// isFrom reports whether a unit is live as at the earlier time, or as a revert made it.
func (w *expectation) isFrom(unit string) bool {
	return w.live[unit] == w.from[unit] || unit == "value" && w.live[unit] == w.rekeyed(w.from[unit])
}

// recreate checks the labels of a parameter that was deleted and recreated, which must not
// lose one that it does not take back.
func (w *expectation) recreate(t *rapid.T, item Item, from, got *Parameter, sameTo bool) {
	for unit, on := range w.live {
		label, ok := strings.CutPrefix(unit, "label ")
		if !ok {
			continue
		}
		taken := w.from[unit] != w.to[unit] && (on == w.to[unit] && sameTo || on == w.from[unit] && w.sameFrom)
		wanted := on
		if taken {
			wanted = w.from[unit]
		}
		if _, has := got.Labels.V[label]; has != (wanted != "") {
			t.Fatalf("label %s: wanted %q, got %v: %s", label, wanted, got.Labels.V, reversed(item))
		}
	}
	for label, number := range got.Labels.V {
		if number != 1 || w.live["label "+label] == "" && from.Labels.V[label] != from.Version.Number {
			t.Fatalf("label %s is on version %d", label, number)
		}
	}
	w.recreated = true
}

// comparable returns the units without loose ones.
func (w *expectation) comparable(units map[string]string) map[string]string {
	out := maps.Clone(units)
	maps.DeleteFunc(out, func(unit, _ string) bool {
		return w.loose[unit] || w.recreated && strings.HasPrefix(unit, "label ")
	})
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
		w.after = maps.Clone(w.from)
		w.after["value"] = w.rekeyed(w.from["value"])
	case w.to == nil && w.fromAgain():
		w.loose["existence"] = true // its labels decide
	case w.from == nil, w.to == nil, w.live == nil:
		w.conflicts = []string{"existence"}
	default:
		w.decideUnits()
	}
}

// fromAgain reports whether the parameter was created again as at the earlier time.
func (w *expectation) fromAgain() bool {
	from := w.comparable(w.from)
	if w.isFrom("value") {
		from["value"] = w.live["value"]
	}
	return maps.Equal(w.comparable(w.live), from)
}

func (w *expectation) decideUnits() {
	w.after = maps.Clone(w.live)
	units := maps.Clone(w.from)
	maps.Copy(units, w.to)
	value := w.conflict("value")
	for unit := range units {
		tag := strings.HasPrefix(unit, "tag ") || strings.HasPrefix(unit, "label ")
		switch conflict := w.conflict(unit); {
		case w.loose[unit], w.from[unit] == w.to[unit], w.isFrom(unit):
		case unit == "tier" && w.live[unit] == w.raised(w.from[unit], w.live[unit]): // as far as it can be lowered
		case conflict, value && !tag:
			w.conflicts = append(w.conflicts, unit)
		case tag && w.from[unit] == "":
			delete(w.after, unit)
		case unit == "tier":
			w.after[unit] = w.raised(w.from[unit], w.live[unit])
		case unit == "value":
			w.after[unit] = w.rekeyed(w.from[unit])
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
	case from == to, w.isFrom(unit):
		return false
	case unit == "tier" && live == w.raised(from, live):
		return false
	case unit == "value" && !w.o.Replace && (strings.Contains(live, DataTypeImage) != strings.Contains(from, DataTypeImage)):
		return true
	}
	return live != to
}

// raised returns a tier with policies, which stays Advanced if it is that now, unless the
// parameter may be replaced.
func (w *expectation) raised(tier, live string) string {
	if !w.o.Replace && strings.HasPrefix(live, advanced) {
		return advanced + strings.TrimPrefix(strings.TrimPrefix(tier, standard), advanced)
	}
	return tier
}
