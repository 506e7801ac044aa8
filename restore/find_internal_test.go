package restore

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

func TestUnknownAreNew(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC) }
	complete := archive.Reconciled{First: at(1), Last: at(5)}
	excluded, before := complete, complete
	excluded.Excluded = []string{"/ci/*"}
	before.Once = []archive.Exclusion{{Pattern: "/ci/*", Until: at(3)}}
	for _, test := range []struct {
		name string
		r    archive.Reconciled
		at   time.Time
		want bool
	}{
		{"no listing", archive.Reconciled{}, at(1), false},
		{"before the first", complete, at(1).Add(-time.Millisecond), false},
		{"at the first", complete, at(1), true},
		{"at the last", complete, at(5), true},
		{"after the last", complete, at(5).Add(time.Millisecond), false},
		{"excluded now", excluded, at(2), false},
		{"excluded then", before, at(2), false},
		{"excluded before", before, at(3), true},
	} {
		if got := unknownAreNew(test.r, ssmbak.TimeOf(test.at)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
