// Package changeset groups changes that one principal made close in time. A set is a view
// of the log, and never the unit of a write: changes that belong together may be further
// apart, and others may happen in between.
package changeset

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/pattern"
)

// Set is changes of one principal, each at most the gap after the one before.
type Set struct {
	// From and Until bound the changes: each happened in [From, Until).
	From, Until ssmbak.Time
	// By is the principal, without the session of a role, see [pattern.Principal].
	By string
	// Changes are the changes, oldest first.
	Changes []ssmbak.Change
	// Unknown counts the changes and gaps by unknown principals that may have happened
	// between From and Until. They are in no set.
	Unknown int
	// Overlaps are the indexes of the other sets that have changes between From and Until.
	Overlaps []int
}

// Count returns the number of changes with an operation.
func (s Set) Count(o ssmbak.Operation) (n int) {
	for _, c := range s.Changes {
		if c.Operation == o {
			n++
		}
	}
	return n
}

// Done returns the first time at which all changes certainly have happened.
func (s Set) Done() (done ssmbak.Time) {
	for _, c := range s.Changes {
		done = max(done, c.Until)
	}
	return done
}

// Path returns the longest path that contains all parameters of the set: a name if there is
// only one, and otherwise a path that ends with a slash.
func (s Set) Path() string {
	common := string(s.Changes[0].Name)
	for _, c := range s.Changes {
		for name := string(c.Name); name != common && !(strings.HasSuffix(common, "/") && strings.HasPrefix(name, common)); {
			common = common[:strings.LastIndexByte(strings.TrimSuffix(common, "/"), '/')+1]
		}
	}
	return common
}

// Group returns the sets in the order of their first changes, oldest first. Changes that are
// up to gap apart are in one set.
func Group(changes []ssmbak.Change, gap time.Duration) []Set {
	ordered := make([]*ssmbak.Change, len(changes))
	for i := range changes {
		ordered[i] = &changes[i]
	}
	slices.SortStableFunc(ordered, func(a, b *ssmbak.Change) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Until, b.Until), cmp.Compare(a.Name, b.Name))
	})
	var sets []Set
	var unknown []ssmbak.Change
	open := make(map[string]int) // the last set of each principal
	for _, p := range ordered {
		c := *p
		by := pattern.Principal(c.By)
		if by == "" {
			unknown = append(unknown, c)
			continue
		}
		i, ok := open[by]
		if !ok || c.From-sets[i].Until > ssmbak.Time(gap/time.Millisecond) {
			i, open[by] = len(sets), len(sets)
			sets = append(sets, Set{From: c.From, By: by})
		}
		s := &sets[i]
		s.Changes, s.Until = append(s.Changes, c), max(s.Until, end(c))
	}
	overlap(sets)
	countUnknown(sets, unknown)
	return sets
}

// overlap sets which sets overlap. The sets are in the order of their first changes, so
// that only the next ones up to the end of a set can.
func overlap(sets []Set) {
	for i := range sets {
		for j := i + 1; j < len(sets) && sets[j].From < sets[i].Until; j++ {
			if sets[j].within(sets[i]) {
				sets[i].Overlaps = append(sets[i].Overlaps, j)
			}
			if sets[i].within(sets[j]) {
				sets[j].Overlaps = append(sets[j].Overlaps, i)
			}
		}
	}
	for i := range sets {
		slices.Sort(sets[i].Overlaps)
	}
}

// within reports whether a change of the set may have happened between the first and the
// last change of another.
func (s Set) within(other Set) bool {
	return slices.ContainsFunc(s.Changes, func(c ssmbak.Change) bool { return c.Within(other.From, other.Until-1) })
}

// countUnknown counts the changes by unknown principals in each set. They are in the order
// of From.
func countUnknown(sets []Set, unknown []ssmbak.Change) {
	latest := make([]ssmbak.Time, len(unknown)) // the greatest Until up to there
	last := ssmbak.MinTime
	for i, c := range unknown {
		last = max(last, c.Until)
		latest[i] = last
	}
	for i := range sets {
		s := &sets[i]
		n, _ := slices.BinarySearchFunc(unknown, s.Until, func(c ssmbak.Change, until ssmbak.Time) int { return cmp.Compare(c.From, until) })
		for n--; n >= 0 && latest[n] >= s.From; n-- {
			if unknown[n].Within(s.From, s.Until-1) {
				s.Unknown++
			}
		}
	}
}

// end returns the first millisecond after a change.
func end(c ssmbak.Change) ssmbak.Time {
	if c.From == c.Until {
		return c.Until + 1
	}
	return c.Until
}
