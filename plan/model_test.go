package plan

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
)

// shelf is a model of the one parameter in a Parameter Store, nil if it is not
// there.
type shelf struct{ p *Parameter }

// put is PutParameter, as far as it matters here. It fails the test where AWS
// would refuse.
func (s *shelf) put(t *rapid.T, w Write) {
	next := Parameter{
		Version: ssmbak.Version{Number: 1, Time: later + 1, Attributes: ssmbak.Attributes{Type: w.Type, KeyID: w.KeyID, Tier: w.Tier, DataType: w.DataType, Description: w.Description, AllowedPattern: w.AllowedPattern, Policies: w.Policies}},
		Value:   ssmbak.Know(w.Value, ssmbak.Proved), Tags: ssmbak.Know(w.Tags, ssmbak.Proved),
	}
	switch {
	case w.Overwrite != (s.p != nil):
		t.Fatalf("overwrite is %v and the parameter is %v", w.Overwrite, s.p)
	case w.Overwrite && len(w.Tags) > 0:
		t.Fatal("tags and overwrite can't be used together")
	case w.KeyID != "" && w.Type != ssmbak.TypeSecureString:
		t.Fatal("a key for what is no SecureString")
	case strings.Contains(w.Policies, "2020"):
		t.Fatal("an expiration that has passed")
	}
	if next.Version.Tier == "" {
		next.Version.Tier = standard
	}
	if s.p != nil && fixed(Defaulted(s.p.Version.Attributes).DataType, w.DataType) {
		t.Fatalf("the data type changes from %s to %s in place", s.p.Version.DataType, w.DataType)
	}
	if s.p != nil {
		old := s.p.Version
		next.Version.Number = old.Number + 1
		next.Tags = s.p.Tags
		if old.Tier == advanced && w.Tier != advanced {
			t.Fatal("a downgrade")
		}
		if w.Policies == "" && !w.ClearPolicies {
			next.Version.Policies = old.Policies
		}
	}
	s.p = &next
}

// apply does what the item says.
func (s *shelf) apply(t *rapid.T, item Item, now ssmbak.Time) {
	if item.Refused != "" {
		return
	}
	if item.Action == ActionDelete {
		s.p = nil
		return
	}
	if item.NewVersion() {
		if item.Action == ActionReplace {
			s.p = nil
		}
		s.put(t, item.Write)
	}
	if item.Action != ActionUpdate {
		return
	}
	tagged := *s.p
	tagged.Tags.V = maps.Clone(s.p.Tags.V)
	if tagged.Tags.V == nil {
		tagged.Tags.V = map[string]string{}
	}
	for _, d := range item.Differences {
		key, ok := d.Attribute.Tag()
		switch {
		case !ok:
		case strings.HasPrefix(key, "aws:"):
			t.Fatalf("a tag of AWS is touched: %s", key)
		case d.NoAfter:
			delete(tagged.Tags.V, key)
		default:
			tagged.Tags.V[key] = d.After
		}
	}
	s.p = &tagged
}

func anyVersion(t *rapid.T, what string, number int64, at ssmbak.Time) ssmbak.Version {
	one := func(attribute string, of ...string) string { return rapid.SampledFrom(of).Draw(t, what+attribute) }
	v := ssmbak.Version{Number: number, Time: at, Attributes: ssmbak.Attributes{Type: ssmbak.Type(one("type", "String", "StringList", "SecureString")), Tier: one("tier", standard, advanced), DataType: one("dataType", "text", "aws:ec2:image", "aws:ssm:integration", "integer", "of-later"), Description: one("description", "", "d", "e!"), AllowedPattern: one("pattern", "", ".*")}}
	if v.Type == ssmbak.TypeSecureString {
		v.KeyID = one("key", "", "alias/aws/ssm", "alias/k")
	}
	if v.Tier == advanced {
		v.Policies = one("policies", "", `[{"Type":"NoChangeNotification"}]`, `[{"Type":"Expiration","Attributes":{"Timestamp":"2090-01-01T00:00:00Z"}}]`)
	}
	return v
}

func anyTags(t *rapid.T, what string) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "aws:c"}), rapid.SampledFrom([]string{"", "1"}), 0, 3).Draw(t, what)
}

// anyCircumstances draws what the archive and Parameter Store may say of one
// parameter. Two that are the same version hold the same.
func anyCircumstances(t *rapid.T) Case {
	c := Case{Now: later, Existed: rapid.Bool().Draw(t, "existed"), Covered: rapid.Bool().Draw(t, "covered")}
	w := &c.After
	w.Name, c.Name = "/a", "/a"
	w.Certainty = ssmbak.Certainty(rapid.IntRange(0, 2).Draw(t, "certainty"))
	switch rapid.SampledFrom([]string{"held", "held", "held", "deleted", "nothing", "original", "lost"}).Draw(t, "wanted") {
	case "deleted":
		w.Deleted = true
	case "nothing":
		w.Certainty = ssmbak.Unknown
	case "original":
		v := anyVersion(t, "wanted", 0, moment-1)
		w.Version = ssmbak.Version{Time: v.Time, Attributes: ssmbak.Attributes{Type: v.Type, Description: v.Description}}
	default:
		w.Version = anyVersion(t, "wanted", rapid.Int64Range(1, 3).Draw(t, "number"), moment-1)
		if tags := anyTags(t, "wantedTags"); rapid.IntRange(0, 9).Draw(t, "tagsKnown") > 0 {
			w.Tags = ssmbak.Know(tags, ssmbak.Proved)
		}
		if w.Version.Policies != "" && rapid.Bool().Draw(t, "passed") {
			w.Version.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}},{"Type":"NoChangeNotification"}]`
		}
	}
	if w.Version.Time != 0 {
		w.Value = ssmbak.Know(ssmbak.NewValue(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "wantedValue")), ssmbak.Proved)
		if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
			w.Value = ssmbak.Known[ssmbak.Value]{Reason: "lost"}
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "alive") == 0 {
		return c
	}
	c.Before = &Parameter{Tags: ssmbak.Know(anyTags(t, "liveTags"), ssmbak.Proved)}
	if w.Value.IsKnown() && w.Version.Number != 0 && rapid.Bool().Draw(t, "current") {
		c.Before.Version, c.Before.Value = w.Version, w.Value
		return c
	}
	c.Before.Version = anyVersion(t, "live", rapid.Int64Range(1, 9).Draw(t, "liveNumber"), later)
	c.Before.Value = ssmbak.Know(ssmbak.NewValue(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "liveValue")), ssmbak.Proved)
	return c
}

// TestModel applies what compute says to a model of Parameter Store: what comes
// out is the wanted state, and planning again finds nothing to do.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyCircumstances(t)
		o := Options{AssumeLastKnown: rapid.Bool().Draw(t, "assume"), Exact: rapid.Bool().Draw(t, "exact")}
		item := Decide(c, o)
		if item.Action.Writes() != (len(item.Differences) > 0) {
			t.Fatalf("%s with differences %v", item.Action, item.Differences)
		}
		if item.Action.Writes() && c.After.Certainty == ssmbak.Unknown && !o.AssumeLastKnown && !c.current() {
			t.Fatalf("%s of an unknown state", item.Action)
		}
		if item.Action == ActionDelete && (!c.After.Deleted || !c.Existed && !o.Exact) {
			t.Fatalf("delete of what was not deleted: %+v", c.After)
		}
		if item.Action == ActionDelete && !c.Existed && !c.Covered && !o.AssumeLastKnown {
			t.Fatal("delete of what may have been there")
		}
		s := shelf{c.Before}
		s.apply(t, item, c.Now)

		switch {
		case item.Refused != "":
			return
		case item.Action == ActionUnknown, item.Action == ActionKept:
			if s.p != c.Before {
				t.Fatalf("%s changed something", item.Action)
			}
		case c.After.Deleted:
			if s.p != nil {
				t.Fatalf("%s left %+v", item.Action, s.p)
			}
		default:
			check(t, c, item, s.p)
		}

		again := c
		again.Before = s.p
		if got := Decide(again, o); got.Action.Writes() {
			t.Fatalf("after %s, planning again says %s: %+v", item.Action, got.Action, got.Differences)
		}
	})
}

// check compares what a restore left with what was wanted.
func check(t *rapid.T, c Case, item Item, got *Parameter) {
	if got == nil {
		t.Fatalf("%s left nothing", item.Action)
	}
	w, v := c.After, c.After.Version
	if original(w) {
		v = got.Version
		v.Type = w.Version.Type
		if c.Before == nil {
			v.Description = w.Version.Description
		}
	}
	if c.Before != nil && c.Before.Version.Tier == advanced {
		v.Tier = advanced
	}
	if c.Before != nil && fixed(Defaulted(c.Before.Version.Attributes).DataType, Defaulted(v.Attributes).DataType) {
		if !strings.Contains(strings.Join(item.Notices, " "), "its data type stays") {
			t.Fatalf("nothing is said of the data type: %q", item.Notices)
		}
		v.DataType = Defaulted(c.Before.Version.Attributes).DataType
	}
	if strings.Contains(v.Policies, "2020") && !c.current() {
		v.Policies = `[{"Type":"NoChangeNotification"}]`
	}
	if v.Type == ssmbak.TypeSecureString && v.KeyID == "" {
		v.KeyID = "alias/aws/ssm"
	}
	live := got.Version
	if live.Type == ssmbak.TypeSecureString && live.KeyID == "" {
		live.KeyID = "alias/aws/ssm"
	}
	live.Number, live.Time, v.Number, v.Time = 0, 0, 0, 0
	if diff := cmp.Diff(live, v); diff != "" {
		t.Fatalf("%s left (-got +want):\n%s", item.Action, diff)
	}
	if !got.Value.V.Equal(w.Value.V) {
		t.Fatalf("%s left another value", item.Action)
	}
	wanted := restorable(w.Tags.V)
	if !w.Tags.IsKnown() {
		wanted = nil
		if c.Before != nil {
			wanted = restorable(c.Before.Tags.V)
		}
	}
	if left := restorable(got.Tags.V); len(left)+len(wanted) > 0 && !maps.Equal(left, wanted) {
		t.Fatalf("%s left tags %v, want %v", item.Action, left, wanted)
	}
}
