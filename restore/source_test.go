package restore_test

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// TestNeedsSource checks when the undo of a restore from another archive reads that archive:
// while it is unknown what the restore wrote.
func TestNeedsSource(t *testing.T) {
	t.Parallel()
	from, ended := &plan.DocumentSource{Bucket: "elsewhere"}, plan.Applied{Ended: time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC)}
	item := func(status plan.Status, written int64) []plan.DocumentItem {
		return []plan.DocumentItem{{Name: "/app/db", AppliedItem: plan.AppliedItem{Status: status, Written: written}, After: &plan.DocumentSide{}}}
	}
	for what, tt := range map[string]struct {
		rec  plan.Document
		want bool
	}{
		"killed":                      {plan.Document{From: from, Items: item("", 0)}, true},
		"killed, to delete":           {plan.Document{From: from, Items: []plan.DocumentItem{{Name: "/app/db"}}}, false},
		"an answer was lost":          {plan.Document{From: from, Applied: ended, Items: item("failed", 0)}, true},
		"failed after it was written": {plan.Document{From: from, Applied: ended, Items: item("failed", 3)}, false},
		"restored":                    {plan.Document{From: from, Applied: ended, Items: item("restored", 3)}, false},
		"refused":                     {plan.Document{From: from, Applied: ended, Items: item("refused", 0)}, false},
		"from its own archive":        {plan.Document{Items: item("", 0)}, false},
	} {
		if got := restore.NeedsSource(&tt.rec); got != tt.want {
			t.Errorf("%s: %t, want %t", what, got, tt.want)
		}
	}
}
