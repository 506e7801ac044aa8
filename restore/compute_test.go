package restore

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
	return ssmbak.Version{Number: number, Time: at, User: "alice", Attributes: ssmbak.Attributes{Type: ssmbak.String, Tier: standard, DataType: plain}}
}

// there returns the wanted state of a parameter that held the value.
func there(v ssmbak.Version, value string) ssmbak.State {
	return ssmbak.State{
		Name: "/app/a", Version: v, Value: ssmbak.Know(ssmbak.NewValue(value), ssmbak.Proved), Modified: v.Time, Certainty: ssmbak.Proved,
		Tags: ssmbak.Know(map[string]string{}, ssmbak.Proved), Labels: ssmbak.Know(map[string]int64(nil), ssmbak.Proved),
	}
}

// alive returns the live parameter that holds the value.
func alive(v ssmbak.Version, value string) *Live {
	s := there(v, value)
	return &Live{Version: v, Value: s.Value, Tags: s.Tags, Labels: s.Labels}
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
	return func(v *ssmbak.Version) { v.Type, v.KeyID = ssmbak.SecureString, key }
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
	live := func(l *Live, tags map[string]string) *Live { l.Tags.V = tags; return l }
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
		c    circumstances
		o    Options
		want answer
	}{
		{
			"the same version",
			circumstances{wanted: there(old, ""), live: alive(old, "")},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"a later version with the same content",
			circumstances{wanted: there(old, "one"), live: alive(new, "one")},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"another value",
			circumstances{wanted: there(old, "one"), live: alive(new, "two")},
			Options{},
			answer{Action: Update, Differs: []string{"value"}},
		},
		{
			"the same number in another life",
			circumstances{wanted: there(old, "one"), live: alive(version(3, later), "two")},
			Options{},
			answer{Action: Update, Differs: []string{"value"}},
		},
		{
			"it is gone",
			circumstances{wanted: there(old, "one"), existed: true},
			Options{},
			answer{Action: Create, Differs: []string{"value", "type", "tier", "dataType"}},
		},
		{
			"it is gone and its tags are not known",
			circumstances{wanted: untagged, existed: true},
			Options{},
			answer{Action: Create, Differs: []string{"value", "type", "tier", "dataType"}, Notices: []string{"its tags are not known: it gets none"}},
		},
		{
			"it had labels and is gone",
			circumstances{wanted: labelled, existed: true},
			Options{},
			answer{Action: Create, Differs: []string{"value", "type", "tier", "dataType", "label green"}, Notices: []string{"label blue cannot come back: it was on version 2, which is gone"}},
		},
		{
			"deleted by then, and there",
			circumstances{wanted: deleted, existed: true, live: alive(new, "two")},
			Options{},
			answer{Action: Delete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded},
		},
		{
			"deleted by then, and there, not recorded",
			circumstances{wanted: deleted, existed: true, live: alive(new, "two"), unheld: "no"},
			Options{},
			answer{Action: Delete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded, Refused: "no"},
		},
		{
			"deleted by then, and there, tags not recorded",
			circumstances{wanted: deleted, existed: true, live: alive(new, "two"), untagged: "no"},
			Options{},
			answer{Action: Delete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded, Refused: "no"},
		},
		{
			"deleted by then, and gone",
			circumstances{wanted: deleted, existed: true},
			Options{},
			answer{Action: None, Reason: reasonEnded},
		},
		{
			"begun after",
			circumstances{wanted: deleted, covered: true, live: alive(new, "two")},
			Options{},
			answer{Action: Kept, Reason: reasonUnborn},
		},
		{
			"begun after, exact",
			circumstances{wanted: deleted, covered: true, live: alive(new, "two")},
			Options{Exact: true},
			answer{Action: Delete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: "it did not exist yet"},
		},
		{
			"begun after, before the first listing",
			circumstances{wanted: deleted, live: alive(new, "two")},
			Options{Exact: true},
			answer{Action: Unknown, Reason: "whether it existed is not known: no complete listing is that old"},
		},
		{
			"begun after, before the first listing, where only an exact restore needs to know",
			circumstances{wanted: deleted, live: alive(new, "two")},
			Options{},
			answer{Action: Kept, Reason: reasonUnlisted},
		},
		{
			"another data type, in place",
			circumstances{wanted: there(with(old, dataOf("integer")), "1"), live: alive(with(new, dataOf("of-later")), "1")},
			Options{},
			answer{Action: Update, Differs: []string{"dataType"}},
		},
		{
			"a data type that does not change in place",
			circumstances{wanted: there(with(old, dataOf(image)), "ami-01234567"), live: alive(new, "two")},
			Options{},
			answer{Action: Update, Differs: []string{"value"}, Notices: []string{"its data type stays text instead of aws:ec2:image: " + reasonDataType + " in place, --replace deletes it and creates it anew"}},
		},
		{
			"a data type that does not change in place, and nothing else differs",
			circumstances{wanted: there(with(old, dataOf(image)), "ami-01234567"), live: alive(new, "ami-01234567")},
			Options{},
			answer{Action: None, Reason: "nothing differs", Notices: []string{"its data type stays text instead of aws:ec2:image: " + reasonDataType + " in place, --replace deletes it and creates it anew"}},
		},
		{
			"a value that the live data type does not take",
			circumstances{wanted: there(old, "no image"), live: alive(with(new, dataOf(image)), "ami-01234567")},
			Options{},
			answer{
				Action: Update, Differs: []string{"value"}, Refused: "its data type is aws:ec2:image and was text: " + reasonDataType + " in place; --replace deletes it and creates it anew",
				Notices: []string{"its data type stays aws:ec2:image instead of text: " + reasonDataType + " in place, --replace deletes it and creates it anew"},
			},
		},
		{
			"a data type by a replacement",
			circumstances{wanted: there(old, "one"), live: alive(with(new, dataOf(integration)), "two")},
			Options{Replace: true},
			answer{
				Action: Replace, Differs: []string{"value", "dataType"}, Reason: "deleted and created anew: " + reasonDataType + " in place",
				Notices: []string{"its version numbers begin at 1 again, and a resource policy that shares it is lost"},
			},
		},
		{
			"begun after, before the first listing, last known",
			circumstances{wanted: deleted, live: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: Kept, Reason: reasonUnborn},
		},
		{
			"begun after and gone again",
			circumstances{wanted: deleted},
			Options{Exact: true},
			answer{Action: None, Reason: "it did not exist yet"},
		},

		{
			"nothing known",
			circumstances{wanted: nothing, live: alive(new, "two")},
			Options{},
			answer{Action: Unknown, Reason: "nothing was recorded yet"},
		},
		{
			"nothing known, last known",
			circumstances{wanted: nothing, live: alive(new, "two")},
			Options{AssumeLastKnown: true, Exact: true},
			answer{Action: Unknown, Reason: "nothing was recorded yet"},
		},
		{
			"in a gap",
			circumstances{wanted: gap, existed: true, live: alive(new, "two")},
			Options{},
			answer{Action: Unknown, Reason: "versions are missing"},
		},
		{
			"in a gap, last known",
			circumstances{wanted: gap, existed: true, live: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: Update, Differs: []string{"value"}, Notices: []string{"this is the last known state: versions are missing"}},
		},
		{
			"in a gap, and still live",
			circumstances{wanted: gap, existed: true, live: alive(old, "one")},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"in the second of a deletion",
			circumstances{wanted: gapDeleted, existed: true, live: alive(new, "two")},
			Options{},
			answer{Action: Unknown, Reason: "it was deleted within this second"},
		},
		{
			"in the second of a deletion, last known",
			circumstances{wanted: gapDeleted, existed: true, live: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: Delete, Differs: []string{"value", "type", "tier", "dataType"}, Reason: reasonEnded, Notices: []string{"this is the last known state: it was deleted within this second"}},
		},
		{
			"the value is lost",
			circumstances{wanted: expired, existed: true, live: alive(new, "two")},
			Options{AssumeLastKnown: true},
			answer{Action: Unknown, Reason: "its value cannot be had: the value object is no longer in the bucket"},
		},
		{
			"the value is lost and still live",
			circumstances{wanted: expired, existed: true, live: alive(old, "two")},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"the live version is not recorded",
			circumstances{wanted: there(old, "one"), live: unread, unheld: "no"},
			Options{},
			answer{Action: Update, Differs: []string{"value"}, Refused: "no"},
		},

		{
			"only tags differ",
			circumstances{wanted: tagged(there(old, ""), map[string]string{"env": "prod", "x": "1"}), live: live(alive(old, ""), map[string]string{"env": "dev", "y": "2"}), unheld: "no"},
			Options{},
			answer{Action: Update, Differs: []string{"tag env", "tag x", "tag y"}},
		},
		{
			"only tags differ, and are not recorded",
			circumstances{wanted: tagged(there(old, ""), map[string]string{"env": "prod"}), live: alive(old, ""), untagged: "no"},
			Options{},
			answer{Action: Update, Differs: []string{"tag env"}, Refused: "no"},
		},
		{
			"the value differs, and tags that are not touched are not recorded",
			circumstances{wanted: there(old, "one"), live: alive(new, "two"), untagged: "no"},
			Options{},
			answer{Action: Update, Differs: []string{"value"}},
		},
		{
			"tags of AWS",
			circumstances{wanted: tagged(there(old, ""), map[string]string{"aws:cloudformation:stack-name": "a"}), live: live(alive(old, ""), map[string]string{"AWS:x": "b"})},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"tags that were not known",
			circumstances{wanted: untagged, live: live(alive(old, "one"), map[string]string{"env": "dev"})},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},

		{
			"attributes",
			circumstances{
				wanted: there(with(old, func(v *ssmbak.Version) {
					v.Type, v.KeyID, v.Description, v.AllowedPattern = ssmbak.SecureString, "alias/k", "d", "^o"
					v.DataType = "integer"
				}), "one"), live: alive(new, "one"),
			},
			Options{},
			answer{Action: Update, Differs: []string{"type", "keyId", "dataType", "description", "allowedPattern"}},
		},
		{
			"the default key by name",
			circumstances{wanted: there(with(old, secure("")), "one"), live: alive(with(new, secure("alias/aws/ssm")), "one")},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"up to advanced",
			circumstances{wanted: there(with(old, func(v *ssmbak.Version) { v.Tier = advanced }), "one"), live: alive(new, "one")},
			Options{},
			answer{Action: Update, Differs: []string{"tier"}},
		},
		{
			"down to standard, alone",
			circumstances{wanted: there(old, "one"), live: alive(with(new, func(v *ssmbak.Version) { v.Tier = advanced }), "one")},
			Options{},
			answer{Action: None, Reason: "nothing differs", Notices: []string{noticeTier}},
		},
		{
			"down to standard",
			circumstances{wanted: there(old, "one"), live: alive(with(new, func(v *ssmbak.Version) { v.Tier = advanced }), "two")},
			Options{},
			answer{Action: Update, Differs: []string{"value"}, Notices: []string{noticeTier}},
		},
		{
			"policies in another order",
			circumstances{
				wanted: there(with(old, func(v *ssmbak.Version) { v.Policies = `[{"Type":"A","Version":"1.0"},{"Type":"B"}]` }), "one"),
				live:   alive(with(new, func(v *ssmbak.Version) { v.Policies = `[{"Type":"B"}, {"Version":"1.0","Type":"A"}]` }), "one"),
			},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"policies to be cleared",
			circumstances{wanted: there(old, "one"), live: alive(with(new, func(v *ssmbak.Version) { v.Policies = `[{"Type":"B"}]` }), "one")},
			Options{},
			answer{Action: Update, Differs: []string{"policies"}},
		},
		{
			"an expiration that has passed alone",
			circumstances{
				now: later,
				wanted: there(with(old, func(v *ssmbak.Version) {
					v.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
				}), "one"), live: alive(new, "one"),
			},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"an expiration that has passed",
			circumstances{
				now: later,
				wanted: there(with(old, func(v *ssmbak.Version) {
					v.Policies = `[{"Type":"Expiration","Attributes":{"Timestamp":"2020-01-01T00:00:00Z"}}]`
				}), "one"), live: alive(new, "two"),
			},
			Options{},
			answer{Action: Update, Differs: []string{"value"}, Notices: []string{"its expiration 2020-01-01T00:00:00Z has passed and is left out"}},
		},

		{
			"of the original, nothing changed",
			circumstances{
				wanted: there(ssmbak.Version{Time: moment - 5000, Attributes: ssmbak.Attributes{Type: ssmbak.SecureString, Description: "the key"}}, "one"),
				live: alive(with(new, func(v *ssmbak.Version) {
					v.Type, v.KeyID, v.Description, v.AllowedPattern, v.Tier = ssmbak.SecureString, "alias/k", "the (key)", "o", advanced
				}), "one"),
			},
			Options{},
			answer{Action: None, Reason: "nothing differs"},
		},
		{
			"of the original, without a type",
			circumstances{wanted: untyped, live: alive(new, "two")},
			Options{},
			answer{Action: Update, Differs: []string{"value"}},
		},
		{
			"of the original, without a type, and gone",
			circumstances{wanted: untyped, existed: true},
			Options{},
			answer{Action: Unknown, Reason: "its type was not recorded"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.c.name = test.c.wanted.Name
			item := compute(test.c, test.o)
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
	c := circumstances{
		name:   "/app/a",
		wanted: there(with(version(1, moment), func(v *ssmbak.Version) { v.Description = "" }), "one"),
		live:   alive(with(version(2, later), func(v *ssmbak.Version) { v.Description = "new" }), "two"),
	}
	c.wanted.Tags.V = map[string]string{"a": "", "b": "1"}
	c.live.Tags.V = map[string]string{"b": "2", "c": "3"}
	want := []Difference{
		{Attribute: "value", Value: true, LiveValue: ssmbak.NewValue("two"), WantedValue: ssmbak.NewValue("one")},
		{Attribute: "description", Live: "new"},
		{Attribute: "tag a", NoLive: true},
		{Attribute: "tag b", Live: "2", Wanted: "1"},
		{Attribute: "tag c", Live: "3", NoWanted: true},
	}
	if diff := cmp.Diff(compute(c, Options{}).Differences, want); diff != "" {
		t.Errorf("differences (-got +want):\n%s", diff)
	}
}
