package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// The two times of the reverts in the tests.
const (
	fromTime = moment
	toTime   = moment + 500_000
)

// sides is a parameter at the two times and now: from, to and before.
type sides struct{ from, to, live Parameter }

// reversal returns the reversal of a parameter of one life that exists at the two times and
// now, after change.
func reversal(change func(s *sides)) Reversal {
	s := sides{*live(version(1, fromTime-1000), "one"), *live(version(2, toTime-1000), "two"), *live(version(2, toTime-1000), "two")}
	for _, p := range []*Parameter{&s.from, &s.to, &s.live} {
		p.Tags.V, p.Labels.V = map[string]string{}, map[string]int64{}
	}
	change(&s)
	side := func(at ssmbak.Time, p Parameter) Side {
		return Side{At: at, Objects: p.Objects, State: ssmbak.State{Name: "/app/a", Version: p.Version, Value: p.Value, Certainty: ssmbak.Proved, Tags: p.Tags, Labels: p.Labels}}
	}
	for n := range s.live.Version.Number {
		r := timeline.Ref{Number: n + 1, Time: fromTime - 1000}
		for _, p := range []Parameter{s.from, s.to, s.live} {
			if p.Version.Number == r.Number {
				r.Time = p.Version.Time
			}
		}
		s.live.History = append(s.live.History, r)
	}
	return Reversal{Name: "/app/a", Now: later, From: side(fromTime, s.from), To: side(toTime, s.to), SameLife: true, Before: &s.live, Existed: true, Covered: true}
}

// absent changes a side of the reversal to that of a parameter that did not exist.
func absent(s *Side) {
	*s = Side{At: s.At, State: ssmbak.State{Name: "/app/a", Deleted: true, Certainty: ssmbak.LastKnown}}
}

// reversed returns the item as text.
func reversed(item Item) string {
	out := string(item.Action)
	for _, d := range item.Differences {
		out += ", " + string(d.Attribute)
		switch {
		case d.Value:
			out += " " + d.BeforeValue.Reveal() + ">" + d.AfterValue.Reveal()
		default:
			out += " " + d.Before + ">" + d.After
		}
	}
	for _, c := range item.Conflicts {
		out += "; conflict: " + string(c.Unit) + ": " + c.Reason
	}
	if item.Refused != "" {
		out += "; refused: " + item.Refused
	}
	if item.Reason != "" && len(item.Conflicts) == 0 {
		out += " (" + item.Reason + ")"
	}
	return out
}

func TestRevertUnits(t *testing.T) {
	t.Parallel()
	const since = ": it changed since"
	value := func(p *Parameter, number int64, text string) {
		p.Version.Number, p.Version.Time, p.Value = number, p.Version.Time+ssmbak.Time(number), ssmbak.Know(ssmbak.NewValue(text), ssmbak.Proved)
	}
	secret := func(p *Parameter, key string) { p.Version = with(p.Version, secure(key)) }
	tests := []struct {
		name   string
		change func(s *sides)
		want   string
	}{
		{"value", func(*sides) {}, "update, value two>one"},
		{"value, changed since", func(s *sides) { value(&s.live, 3, "three") }, "skip; conflict: value" + since},
		{"value, taken back since", func(s *sides) { value(&s.live, 3, "one") }, "none (nothing differs)"},
		{"value, the same again since", func(s *sides) { value(&s.live, 3, "two") }, "update, value two>one"},
		{"nothing in between", func(s *sides) { s.to = s.from; value(&s.live, 3, "three") }, "none (nothing changed in between)"},
		{"the same value again in between", func(s *sides) { value(&s.to, 2, "one"); value(&s.live, 3, "three") }, "none (nothing changed in between)"},
		{"a String became a SecureString", func(s *sides) { secret(&s.to, "k"); secret(&s.live, "k") }, "update, value two>one, type SecureString>String, keyId k>"},
		{"a String became a SecureString, rotated since", func(s *sides) {
			secret(&s.to, "k")
			secret(&s.live, "k")
			value(&s.live, 3, "three")
		}, "skip; conflict: value" + since},
		{"a String became a SecureString with the same value, rotated since", func(s *sides) {
			value(&s.to, 2, "one")
			secret(&s.to, "k")
			secret(&s.live, "k")
			value(&s.live, 3, "three")
		}, "skip; conflict: value" + since},
		{"a String became a StringList", func(s *sides) {
			value(&s.to, 2, "one")
			s.to.Version.Type = ssmbak.TypeStringList
			s.live = s.to
		}, "update, type StringList>String"},
		{"the key belongs to the value", func(s *sides) {
			secret(&s.from, "a")
			secret(&s.to, "b")
			secret(&s.live, "c")
			value(&s.live, 3, "two")
		}, "skip; conflict: value" + since},
		{"the pattern belongs to the value", func(s *sides) {
			s.live.Version.AllowedPattern = ".*"
			value(&s.live, 3, "two")
		}, "skip; conflict: value" + since},
		{"a pattern", func(s *sides) {
			value(&s.to, 2, "one")
			s.to.Version.AllowedPattern = ".*"
			s.live = s.to
		}, "update, allowedPattern .*>"},
		{"a data type that is not changed in place", func(s *sides) {
			s.to.Version.DataType, s.live.Version.DataType = DataTypeImage, DataTypeImage
		}, "skip; conflict: value: " + reasonDataType + "; " + orReplace},
		{"description", func(s *sides) {
			value(&s.to, 2, "one")
			s.to.Version.Description = "d"
			s.live = s.to
		}, "update, description d>"},
		{"description, while the unchanged value changed since", func(s *sides) {
			value(&s.to, 2, "one")
			s.to.Version.Description = "d"
			s.live = s.to
			value(&s.live, 3, "three")
		}, "update, description d>"},
		{"description, changed since", func(s *sides) {
			value(&s.to, 2, "one")
			s.to.Version.Description = "d"
			s.live = s.to
			s.live.Version.Description = "e"
			value(&s.live, 3, "one")
		}, "skip; conflict: description" + since},
		{"value, while the description changed since", func(s *sides) {
			s.to.Version.Description, s.live.Version.Description, s.live.Version.Number = "d", "e", 3
			s.live.Version.Time += 3
		}, "update, value two>one; conflict: description" + since},
		{"nothing but tags and labels, while the value is in conflict", func(s *sides) {
			s.to.Version.Description, s.live.Version.Description = "d", "d"
			value(&s.live, 3, "three")
			s.to.Tags.V, s.live.Tags.V = map[string]string{"a": "1"}, map[string]string{"a": "1"}
			s.to.Labels.V, s.live.Labels.V = map[string]int64{"l": 2}, map[string]int64{"l": 2}
		}, "update, tag a 1>, label l 2>; conflict: value" + since + "; conflict: description: " + reasonWithValue},
		{"policies", func(s *sides) {
			s.from.Version.Tier, s.to.Version.Tier = advanced, advanced
			value(&s.to, 2, "one")
			s.to.Version.Policies = `[{"Type":"NoChangeNotification"}]`
			s.live = s.to
		}, `update, policies [{"Type":"NoChangeNotification"}]>`},
		{"policies, changed since", func(s *sides) {
			s.from.Version.Tier, s.to.Version.Tier, s.live.Version.Tier = advanced, advanced, advanced
			s.to.Version.Policies, s.live.Version.Policies = `[{"Type":"NoChangeNotification"}]`, `[{"Type":"Other"}]`
			value(&s.live, 3, "two")
		}, "update, value two>one; conflict: tier" + since},
		{"a tier that stays", func(s *sides) { s.to.Version.Tier, s.live.Version.Tier = advanced, advanced }, "update, value two>one"},
		{"a tier that stayed", func(s *sides) {
			s.to.Version.Tier, s.live.Version.Tier = advanced, advanced
			s.to.Version.Policies = `[{"Type":"NoChangeNotification"}]`
			value(&s.live, 3, "one")
		}, "none (nothing differs)"},
		{"policies that have expired, while the value is in conflict", func(s *sides) {
			s.from.Version.Tier, s.to.Version.Tier, s.live.Version.Tier = advanced, advanced, advanced
			s.from.Version.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
			s.to.Version.Policies = `[{"Type":"NoChangeNotification"}]`
			value(&s.live, 3, "three")
		}, "skip; conflict: value" + since},
		{"policies that are not taken back and have expired", func(s *sides) {
			for _, p := range []*Parameter{&s.from, &s.to, &s.live} {
				p.Version.Tier, p.Version.Policies = advanced, `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
			}
		}, "update, value two>one; refused: its expiration has passed, so that Parameter Store is about to delete it"},
		{"tag, added", func(s *sides) {
			s.to = s.from
			s.to.Tags = ssmbak.Know(map[string]string{"a": "1", "b": "1"}, ssmbak.Proved)
			s.live = s.to
			s.live.Tags = ssmbak.Know(map[string]string{"a": "1", "b": "1", "c": "1"}, ssmbak.Proved)
			s.from.Tags.V = map[string]string{"b": "0", "d": ""}
		}, "update, tag a 1>, tag b 1>0, tag d >"},
		{"tag, changed since", func(s *sides) {
			s.to = s.from
			s.to.Tags = ssmbak.Know(map[string]string{"a": "1", "b": "1"}, ssmbak.Proved)
			s.live = s.to
			s.live.Tags = ssmbak.Know(map[string]string{"a": "2"}, ssmbak.Proved)
		}, "skip; conflict: tag a" + since},
		{"tag, removed in between and added since", func(s *sides) {
			s.from.Tags.V["a"], s.live.Tags.V["a"] = "1", "2"
			s.to.Version, s.live.Version, s.to.Value = s.from.Version, s.from.Version, s.from.Value
		}, "skip; conflict: tag a" + since},
		{"tag of AWS", func(s *sides) {
			s.to, s.live = s.from, s.from
			s.to.Tags = ssmbak.Know(map[string]string{"aws:a": "1"}, ssmbak.Proved)
			s.live.Tags = s.to.Tags
		}, "none (nothing changed in between)"},
		{"label, moved", func(s *sides) {
			s.from.Labels.V["l"], s.to.Labels.V["l"], s.live.Labels.V["l"] = 1, 2, 2
		}, "update, value two>one, label l 2>1"},
		{"label, added", func(s *sides) {
			s.to, s.live = s.from, s.from
			s.to.Labels = ssmbak.Know(map[string]int64{"l": 1}, ssmbak.Proved)
			s.live.Labels = s.to.Labels
		}, "update, label l 1>"},
		{"label, moved on since", func(s *sides) {
			s.from.Labels.V["l"], s.to.Labels.V["l"], s.live.Labels.V["l"] = 1, 2, 3
			value(&s.live, 3, "three")
		}, "skip; conflict: value" + since + "; conflict: label l" + since},
		{"label, taken back since", func(s *sides) {
			s.from.Labels.V["l"], s.to.Labels.V["l"], s.live.Labels.V["l"] = 1, 2, 1
			value(&s.live, 3, "one")
		}, "none (nothing differs)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := reversed(Revert(reversal(test.change), Options{}))
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// TestRevertExistence reverts parameters that did not exist at one of the times, or do not
// now, or of which something is unknown.
func TestRevertExistence(t *testing.T) {
	t.Parallel()
	tagged := func(tags map[string]string) ssmbak.Known[map[string]string] { return ssmbak.Know(tags, ssmbak.Proved) }
	unknown := func(s *Side) { s.State.Certainty, s.State.Reason = ssmbak.Unknown, "versions are missing" }
	other := []Conflict{{Unit: UnitValue, Reason: "bob did it", By: "bob"}}
	tests := []struct {
		name   string
		change func(c *Reversal)
		want   string
	}{
		{"created", func(c *Reversal) { absent(&c.From) }, "delete, value two>, type String>, tier Standard>, dataType text> (" + reasonCreatedBetween + ")"},
		{"created, deleted since", func(c *Reversal) { absent(&c.From); c.Before = nil }, "none (it is already deleted)"},
		{"created, changed since", func(c *Reversal) {
			absent(&c.From)
			c.Before.Version.Number, c.Before.Version.Time, c.Before.Value = 3, later, ssmbak.Know(ssmbak.NewValue("three"), ssmbak.Proved)
		}, "skip; conflict: existence: " + reasonCreatedSince + "value"},
		{"created with a tag, tagged since", func(c *Reversal) {
			absent(&c.From)
			c.To.State.Tags, c.Before.Tags = tagged(map[string]string{"a": "1"}), tagged(map[string]string{"a": "1", "b": "1"})
		}, "skip; conflict: existence: " + reasonCreatedSince + "tag b"},
		{"created, labelled since", func(c *Reversal) {
			absent(&c.From)
			c.Before.Labels.V = map[string]int64{"l": 2}
		}, "skip; conflict: existence: " + reasonCreatedSince + "label l"},
		{"created again since", func(c *Reversal) {
			absent(&c.From)
			c.Before.Version.Time, c.Before.History = later, nil
		}, "skip; conflict: existence: " + reasonCreatedAgain},
		{"created, tags unknown", func(c *Reversal) {
			absent(&c.From)
			c.To.State.Tags = ssmbak.Known[map[string]string]{}
		}, "skip (whether all of it is as at " + toTime.String() + " is unknown: its tags or labels are)"},
		{"created, and whether it existed is unknown", func(c *Reversal) {
			absent(&c.From)
			c.Existed, c.Covered = false, false
		}, "skip (" + reasonUnlisted + ")"},
		{"created, live value not in the archive", func(c *Reversal) {
			absent(&c.From)
			c.Unsaved = "it is not in the archive"
		}, "delete, value two>, type String>, tier Standard>, dataType text>; refused: it is not in the archive (" + reasonCreatedBetween + ")"},
		{"deleted", func(c *Reversal) { absent(&c.To); c.Before = nil }, "create, value >one, type >String, tier >Standard, dataType >text"},
		{"deleted, created again since", func(c *Reversal) { absent(&c.To) }, "skip; conflict: existence: " + reasonRecreatedSince},
		{"deleted, created again since with the same", func(c *Reversal) {
			absent(&c.To)
			c.Before.Value = c.From.State.Value
		}, "none (nothing differs)"},
		{"deleted, created again since without a tag", func(c *Reversal) {
			absent(&c.To)
			c.Before.Value, c.From.State.Tags = c.From.State.Value, tagged(map[string]string{"a": "1"})
		}, "skip; conflict: existence: " + reasonRecreatedSince},
		{"existed at neither time", func(c *Reversal) { absent(&c.From); absent(&c.To) }, "none (nothing changed in between)"},
		{"deleted since", func(c *Reversal) { c.Before = nil }, "skip; conflict: existence: " + reasonDeletedSince},
		{"deleted since, unchanged before", func(c *Reversal) { c.Before, c.To.State = nil, c.From.State }, "none (nothing changed in between)"},
		{"recreated in between", func(c *Reversal) {
			c.SameLife, c.Before.History = false, []timeline.Ref{{Number: 2, Time: c.To.State.Version.Time}}
			c.From.State.Labels = ssmbak.Know(map[string]int64{"l": 1, "m": 7}, ssmbak.Proved)
		}, "update, value two>one, label l >3"},
		{"recreated since with another value", func(c *Reversal) {
			c.To = c.From
			c.To.At = toTime
			c.To.State.Labels, c.Before.Labels = ssmbak.Know(map[string]int64{"l": 1}, ssmbak.Proved), ssmbak.Know(map[string]int64{"l": 1}, ssmbak.Proved)
			c.Before.History = []timeline.Ref{{Number: 1, Time: later}, {Number: 2, Time: later}}
			c.Before.Version.Time = later
		}, "skip; conflict: label l: it changed since"},
		{"unknown then", func(c *Reversal) { unknown(&c.From) }, "skip (at " + fromTime.String() + ": versions are missing)"},
		{"unknown later", func(c *Reversal) { unknown(&c.To); c.Before.Version.Number = 3 }, "skip (at " + toTime.String() + ": versions are missing)"},
		{"unknown later, and neither before nor now", func(c *Reversal) { absent(&c.From); unknown(&c.To); c.Before = nil }, "none (it is already deleted)"},
		{"unknown before and later, and not now", func(c *Reversal) { unknown(&c.From); unknown(&c.To); c.Before = nil }, "skip (at " + fromTime.String() + ": versions are missing)"},
		{"unknown later, but still the live version", func(c *Reversal) { unknown(&c.To) }, "update, value two>one"},
		{"recorded by the legacy ssmbak", func(c *Reversal) { c.From.State.Version.Number = 0 }, "skip (at " + fromTime.String() + ": the legacy ssmbak recorded only value, type and description)"},
		{"value unavailable", func(c *Reversal) { c.From.State.Value = ssmbak.Known[ssmbak.Value]{Reason: "it expired"} }, "skip (the value of version 1 is unavailable: it expired)"},
		{"live value unavailable", func(c *Reversal) {
			c.Before.Value, c.Unsaved = ssmbak.Known[ssmbak.Value]{}, "its key is disabled"
		}, "skip (the value of version 2 is unavailable: its key is disabled)"},
		{"value of another version unavailable", func(c *Reversal) {
			c.To.State.Value, c.Before.Version.Number = ssmbak.Known[ssmbak.Value]{Reason: "it expired"}, 3
		}, "skip (the value of version 2 is unavailable: it expired)"},
		{"others", func(c *Reversal) { c.Others = other }, "skip; conflict: value: bob did it"},
		{"others, and nothing to take back", func(c *Reversal) { c.Others, c.To.State = other, c.From.State }, "none (nothing changed in between)"},
		{"others created", func(c *Reversal) { absent(&c.From); c.Others = other }, "skip; conflict: value: bob did it"},
		{"unknown tags", func(c *Reversal) { c.From.State.Tags = ssmbak.Known[map[string]string]{} }, "update, value two>one"},
		{"tags not in the archive", func(c *Reversal) {
			c.To.State.Labels, c.Before.Labels = ssmbak.Know(map[string]int64{"l": 2}, ssmbak.Proved), ssmbak.Know(map[string]int64{"l": 2}, ssmbak.Proved)
			c.TagsUnsaved = "its labels are not in the archive"
		}, "update, value two>one, label l 2>; refused: its labels are not in the archive"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := reversal(func(*sides) {})
			test.change(&c)
			if diff := cmp.Diff(reversed(Revert(c, Options{})), test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// TestRevertUnknownAttributes reverts parameters whose tags or labels are unknown at one of
// the times: they are not changed, which the item says.
func TestRevertUnknownAttributes(t *testing.T) {
	t.Parallel()
	tags, labels := ssmbak.Known[map[string]string]{}, ssmbak.Known[map[string]int64]{}
	for _, changed := range []bool{true, false} {
		c := reversal(func(s *sides) {
			if !changed {
				s.to, s.live = s.from, s.from
			}
		})
		c.From.State.Tags, c.To.State.Labels = tags, labels
		c.To.State.Tags = ssmbak.Know(map[string]string{"a": "1"}, ssmbak.Proved)
		c.Before.Tags, c.Before.Labels = c.To.State.Tags, ssmbak.Know(map[string]int64{"l": 1}, ssmbak.Proved)
		item := Revert(c, Options{})
		want := []string{"its tags are not changed: they are unknown at " + fromTime.String(), "its labels are not changed: they are unknown at " + toTime.String()}
		if diff := cmp.Diff(item.Notices, want); diff != "" || item.Action.Writes() != changed {
			t.Errorf("%s (-got +want):\n%s", reversed(item), diff)
		}
		for _, d := range item.Differences {
			if !d.Attribute.OfVersion() {
				t.Errorf("%s", reversed(item))
			}
		}
	}
}

// TestUnitsHaveEveryAttribute checks that a revert compares and takes back each attribute of a
// version with exactly one unit.
func TestUnitsHaveEveryAttribute(t *testing.T) {
	t.Parallel()
	with := func(suffix string) Parameter {
		p := Parameter{Value: ssmbak.Know(ssmbak.NewValue("v"), ssmbak.Proved)}
		for name, text := range p.Version.All() {
			*text = string(name) + suffix
		}
		p.Version.Type = map[string]ssmbak.Type{"1": ssmbak.TypeSecureString, "2": ssmbak.TypeString}[suffix]
		p.Version.Policies = `[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-0` + suffix + `T00:00:00Z"}}]`
		return p
	}
	for name := range new(ssmbak.Attributes).All() {
		a, b := with("1"), with("1")
		for of, text := range b.Version.All() {
			if of == name {
				other := with("2")
				*text = other.Version.Get(name)
			}
		}
		var taken []Unit
		for _, u := range versionUnits {
			to := a.Version.Attributes
			if u.take(&to, b.Version.Attributes); to == b.Version.Attributes {
				taken = append(taken, u.unit)
			} else if to != a.Version.Attributes {
				t.Errorf("%s: the unit %s takes other attributes, too", name, u.unit)
			}
		}
		if len(taken) != 1 {
			t.Errorf("%s: the units %v take it, want one unit", name, taken)
			continue
		}
		a.Version.Number, b.Version.Number = 1, 2
		if got := Differ(a, b); got != taken[0] {
			t.Errorf("%s: the unit %q differs, want %q", name, got, taken[0])
		}
	}
}
