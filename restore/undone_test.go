package restore_test

import (
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/restore"
)

// TestUndone checks which parameters of a restore count as undone, after undos of it, of
// parts of it, and of those undos.
func TestUndone(t *testing.T) {
	t.Parallel()
	record := func(id, undoes string, items ...archive.RestoreItem) *archive.RestoreRecord {
		return &archive.RestoreRecord{ID: id, Undoes: undoes, Items: items}
	}
	item := func(name ssmbak.Name, status string) archive.RestoreItem {
		return archive.RestoreItem{Name: name, Status: status}
	}
	r := record("r", "", item("/a", "restored"), item("/b", "deleted"), item("/c", "refused"), item("/d", "failed"))
	all := record("u", "r", item("/a", "restored"), item("/b", "restored"))
	part := record("p", "r", item("/a", "restored"))
	refused := record("f", "r", item("/a", "restored"), item("/b", "refused"))
	redo := record("v", "u", item("/a", "restored"), item("/b", "deleted"))
	tests := []struct {
		name  string
		later []*archive.RestoreRecord
		want  int
	}{
		{"not undone", nil, 0},
		{"another restore", []*archive.RestoreRecord{record("x", "y", item("/a", "restored"))}, 0},
		{"undone", []*archive.RestoreRecord{all}, 2},
		{"in part", []*archive.RestoreRecord{part}, 1},
		{"with a refusal", []*archive.RestoreRecord{refused}, 1},
		{"in two parts", []*archive.RestoreRecord{record("q", "r", item("/b", "restored")), part}, 2},
		{"undone, and the undo undone", []*archive.RestoreRecord{redo, all}, 0},
		{"that in part", []*archive.RestoreRecord{record("w", "u", item("/b", "deleted")), all}, 1},
		{"undone again", []*archive.RestoreRecord{record("u2", "r", item("/a", "restored"), item("/b", "restored")), redo, all}, 2},
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
