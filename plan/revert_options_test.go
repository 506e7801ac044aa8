package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
)

// TestRevertReplace reverts with Replace what cannot be changed in place.
func TestRevertReplace(t *testing.T) {
	t.Parallel()
	image := func(s *sides) { s.to.Version.DataType, s.live.Version.DataType = DataTypeImage, DataTypeImage }
	raised := func(s *sides) {
		s.to.Value = s.from.Value
		s.to.Version.Tier = advanced
		s.live = s.to
		s.live.Tags.V, s.live.Labels.V = map[string]string{}, map[string]int64{}
	}
	long := ssmbak.Know(ssmbak.NewValue(strings.Repeat("x", standardSize+1)), ssmbak.Proved)
	tests := []struct {
		name   string
		change func(s *sides)
		want   string
	}{
		{"a data type", image, "replace, value two>one, dataType " + DataTypeImage + ">text"},
		{"a tier", raised, "replace, tier Advanced>Standard"},
		{"a tier, raised since", func(s *sides) { s.live.Version.Tier = advanced }, "update, value two>one"},
		{"a tier, with a long value since", func(s *sides) {
			raised(s)
			s.live.Version.Number, s.live.Value = 3, long
			s.live.Version.Time++
		}, "skip; conflict: tier: " + reasonTooLong},
		{"a tier, with tags", func(s *sides) {
			raised(s)
			s.from.Tags.V, s.to.Tags.V, s.live.Tags.V = map[string]string{"a": "1"}, map[string]string{"a": "2"}, map[string]string{"a": "2", "b": "3"}
		}, "replace, tier Advanced>Standard, tag a 2>1"},
		{"a tier, with a label on the live version", func(s *sides) {
			raised(s)
			s.live.Labels.V["l"] = 2
		}, "replace, tier Advanced>Standard, label l 2>1"},
		{"a tier, with a label on an older version", func(s *sides) {
			raised(s)
			s.live.Labels.V["l"] = 1
		}, "replace, tier Advanced>Standard, label l 1>; refused: deleting and recreating it would lose label l, which belongs to version 1"},
		{"a data type, with a label on the live version", func(s *sides) {
			image(s)
			s.live.Labels.V["l"] = 2
		}, "replace, value two>one, dataType " + DataTypeImage + ">text, label l 2>; refused: deleting and recreating it would lose label l, which belongs to version 2"},
		{"a data type, with a label that moved", func(s *sides) {
			image(s)
			s.from.Labels.V["l"], s.to.Labels.V["l"], s.live.Labels.V["l"] = 1, 2, 2
		}, "replace, value two>one, dataType " + DataTypeImage + ">text, label l 2>1"},
		{"a data type, with a label that was added", func(s *sides) {
			image(s)
			s.to.Labels.V["l"], s.live.Labels.V["l"] = 2, 2
		}, "replace, value two>one, dataType " + DataTypeImage + ">text, label l 2>"},
		{"labels unknown", func(s *sides) {
			image(s)
			s.live.Labels = ssmbak.Known[map[string]int64]{}
		}, "replace, value two>one, dataType " + DataTypeImage + ">text; refused: its labels are unknown, and deleting it would lose them"},
		{"a changed value with a data type", func(s *sides) {
			image(s)
			s.live.Version.Number, s.live.Value = 3, ssmbak.Know(ssmbak.NewValue("three"), ssmbak.Proved)
			s.live.Version.Time++
		}, "skip; conflict: value: " + reasonChangedSince},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			item := Revert(reversal(test.change), Options{Replace: true})
			item.Reason = ""
			if diff := cmp.Diff(reversed(item), test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// TestRevertFallback checks the labels of the replacement of an update that Parameter Store
// may refuse.
func TestRevertFallback(t *testing.T) {
	t.Parallel()
	c := reversal(func(s *sides) {
		s.to.Version.Type, s.live.Version.Type = ssmbak.TypeStringList, ssmbak.TypeStringList
		s.from.Labels.V["l"], s.to.Labels.V["l"], s.live.Labels.V["l"] = 1, 2, 2
	})
	item := Revert(c, Options{Replace: true})
	if got, want := reversed(item), "update, value two>one, type StringList>String, label l 2>1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if item.Fallback == nil || item.Fallback.Refused != "" || !cmp.Equal(item.Fallback.Labels, []LabelMove{{Label: "l", To: 1, ToNew: true}}) {
		t.Errorf("fallback %+v", item.Fallback)
	}
	c.Before.Labels.V["m"] = 2
	if item = Revert(c, Options{Replace: true}); item.Refused != "" || !strings.Contains(item.Fallback.Refused, "would lose label m") {
		t.Errorf("with another label: refused %q, the fallback %q", item.Refused, item.Fallback.Refused)
	}
}

// TestRevertKey reverts SecureStrings with another key.
func TestRevertKey(t *testing.T) {
	t.Parallel()
	secret := func(key string, all ...*Parameter) {
		for _, p := range all {
			p.Version = with(p.Version, secure(key))
		}
	}
	tests := []struct {
		name   string
		change func(s *sides)
		want   string
	}{
		{"a String", func(*sides) {}, "update, value two>one"},
		{"a value", func(s *sides) { secret("k", &s.from, &s.to, &s.live) }, "update, value two>one, keyId k>new"},
		{"a value that the same revert took back", func(s *sides) {
			secret("k", &s.from, &s.to)
			secret("new", &s.live)
			s.live.Version.Number, s.live.Value = 3, s.from.Value
			s.live.Version.Time++
		}, "none (nothing differs)"},
		{"only a description", func(s *sides) {
			secret("k", &s.from, &s.to, &s.live)
			s.to.Value, s.live.Value = s.from.Value, s.from.Value
			s.to.Version.Description, s.live.Version.Description = "d", "d"
		}, "update, description d>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(reversed(Revert(reversal(test.change), Options{KeyID: "new"})), test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
	deleted := reversal(func(s *sides) { secret("k", &s.from) })
	absent(&deleted.To)
	again := *deleted.Before
	deleted.Before = nil
	if item := Revert(deleted, Options{KeyID: "new"}); item.Action != ActionCreate || item.Write.KeyID != "new" {
		t.Errorf("a deleted parameter: %s with key %s", reversed(item), item.Write.KeyID)
	}
	again.Version, again.Value = deleted.From.State.Version, deleted.From.State.Value
	again.Version.KeyID, again.Version.Number, again.Version.Time = "new", 1, later
	deleted.Before = &again
	if item := Revert(deleted, Options{KeyID: "new"}); reversed(item) != "none (nothing differs)" {
		t.Errorf("created again by the same revert: %s", reversed(item))
	}
}
