package changeset_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/changeset"
)

func change(by string, name ssmbak.Name, at ssmbak.Time) ssmbak.Change {
	c := ssmbak.Change{Name: name, Operation: ssmbak.OpUpdate, Time: at, From: at, Until: at, By: by, Version: ssmbak.Version{Number: 2, Time: at, User: by}}
	if by == "" {
		c.Operation, c.Until = ssmbak.OpDelete, at+1000
	}
	return c
}

func TestGroup(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:sts::123456789012:assumed-role/deploy"
	sets := changeset.Group([]ssmbak.Change{
		change(role+"/a", "/app/db/host", 10_000), change(role+"/b", "/app/db/port", 20_000), change("alice", "/app/url", 15_000),
		change("", "/app/old", 14_000), change("", "/app/old", 90_000), change(role+"/a", "/app/x", 30_001),
	}, 10*time.Second)
	var got []string
	for _, s := range sets {
		got = append(got, fmt.Sprint(int64(s.From), int64(s.Until), s.By, s.Path(), len(s.Changes), s.Unknown, s.Overlaps))
	}
	want := []string{
		fmt.Sprint(10_000, 30_002, role, "/app/", 3, 1, []int{1}),
		fmt.Sprint(15_000, 15_001, "alice", "/app/url", 1, 0, []int(nil)),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	sets = changeset.Group([]ssmbak.Change{change("a", "/app/db", 1000), change("a", "/app/db2", 1001), change("b", "/x", 1002), change("a", "/app/db", 12_000)}, 10*time.Second)
	if len(sets) != 3 || sets[0].Path() != "/app/" || sets[2].Path() != "/app/db" || sets[0].Count(ssmbak.OpUpdate) != 2 {
		t.Errorf("got %+v", sets)
	}
}

// TestDone checks that a deletion, of which only the second is known, has happened at the
// end of that second, and any other change at its own time.
func TestDone(t *testing.T) {
	t.Parallel()
	gone := change("", "/app/db", 2000)
	gone.By = "a"
	for _, test := range []struct {
		changes []ssmbak.Change
		want    ssmbak.Time
	}{
		{[]ssmbak.Change{change("a", "/app/db", 1000), change("a", "/app/url", 1500)}, 1500},
		{[]ssmbak.Change{change("a", "/app/db", 1000), gone}, 3000},
		{[]ssmbak.Change{gone, change("a", "/app/url", 3500)}, 3500},
	} {
		if sets := changeset.Group(test.changes, time.Minute); len(sets) != 1 || sets[0].Done() != test.want {
			t.Errorf("%+v, want one that is done at %d", sets, test.want)
		}
	}
}

// TestGroupProperties checks for random changes that each change of a known principal is in
// exactly one set, that sets of one principal are more than the gap apart, and that changes
// in a set are not.
func TestGroupProperties(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const gap = 5 * time.Second
	for range 2_000 {
		var changes []ssmbak.Change
		known := 0
		for i := range random.IntN(30) {
			by := []string{"a", "b", ""}[random.IntN(3)]
			if by != "" {
				known++
			}
			changes = append(changes, change(by, ssmbak.Name(fmt.Sprintf("/p%d", i%4)), ssmbak.Time(1000+random.Int64N(60_000))))
		}
		last := make(map[string]ssmbak.Time)
		for _, s := range changeset.Group(changes, gap) {
			if before, ok := last[s.By]; ok && s.From-before <= ssmbak.Time(gap/time.Millisecond) {
				t.Fatalf("two sets of %s are only %d ms apart", s.By, s.From-before)
			}
			last[s.By] = s.Until
			until := s.From
			for _, c := range s.Changes {
				if c.From-until > ssmbak.Time(gap/time.Millisecond)+1 || c.Version.User != s.By || c.From < s.From || c.Until >= s.Until {
					t.Fatalf("%+v does not belong to %+v", c, s)
				}
				until = max(until, c.Until)
				known--
			}
		}
		if known != 0 {
			t.Fatalf("%d changes are in no set", known)
		}
	}
}

// TestGroupNeighbors compares what Group says of the other sets, and of changes by unknown
// principals, with their definition.
func TestGroupNeighbors(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		var changes []ssmbak.Change
		for i := range random.IntN(40) {
			c := change([]string{"a", "b", "c", ""}[random.IntN(4)], ssmbak.Name(fmt.Sprintf("/p%d", i%4)), ssmbak.Time(1000+random.Int64N(60_000)))
			if random.IntN(5) == 0 {
				c.Until += ssmbak.Time(random.Int64N(30_000))
			}
			changes = append(changes, c)
		}
		sets := changeset.Group(changes, 2*time.Second)
		for i, s := range sets {
			within := func(c ssmbak.Change) bool { return c.Within(s.From, s.Until-1) }
			unknown, overlaps := 0, []int(nil)
			for _, c := range changes {
				if c.By == "" && within(c) {
					unknown++
				}
			}
			for j, other := range sets {
				if i != j && slices.ContainsFunc(other.Changes, within) {
					overlaps = append(overlaps, j)
				}
			}
			if s.Unknown != unknown || !slices.Equal(s.Overlaps, overlaps) {
				t.Fatalf("set %d has %d unknown changes and overlaps %v, want %d and %v", i, s.Unknown, s.Overlaps, unknown, overlaps)
			}
		}
	}
}
