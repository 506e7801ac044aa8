package restore_test

import (
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestUndone checks which parameters of a restore count as undone, after undos of it, of
// parts of it, and of those undos.
func TestUndone(t *testing.T) {
	t.Parallel()
	record := func(id, undoes string, items ...plan.DocumentItem) *plan.Document {
		return &plan.Document{Applied: plan.Applied{ID: id, Undoes: undoes}, Items: items}
	}
	item := func(name ssmbak.Name, status plan.Status) plan.DocumentItem {
		return plan.DocumentItem{Name: name, AppliedItem: plan.AppliedItem{Status: status}}
	}
	r := record("r", "", item("/a", "restored"), item("/b", "deleted"), item("/c", "refused"), item("/d", "failed"))
	all := record("u", "r", item("/a", "restored"), item("/b", "restored"))
	part := record("p", "r", item("/a", "restored"))
	refused := record("f", "r", item("/a", "restored"), item("/b", "refused"))
	redo := record("v", "u", item("/a", "restored"), item("/b", "deleted"))
	tests := []struct {
		name  string
		later []*plan.Document
		want  int
	}{
		{"not undone", nil, 0},
		{"another restore", []*plan.Document{record("x", "y", item("/a", "restored"))}, 0},
		{"undone", []*plan.Document{all}, 2},
		{"in part", []*plan.Document{part}, 1},
		{"with a refusal", []*plan.Document{refused}, 1},
		{"in two parts", []*plan.Document{record("q", "r", item("/b", "restored")), part}, 2},
		{"undone, and the undo undone", []*plan.Document{redo, all}, 0},
		{"that in part", []*plan.Document{record("w", "u", item("/b", "deleted")), all}, 1},
		{"undone again", []*plan.Document{record("u2", "r", item("/a", "restored"), item("/b", "restored")), redo, all}, 2},
	}
	for _, test := range tests {
		if undone, changed := restore.Undone(r, test.later); undone != test.want || changed != 2 {
			t.Errorf("%s: %d of %d, want %d of 2", test.name, undone, changed, test.want)
		}
	}
	killed := record("k", "", item("/a", ""), item("/b", ""))
	if undone, changed := restore.Undone(killed, nil); undone != 0 || changed != 2 {
		t.Errorf("killed: %d of %d", undone, changed)
	}
}
