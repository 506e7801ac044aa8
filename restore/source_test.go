package restore_test

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/restore"
)

// TestNeedsSource checks when the undo of a restore from another archive reads that archive:
// while it is unknown what the restore wrote.
func TestNeedsSource(t *testing.T) {
	t.Parallel()
	from, ended := &archive.RecordSource{Bucket: "elsewhere"}, time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC)
	item := func(status string, written int64) []archive.RestoreItem {
		return []archive.RestoreItem{{Name: "/app/db", Status: status, Written: written, After: &archive.RestoreSide{}}}
	}
	for what, tt := range map[string]struct {
		rec  archive.RestoreRecord
		want bool
	}{
		"killed":                      {archive.RestoreRecord{From: from, Items: item("", 0)}, true},
		"killed, to delete":           {archive.RestoreRecord{From: from, Items: []archive.RestoreItem{{Name: "/app/db"}}}, false},
		"an answer was lost":          {archive.RestoreRecord{From: from, Ended: ended, Items: item("failed", 0)}, true},
		"failed after it was written": {archive.RestoreRecord{From: from, Ended: ended, Items: item("failed", 3)}, false},
		"restored":                    {archive.RestoreRecord{From: from, Ended: ended, Items: item("restored", 3)}, false},
		"refused":                     {archive.RestoreRecord{From: from, Ended: ended, Items: item("refused", 0)}, false},
		"from its own archive":        {archive.RestoreRecord{Items: item("", 0)}, false},
	} {
		if got := restore.NeedsSource(&tt.rec); got != tt.want {
			t.Errorf("%s: %t, want %t", what, got, tt.want)
		}
	}
}
