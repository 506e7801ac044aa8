package archive

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ssmbak/ssmbak"
)

// change returns a random change. Many have much in common, and some have nothing.
func change(r *rand.Rand, name ssmbak.Name) ssmbak.Change {
	until := ssmbak.Time(1_700_000_000_000 + r.Int64N(50)*1000)
	c := ssmbak.Change{Name: name, Operation: ssmbak.OpUpdate, Time: until, From: until, Until: until, By: "alice"}
	c.Version = ssmbak.Version{Number: r.Int64N(3), Time: until, User: "alice", Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}
	one := "one"
	switch r.IntN(8) {
	case 0:
		c.From, c.Time = ssmbak.MinTime, 0
	case 1:
		c.From, c.Time = until-1000, 0
	case 2:
		c.Until, c.Version.Time = ssmbak.MaxTime, 0
	case 3:
		c.Operation, c.Tags = ssmbak.OpTag, map[string]*string{"team": &one, "gone": nil}
	case 4:
		c.Operation, c.Labels, c.Moved = ssmbak.OpLabel, map[string]int64{"live": r.Int64N(3)}, map[string]int64{"live": 1}
	case 5:
		c.Operation, c.Missing, c.Reason = ssmbak.OpGap, ssmbak.Numbers{First: 1, Last: r.Int64N(9)}, "missing"
	case 6:
		c.By, c.Version.Description, c.Version.Time = "bob", fmt.Sprint(r.IntN(5)), until-5
	}
	return c
}

// TestChanges checks that changes that share what they have in common are the same, in the
// order of a log.
func TestChanges(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	found := gathered{known: make(map[kindKey]uint32)}
	var want []ssmbak.Change
	keep := func(c ssmbak.Change) bool { return c.Version.Number != 2 }
	for i := range 100 {
		var all []ssmbak.Change
		for range 20 {
			all = append(all, change(r, ssmbak.Name(fmt.Sprintf("/app/%02d", i*37%100))))
		}
		slices.SortStableFunc(all, func(a, b ssmbak.Change) int { return cmp.Compare(a.Until, b.Until) })
		found.add(all, keep)
		for _, c := range slices.Backward(all) {
			if keep(c) {
				want = append(want, c)
			}
		}
	}
	slices.SortStableFunc(want, func(a, b ssmbak.Change) int {
		return cmp.Or(cmp.Compare(b.Until, a.Until), cmp.Compare(a.Name, b.Name))
	})
	same := func(what string, got Changes, want []ssmbak.Change) {
		t.Helper()
		if all := slices.Collect(got.All()); got.Len() != len(want) || !reflect.DeepEqual(all, want) {
			t.Errorf("%s: %d changes, want %d", what, got.Len(), len(want))
			for i := range min(len(all), len(want)) {
				if !reflect.DeepEqual(all[i], want[i]) {
					t.Fatalf("change %d is %+v, want %+v", i, all[i], want[i])
				}
			}
		}
	}
	if len(found.earlier) == 0 {
		t.Fatalf("all %d changes are in one slice", len(found.rows))
	}
	all := found.sorted()
	same("all", all, want)
	same("the first ones", all.First(7), want[:7])
	reversed := slices.Clone(want)
	slices.Reverse(reversed)
	same("reversed", all.Reversed(), reversed)
	isGap := func(c ssmbak.Change) bool { return c.Operation == ssmbak.OpGap }
	same("gaps", all.Where(isGap), slices.DeleteFunc(slices.Clone(want), func(c ssmbak.Change) bool { return !isGap(c) }))
	same("all after that", all, want)
}
