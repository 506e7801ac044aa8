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

// there returns the wanted state of a parameter that held the value.
func there(v ssmbak.Version, value string) ssmbak.State {
	return ssmbak.State{
		Name: "/app/a", Version: v, Value: ssmbak.Know(ssmbak.NewValue(value), ssmbak.Proved), Modified: v.Time, Certainty: ssmbak.Proved,
		Tags: ssmbak.Know(map[string]string{}, ssmbak.Proved), Labels: ssmbak.Know(map[string]int64(nil), ssmbak.Proved),
	}
}

// alive returns the live parameter that holds the value.
func alive(v ssmbak.Version, value string) *Parameter {
	s := there(v, value)
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

func TestCompute(t *testing.T) {
	t.Parallel()
	old, new := version(3, moment-5000), version(5, later)
	deleted := ssmbak.State{Name: "/app/a", Deleted: true, Certainty: ssmbak.LastKnown, Modified: moment - 5000}
	nothing := ssmbak.State{Name: "/app/a", Reason: "nothing was recorded yet"}
	gap := there(old, "one")
	gap.Certainty, gap.Reason = ssmbak.Unknown, "versions are missing"
	gapDeleted := deleted
	gapDeleted.Certainty, gapDeleted.Reason = ssmbak.Unknown, "it was deleted within this second"
	expired := there(old, "")
	expired.Value = ssmbak.Known[ssmbak.Value]{Reason: "the value object is no longer in the bucket"}
	untyped := there(ssmbak.Version{Time: moment - 5000, Attributes: ssmbak.Attributes{Type: "None"}}, "one")
	tagged := func(s ssmbak.State, tags map[string]string) ssmbak.State { s.Tags.V = tags; return s }
	live := func(l *Parameter, tags map[string]string) *Parameter { l.Tags.V = tags; return l }
	untagged := there(old, "one")
	untagged.Tags = ssmbak.Known[map[string]string]{}
	unread := alive(new, "")
	unread.Value = ssmbak.Known[ssmbak.Value]{}
	labelled := there(old, "one")
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
			Case{After: there(old, ""), Before: alive(old, "")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"a later version with the same content",
			Case{After: there(old, "one"), Before: alive(new, "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"another value",
			Case{After: there(old, "one"), Before: alive(new, "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"the same number in another life",
			Case{After: there(old, "one"), Before: alive(version(3, later), "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"it is gone",
			Case{After: there(old, "one"), Existed: true},
			Options{},
			answer{Action: ActionCreate, Differs: []string{"value", "type", "tier", "dataType"}},
		},
		{
			"it is gone and its tags are not known",
			Case{After: untagged, Existed: true},
			Options{},
			answer{Action: ActionCreate, Differs: []string{"value", "type", "tier", "dataType"}, Notices: []string{"its tags are not known: it gets none"}},
		},
		{
			"it had labels and is gone",
			Case{After: labelled, Existed: true},
			Options{},
			answer{Action: ActionCreate, Differs: []string{"value", "type", "tier", "dataType", "label green"}, Notices: []string{"label blue cannot come back: it was on version 2, which is gone"}},
		},
		{
			"deleted by then, and there",
			Case{After: deleted, Existed: true, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded},
		},
		{
			"deleted by then, and there, not recorded",
			Case{After: deleted, Existed: true, Before: alive(new, "two"), Unheld: "no"},
			Options{},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded, Refused: "no"},
		},
		{
			"deleted by then, and there, tags not recorded",
			Case{After: deleted, Existed: true, Before: alive(new, "two"), Untagged: "no"},
			Options{},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded, Refused: "no"},
		},
		{
			"deleted by then, and gone",
			Case{After: deleted, Existed: true},
			Options{},
			answer{Action: ActionNone, Reason: reasonEnded},
		},
		{
			"begun after",
			Case{After: deleted, Covered: true, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionKept, Reason: reasonUnborn},
		},
		{
			"begun after, exact",
			Case{After: deleted, Covered: true, Before: alive(new, "two")},
			Options{Exact: true},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: "it did not exist yet"},
		},
		{
			"begun after, before the first listing",
			Case{After: deleted, Before: alive(new, "two")},
			Options{Exact: true},
			answer{Action: ActionUnknown, Reason: "whether it existed is not known: no complete listing is that old"},
		},
		{
			"begun after, before the first listing, where only an exact restore needs to know",
			Case{After: deleted, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionKept, Reason: reasonUnlisted},
		},
		{
			"another data type, in place",
			Case{After: there(with(old, dataOf("integer")), "1"), Before: alive(with(new, dataOf("of-later")), "1")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"dataType"}},
		},
		{
			"a data type that does not change in place",
			Case{After: there(with(old, dataOf(DataTypeImage)), "ami-01234567"), Before: alive(new, "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{"its data type stays text instead of aws:ec2:image: " + reasonDataType + " in place, --replace deletes it and creates it anew"}},
		},
		{
			"a data type that does not change in place, and nothing else differs",
			Case{After: there(with(old, dataOf(DataTypeImage)), "ami-01234567"), Before: alive(new, "ami-01234567")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs", Notices: []string{"its data type stays text instead of aws:ec2:image: " + reasonDataType + " in place, --replace deletes it and creates it anew"}},
		},
		{
			"a value that the live data type does not take",
			Case{After: there(old, "no image"), Before: alive(with(new, dataOf(DataTypeImage)), "ami-01234567")},
			Options{},
			answer{
				Action: ActionUpdate, Differs: []string{"value"}, Refused: "its data type is aws:ec2:image and was text: " + reasonDataType + " in place; --replace deletes it and creates it anew",
				Notices: []string{"its data type stays aws:ec2:image instead of text: " + reasonDataType + " in place, --replace deletes it and creates it anew"},
			},
		},
		{
			"a data type by a replacement",
			Case{After: there(old, "one"), Before: alive(with(new, dataOf(integration)), "two")},
			Options{Replace: true},
			answer{
				Action: ActionReplace, Differs: []string{"value", "dataType"}, Reason: "deleted and created anew: " + reasonDataType + " in place",
				Notices: []string{"its version numbers begin at 1 again, and a resource policy that shares it is lost"},
			},
		},
		{
			"begun after, before the first listing, last known",
			Case{After: deleted, Before: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionKept, Reason: reasonUnborn},
		},
		{
			"begun after and gone again",
			Case{After: deleted},
			Options{Exact: true},
			answer{Action: ActionNone, Reason: "it did not exist yet"},
		},

		{
			"nothing known",
			Case{After: nothing, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionUnknown, Reason: "nothing was recorded yet"},
		},
		{
			"nothing known, last known",
			Case{After: nothing, Before: alive(new, "two")},
			Options{AssumeLastKnown: true, Exact: true},
			answer{Action: ActionUnknown, Reason: "nothing was recorded yet"},
		},
		{
			"in a gap",
			Case{After: gap, Existed: true, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionUnknown, Reason: "versions are missing"},
		},
		{
			"in a gap, last known",
			Case{After: gap, Existed: true, Before: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{"this is the last known state: versions are missing"}},
		},
		{
			"in a gap, and still live",
			Case{After: gap, Existed: true, Before: alive(old, "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"in the second of a deletion",
			Case{After: gapDeleted, Existed: true, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionUnknown, Reason: "it was deleted within this second"},
		},
		{
			"in the second of a deletion, last known",
			Case{After: gapDeleted, Existed: true, Before: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionDelete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded, Notices: []string{"this is the last known state: it was deleted within this second"}},
		},
		{
			"the value is lost",
			Case{After: expired, Existed: true, Before: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: ActionUnknown, Reason: "its value cannot be had: the value object is no longer in the bucket"},
		},
		{
			"the value is lost and still live",
			Case{After: expired, Existed: true, Before: alive(old, "two")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"the live version is not recorded",
			Case{After: there(old, "one"), Before: unread, Unheld: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Refused: "no"},
		},

		{
			"only tags differ",
			Case{After: tagged(there(old, ""), map[string]string{"env": "prod", "x": "1"}), Before: live(alive(old, ""), map[string]string{"env": "dev", "y": "2"}), Unheld: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"tag env", "tag x", "tag y"}},
		},
		{
			"only tags differ, and are not recorded",
			Case{After: tagged(there(old, ""), map[string]string{"env": "prod"}), Before: alive(old, ""), Untagged: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"tag env"}, Refused: "no"},
		},
		{
			"the value differs, and tags that are not touched are not recorded",
			Case{After: there(old, "one"), Before: alive(new, "two"), Untagged: "no"},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"tags of AWS",
			Case{After: tagged(there(old, ""), map[string]string{"aws:cloudformation:stack-name": "a"}), Before: live(alive(old, ""), map[string]string{"AWS:x": "b"})},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"tags that were not known",
			Case{After: untagged, Before: live(alive(old, "one"), map[string]string{"env": "dev"})},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},

		{
			"attributes",
			Case{
				After: there(with(old, func(v *ssmbak.Version) {
					v.Type, v.KeyID, v.Description, v.AllowedPattern = ssmbak.TypeSecureString, "alias/k", "d", "^o"
					v.DataType = "integer"
				}), "one"), Before: alive(new, "one"),
			},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"type", "keyId", "dataType", "description", "allowedPattern"}},
		},
		{
			"the default key by name",
			Case{After: there(with(old, secure("")), "one"), Before: alive(with(new, secure("alias/aws/ssm")), "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"up to advanced",
			Case{After: there(with(old, func(v *ssmbak.Version) { v.Tier = advanced }), "one"), Before: alive(new, "one")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"tier"}},
		},
		{
			"down to standard, alone",
			Case{After: there(old, "one"), Before: alive(with(new, func(v *ssmbak.Version) { v.Tier = advanced }), "one")},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs", Notices: []string{noticeTier}},
		},
		{
			"down to standard",
			Case{After: there(old, "one"), Before: alive(with(new, func(v *ssmbak.Version) { v.Tier = advanced }), "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{noticeTier}},
		},
		{
			"policies in another order",
			Case{
				After:  there(with(old, func(v *ssmbak.Version) { v.Policies = `[{"Type":"A","Version":"1.0"},{"Type":"B"}]` }), "one"),
				Before: alive(with(new, func(v *ssmbak.Version) { v.Policies = `[{"Type":"B"}, {"Version":"1.0","Type":"A"}]` }), "one"),
			},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"policies to be cleared",
			Case{After: there(old, "one"), Before: alive(with(new, func(v *ssmbak.Version) { v.Policies = `[{"Type":"B"}]` }), "one")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"policies"}},
		},
		{
			"an expiration that has passed alone",
			Case{
				Now: later,
				After: there(with(old, func(v *ssmbak.Version) {
					v.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
				}), "one"), Before: alive(new, "one"),
			},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"an expiration that has passed",
			Case{
				Now: later,
				After: there(with(old, func(v *ssmbak.Version) {
					v.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
				}), "one"), Before: alive(new, "two"),
			},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}, Notices: []string{"its expiration 2020-01-01T00:00:00Z has passed and is left out"}},
		},

		{
			"of the original, nothing changed",
			Case{
				After: there(ssmbak.Version{Time: moment - 5000, Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString, Description: "the key"}}, "one"),
				Before: alive(with(new, func(v *ssmbak.Version) {
					v.Type, v.KeyID, v.Description, v.AllowedPattern, v.Tier = ssmbak.TypeSecureString, "alias/k", "the (key)", "o", advanced
				}), "one"),
			},
			Options{},
			answer{Action: ActionNone, Reason: "nothing differs"},
		},
		{
			"of the original, without a type",
			Case{After: untyped, Before: alive(new, "two")},
			Options{},
			answer{Action: ActionUpdate, Differs: []string{"value"}},
		},
		{
			"of the original, without a type, and gone",
			Case{After: untyped, Existed: true},
			Options{},
			answer{Action: ActionUnknown, Reason: "its type was not recorded"},
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
				t.Errorf("compute (-got +want):\n%s", diff)
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	c := Case{
		Name:   "/app/a",
		After:  there(with(version(1, moment), func(v *ssmbak.Version) { v.Description = "" }), "one"),
		Before: alive(with(version(2, later), func(v *ssmbak.Version) { v.Description = "new" }), "two"),
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
