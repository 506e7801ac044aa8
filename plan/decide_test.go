package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
)

const (
	moment = ssmbak.Time(1_700_000_000_000)
	later  = moment + 1_000_000
)

// version returns a version of a String parameter.
func version(number int64, at ssmbak.Time) ssmbak.Version {
	return ssmbak.Version{Number: number, Time: at, User: "alice", Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: standard, DataType: plain}}
}

// past returns the state of a parameter that had the value.
func past(v ssmbak.Version, value string) ssmbak.State {
	return ssmbak.State{
		Name: "/app/a", Version: v, Value: ssmbak.Know(ssmbak.NewValue(value), ssmbak.Proved), Modified: v.Time, Certainty: ssmbak.Proved,
		Tags: ssmbak.Know(map[string]string{}, ssmbak.Proved), Labels: ssmbak.Know(map[string]int64(nil), ssmbak.Proved),
	}
}

// live returns a live parameter with the value.
func live(v ssmbak.Version, value string) *Parameter {
	s := past(v, value)
	return &Parameter{Version: v, Value: s.Value, Tags: s.Tags, Labels: s.Labels}
}

// with returns a copy of the version after f has changed it.
func with(v ssmbak.Version, f func(v *ssmbak.Version)) ssmbak.Version {
	f(&v)
	return v
}

func dataOf(dataType string) func(*ssmbak.Version) {
	return func(v *ssmbak.Version) { v.DataType = dataType }
}

func secure(key string) func(*ssmbak.Version) {
	return func(v *ssmbak.Version) { v.Type, v.KeyID = ssmbak.TypeSecureString, key }
}

func TestDecide(t *testing.T) {
	t.Parallel()
	old, new := version(3, moment-5000), version(5, later)
	deleted := ssmbak.State{Name: "/app/a", Deleted: true, Certainty: ssmbak.LastKnown, Modified: moment - 5000}
	nothing := ssmbak.State{Name: "/app/a", Reason: "nothing was recorded yet"}
	gap := past(old, "one")
	gap.Certainty, gap.Reason = ssmbak.Unknown, "versions are missing"
	gapDeleted := deleted
	gapDeleted.Certainty, gapDeleted.Reason = ssmbak.Unknown, "it was deleted within this second"
	expired := past(old, "")
	expired.Value = ssmbak.Known[ssmbak.Value]{Reason: "the value object is no longer in the bucket"}
	untyped := past(ssmbak.Version{Time: moment - 5000, Attributes: ssmbak.Attributes{Type: "None"}}, "one")
	tagged := func(s ssmbak.State, tags map[string]string) ssmbak.State { s.Tags.V = tags; return s }
	liveTags := func(l *Parameter, tags map[string]string) *Parameter { l.Tags.V = tags; return l }
	untagged := past(old, "one")
	untagged.Tags = ssmbak.Known[map[string]string]{}
	unread := live(new, "")
	unread.Value = ssmbak.Known[ssmbak.Value]{}
	labelled := past(old, "one")
	labelled.Labels = ssmbak.Know(map[string]int64{"blue": 2, "green": 3}, ssmbak.Proved)

	type answer struct {
		Action          Action
		Differs         []string
		Reason, Refused string
		Notices         []string
	}
	tests := []struct {
		name string
		c    Case
		o    Options
		want answer
	}{
		{
			"the same version",
			Case{After: past(old, ""), Before: live(old, "")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"a later version with the same content",
			Case{After: past(old, "one"), Before: live(new, "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"another value",
			Case{After: past(old, "one"), Before: live(new, "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"the same number in another life",
			Case{After: past(old, "one"), Before: live(version(3, later), "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"it does not exist now",
			Case{After: past(old, "one"), Existed: true},
			Options{},
			answer{Action: ActionCreate, Differs: []string{"value", "type", "tier", "dataType"}},
		},
		{
			"it does not exist now, tags unknown",
			Case{After: untagged, Existed: true},
			Options{},
			answer{Action: ActionCreate, Differs: []string{"value", "type", "tier", "dataType"}, Notices: []string{"its tags are unknown: it is created without tags"}},
		},
		{
			"it had labels and does not exist now",
			Case{After: labelled, Existed: true},
			Options{},
			answer{Action: ActionCreate, Differs: []string{"value", "type", "tier", "dataType", "label green"}, Notices: []string{"label blue cannot be restored: it was on version 2, which no longer exists"}},
		},
		{
			"deleted by then, exists now",
			Case{After: deleted, Existed: true, Before: live(new, "two")},
			Options{},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonDeleted},
		},
		{
			"deleted by then, exists now, live version not recorded",
			Case{After: deleted, Existed: true, Before: live(new, "two"), Unsaved: "no"},
			Options{},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonDeleted, Refused: "no"},
		},
		{
			"deleted by then, exists now, live tags not recorded",
			Case{After: deleted, Existed: true, Before: live(new, "two"), TagsUnsaved: "no"},
			Options{},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonDeleted, Refused: "no"},
		},
		{
			"deleted by then, does not exist now",
			Case{After: deleted, Existed: true},
			Options{},
			answer{Action: ActionNone, Reason: reasonDeleted},
		},
		{
			"created later",
			Case{After: deleted, Covered: true, Before: live(new, "two")},
			Options{},
			answer{Action: ActionKeep, Reason: reasonKeep},
		},
		{
			"created later, exact",
			Case{After: deleted, Covered: true, Before: live(new, "two")},
			Options{Exact: true},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: "it did not exist yet"},
		},
		{
			"created later, restored time before the first listing, exact",
			Case{After: deleted, Before: live(new, "two")},
			Options{Exact: true},
			answer{Action: ActionSkip, Reason: "whether it existed is unknown: no complete listing is that old"},
		},
		{
			"created later, restored time before the first listing",
			Case{After: deleted, Before: live(new, "two")},
			Options{},
			answer{Action: ActionKeep, Reason: reasonKeepUnlisted},
		},
		{
			"another data type, in place",
			Case{After: past(with(old, dataOf("integer")), "1"), Before: live(with(new, dataOf("of-later")), "1")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"dataType"}},
		},
		{
			"a data type that does not change in place",
			Case{After: past(with(old, dataOf(DataTypeImage)), "ami-01234567"), Before: live(new, "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{"its data type stays text instead of aws:ec2:image: " + reasonDataType + "; --replace deletes and recreates it"}},
		},
		{
			"a data type that does not change in place, and nothing else differs",
			Case{After: past(with(old, dataOf(DataTypeImage)), "ami-01234567"), Before: live(new, "ami-01234567")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs", Notices: []string{"its data type stays text instead of aws:ec2:image: " + reasonDataType + "; --replace deletes and recreates it"}},
		},
		{
			"a value that the live data type does not accept",
			Case{After: past(old, "no image"), Before: live(with(new, dataOf(DataTypeImage)), "ami-01234567")},
			Options{},
			answer{
				Action: ActionUpdate, Differs: []string{"value"}, Refused: "its data type is aws:ec2:image and was text: " + reasonDataType + "; --replace deletes and recreates it",
				Notices: []string{"its data type stays aws:ec2:image instead of text: " + reasonDataType + "; --replace deletes and recreates it"},
			},
		},
		{
			"a data type by a replacement",
			Case{After: past(old, "one"), Before: live(with(new, dataOf(integration)), "two")},
			Options{Replace: true},
			answer{
				Action: ActionReplace, Differs: []string{"value", "dataType"}, Reason: "deleted and recreated: " + reasonDataType,
				Notices: []string{"its version numbers start at 1 again, and a resource policy that shares it is lost"},
			},
		},
		{
			"created later, restored time before the first listing, last known",
			Case{After: deleted, Before: live(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionKeep, Reason: reasonKeep},
		},
		{
			"created later, does not exist now",
			Case{After: deleted},
			Options{Exact: true},
			answer{Action: ActionNone, Reason: "it did not exist yet"},
		},

		{
			"never recorded",
			Case{After: nothing, Before: live(new, "two")},
			Options{},
			answer{Action: ActionSkip, Reason: "nothing was recorded yet"},
		},
		{
			"never recorded, last known",
			Case{After: nothing, Before: live(new, "two")},
			Options{AssumeLastKnown: true, Exact: true},
			answer{Action: ActionSkip, Reason: "nothing was recorded yet"},
		},
		{
			"in a gap",
			Case{After: gap, Existed: true, Before: live(new, "two")},
			Options{},
			answer{Action: ActionSkip, Reason: "versions are missing"},
		},
		{
			"in a gap, last known",
			Case{After: gap, Existed: true, Before: live(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{"this is the last known state: versions are missing"}},
		},
		{
			"in a gap, and still live",
			Case{After: gap, Existed: true, Before: live(old, "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"in the second of a deletion",
			Case{After: gapDeleted, Existed: true, Before: live(new, "two")},
			Options{},
			answer{Action: ActionSkip, Reason: "it was deleted within this second"},
		},
		{
			"in the second of a deletion, last known",
			Case{After: gapDeleted, Existed: true, Before: live(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonDeleted, Notices: []string{"this is the last known state: it was deleted within this second"}},
		},
		{
			"the value is unavailable",
			Case{After: expired, Existed: true, Before: live(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionSkip, Reason: "its value is unavailable: the value object is no longer in the bucket"},
		},
		{
			"the value is unavailable, but the version is live",
			Case{After: expired, Existed: true, Before: live(old, "two")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"the live version is not recorded",
			Case{After: past(old, "one"), Before: unread, Unsaved: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Refused: "no"},
		},

		{
			"only tags differ",
			Case{After: tagged(past(old, ""), map[string]string{"env": "prod", "x": "1"}), Before: liveTags(live(old, ""), map[string]string{"env": "dev", "y": "2"}), Unsaved: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"tag env", "tag x", "tag y"}},
		},
		{
			"only tags differ, live tags not recorded",
			Case{After: tagged(past(old, ""), map[string]string{"env": "prod"}), Before: live(old, ""), TagsUnsaved: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"tag env"}, Refused: "no"},
		},
		{
			"only the value differs, live tags not recorded",
			Case{After: past(old, "one"), Before: live(new, "two"), TagsUnsaved: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"tags of AWS",
			Case{After: tagged(past(old, ""), map[string]string{"aws:cloudformation:stack-name": "a"}), Before: liveTags(live(old, ""), map[string]string{"AWS:x": "b"})},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"unknown tags",
			Case{After: untagged, Before: liveTags(live(old, "one"), map[string]string{"env": "dev"})},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},

		{
			"attributes",
			Case{
				After: past(with(old, func(v *ssmbak.Version) {
					v.Type, v.KeyID, v.Description, v.AllowedPattern = ssmbak.TypeSecureString, "alias/k", "d", "^o"
					v.DataType = "integer"
				}), "one"), Before: live(new, "one"),
			},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"type", "keyId", "dataType", "description", "allowedPattern"}},
		},
		{
			"the default key by name",
			Case{After: past(with(old, secure("")), "one"), Before: live(with(new, secure("alias/aws/ssm")), "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"from standard to advanced",
			Case{After: past(with(old, func(v *ssmbak.Version) { v.Tier = advanced }), "one"), Before: live(new, "one")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"tier"}},
		},
		{
			"from advanced to standard, nothing else differs",
			Case{After: past(old, "one"), Before: live(with(new, func(v *ssmbak.Version) { v.Tier = advanced }), "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs", Notices: []string{noticeTier}},
		},
		{
			"from advanced to standard",
			Case{After: past(old, "one"), Before: live(with(new, func(v *ssmbak.Version) { v.Tier = advanced }), "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{noticeTier}},
		},
		{
			"policies in another order",
			Case{
				After:  past(with(old, func(v *ssmbak.Version) { v.Policies = `[{"Type":"A","Version":"1.0"},{"Type":"B"}]` }), "one"),
				Before: live(with(new, func(v *ssmbak.Version) { v.Policies = `[{"Type":"B"}, {"Version":"1.0","Type":"A"}]` }), "one"),
			},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"policies to be cleared",
			Case{After: past(old, "one"), Before: live(with(new, func(v *ssmbak.Version) { v.Policies = `[{"Type":"B"}]` }), "one")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"policies"}},
		},
		{
			"only an expiration that has passed",
			Case{
				Now: later,
				After: past(with(old, func(v *ssmbak.Version) {
					v.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
				}), "one"), Before: live(new, "one"),
			},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"an expiration that has passed",
			Case{
				Now: later,
				After: past(with(old, func(v *ssmbak.Version) {
					v.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
				}), "one"), Before: live(new, "two"),
			},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{"its expiration 2020-01-01T00:00:00Z has passed and is removed"}},
		},

		{
			"of the legacy ssmbak, nothing changed",
			Case{
				After: past(ssmbak.Version{Time: moment - 5000, Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, Description: "the key"}}, "one"),
				Before: live(with(new, func(v *ssmbak.Version) {
					v.Type, v.KeyID, v.Description, v.AllowedPattern, v.Tier = ssmbak.TypeSecureString, "alias/k", "the (key)", "o", advanced
				}), "one"),
			},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"of the legacy ssmbak, without a type",
			Case{After: untyped, Before: live(new, "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"of the legacy ssmbak, without a type, does not exist now",
			Case{After: untyped, Existed: true},
			Options{},
			answer{Action: ActionSkip, Reason: "its type was not recorded"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.c.Name = test.c.After.Name
			item := Decide(test.c, test.o)
			got := answer{Action: item.Action, Reason: item.Reason, Refused: item.Refused, Notices: item.Notices}
			for _, d := range item.Differences {
				got.Differs = append(got.Differs, string(d.Attribute))
			}
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("Decide (-got +want):\n%s", diff)
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	c := Case{
		Name:   "/app/a",
		After:  past(with(version(1, moment), func(v *ssmbak.Version) { v.Description = "" }), "one"),
		Before: live(with(version(2, later), func(v *ssmbak.Version) { v.Description = "new" }), "two"),
	}
	c.After.Tags.V = map[string]string{"a": "", "b": "1"}
	c.Before.Tags.V = map[string]string{"b": "2", "c": "3"}
	want := []Difference{
		{Attribute: "value", Value: true, BeforeValue: ssmbak.NewValue("two"), AfterValue: ssmbak.NewValue("one")},
		{Attribute: "description", Before: "new"},
		{Attribute: "tag a", NoBefore: true},
		{Attribute: "tag b", Before: "2", After: "1"},
		{Attribute: "tag c", Before: "3", NoAfter: true},
	}
	if diff := cmp.Diff(Decide(c, Options{}).Differences, want); diff != "" {
		t.Errorf("differences (-got +want):\n%s", diff)
	}
}
