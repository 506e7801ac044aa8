package render_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/plan"
)

// TestRestoreRows counts what restores did, by records that call a deletion
// restored, as they once did, too.
func TestRestoreRows(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
	item := func(action plan.Action, status plan.Status) plan.DocumentItem {
		return plan.DocumentItem{Name: "/a", Action: action, AppliedItem: plan.AppliedItem{Status: status}}
	}
	rows := render.RestoreRows([]*plan.Document{
		{Applied: plan.Applied{ID: "new", Began: at, Ended: at}, Items: []plan.DocumentItem{item("update", "restored"), item("delete", "deleted"), item("delete", "unchanged"), item("create", "failed")}},
		{Applied: plan.Applied{ID: "old", Began: at, Ended: at}, Items: []plan.DocumentItem{item("create", "restored"), item("delete", "restored"), item("replace", "restored"), item("update", "refused")}},
	})
	type counts struct{ Restored, Deleted, Refused, Failed int }
	var got []counts
	for _, r := range rows {
		got = append(got, counts{r.Restored, r.Deleted, r.Refused, r.Failed})
	}
	if diff := cmp.Diff(got, []counts{{1, 1, 0, 1}, {2, 1, 1, 0}}); diff != "" {
		t.Errorf("counts (-got +want):\n%s", diff)
	}
}
