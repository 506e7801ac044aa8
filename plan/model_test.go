package plan

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssmbak/ssmbak"
)

// model is a model of Parameter Store with one parameter, nil if it does not exist.
type model struct{ p *Parameter }

// put is a model of PutParameter. It fails the test if AWS would refuse the request.
func (s *model) put(t *rapid.T, w Write) {
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
		t.Fatal("a key without a SecureString")
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

// apply applies the item to the model.
func (s *model) apply(t *rapid.T, item Item, now ssmbak.Time) {
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
			t.Fatalf("a tag of AWS is changed: %s", key)
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

// anyCase draws a case. If Before and After are the same version, they are equal.
func anyCase(t *rapid.T) Case {
	c := Case{Now: later, Existed: rapid.Bool().Draw(t, "existed"), Covered: rapid.Bool().Draw(t, "covered")}
	w := &c.After
	w.Name, c.Name = "/a", "/a"
	w.Certainty = ssmbak.Certainty(rapid.IntRange(0, 2).Draw(t, "certainty"))
	switch rapid.SampledFrom([]string{"present", "present", "present", "deleted", "unrecorded", "legacy"}).Draw(t, "after") {
	case "deleted":
		w.Deleted = true
	case "unrecorded":
		w.Certainty = ssmbak.Unknown
	case "legacy":
		v := anyVersion(t, "after", 0, moment-1)
		w.Version = ssmbak.Version{Time: v.Time, Attributes: ssmbak.Attributes{Type: v.Type, Description: v.Description}}
	default:
		w.Version = anyVersion(t, "after", rapid.Int64Range(1, 3).Draw(t, "number"), moment-1)
		if tags := anyTags(t, "afterTags"); rapid.IntRange(0, 9).Draw(t, "tagsKnown") > 0 {
			w.Tags = ssmbak.Know(tags, ssmbak.Proved)
		}
		if w.Version.Policies != "" && rapid.Bool().Draw(t, "expired") {
			w.Version.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}},{"Type":"NoChangeNotification"}]`
		}
	}
	if w.Version.Time != 0 {
		w.Value = ssmbak.Know(ssmbak.NewValue(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "afterValue")), ssmbak.Proved)
		if rapid.IntRange(0, 9).Draw(t, "unavailable") == 0 {
			w.Value = ssmbak.Known[ssmbak.Value]{Reason: "unavailable"}
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "exists") == 0 {
		return c
	}
	c.Before = &Parameter{Tags: ssmbak.Know(anyTags(t, "beforeTags"), ssmbak.Proved)}
	if w.Value.IsKnown() && w.Version.Number != 0 && rapid.Bool().Draw(t, "current") {
		c.Before.Version, c.Before.Value = w.Version, w.Value
		return c
	}
	c.Before.Version = anyVersion(t, "before", rapid.Int64Range(1, 9).Draw(t, "beforeNumber"), later)
	c.Before.Value = ssmbak.Know(ssmbak.NewValue(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "beforeValue")), ssmbak.Proved)
	return c
}

// TestModel applies items to a model of Parameter Store, and checks that the result is
// the state to restore and that a new plan does nothing.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		o := Options{AssumeLastKnown: rapid.Bool().Draw(t, "assume"), Exact: rapid.Bool().Draw(t, "exact")}
		item := Decide(c, o)
		checkDocument(t, item)
		if item.Action.Writes() != (len(item.Differences) > 0) {
			t.Fatalf("%s with differences %v", item.Action, item.Differences)
		}
		if item.Action.Writes() && c.After.Certainty == ssmbak.Unknown && !o.AssumeLastKnown && !c.current() {
			t.Fatalf("%s of an unknown state", item.Action)
		}
		if item.Action == ActionDelete && (!c.After.Deleted || !c.Existed && !o.Exact) {
			t.Fatalf("delete of a parameter that was not deleted: %+v", c.After)
		}
		if item.Action == ActionDelete && !c.Existed && !c.Covered && !o.AssumeLastKnown {
			t.Fatal("delete of a parameter that may have existed")
		}
		s := model{c.Before}
		s.apply(t, item, c.Now)

		switch {
		case item.Refused != "":
			return
		case item.Action == ActionSkip, item.Action == ActionKeep:
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
			t.Fatalf("after %s, the new plan is %s: %+v", item.Action, got.Action, got.Differences)
		}
	})
}

// check compares the parameter after a restore with the state to restore.
func check(t *rapid.T, c Case, item Item, got *Parameter) {
	if got == nil {
		t.Fatalf("%s left nothing", item.Action)
	}
	w, v := c.After, c.After.Version
	if legacyOnly(w) {
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
			t.Fatalf("no notice about the data type: %q", item.Notices)
		}
		v.DataType = Defaulted(c.Before.Version.Attributes).DataType
	}
	if strings.Contains(v.Policies, "2020") && !c.current() {
		v.Policies = `[{"Type":"NoChangeNotification"}]`
	}
	if v.Type == ssmbak.TypeSecureString && v.KeyID == "" {
		v.KeyID = "alias/aws/ssm"
	}
	after := got.Version
	if after.Type == ssmbak.TypeSecureString && after.KeyID == "" {
		after.KeyID = "alias/aws/ssm"
	}
	after.Number, after.Time, v.Number, v.Time = 0, 0, 0, 0
	if diff := cmp.Diff(after, v); diff != "" {
		t.Fatalf("%s left (-got +want):\n%s", item.Action, diff)
	}
	if !got.Value.V.Equal(w.Value.V) {
		t.Fatalf("%s left another value", item.Action)
	}
	tags := UserTags(w.Tags.V)
	if !w.Tags.IsKnown() {
		tags = nil
		if c.Before != nil {
			tags = UserTags(c.Before.Tags.V)
		}
	}
	if left := UserTags(got.Tags.V); len(left)+len(tags) > 0 && !maps.Equal(left, tags) {
		t.Fatalf("%s left tags %v, want %v", item.Action, left, tags)
	}
}
