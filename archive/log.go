package archive

import (
	"cmp"
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Log holds the changes of a target's parameters in a span of time.
type Log struct {
	// One says that the target was one parameter, not a path.
	One bool
	// Names counts the parameters of the target that the archive ever recorded,
	// including those without a change in that time.
	Names int
	// Changes are sorted by Until, newest first, then by name. For one name the later
	// change comes first.
	Changes []ssmbak.Change
	// Problems are the parameters that could not be read, by name.
	Problems []Problem
	// Complete is when the last complete listing of live parameters began, zero if
	// there was none. No change before it was missed.
	Complete ssmbak.Time
	// Unproved are the parameters whose changes may be incomplete.
	Unproved Unproved
	// Unchecked is as in a [Snapshot].
	Unchecked bool
}

// Log returns every recorded change and every known gap that happened, or may have
// happened, between since and until, inclusive. A zero time is no bound. Log reads no
// values: it sends one request per 1,000 parameters, one per parameter and one per part. It
// keeps only the changes of that time in memory.
//
// An error means that there is no answer. Parameters that could not be read are in
// [Log].Problems.
func (a *Archive) Log(ctx context.Context, target ssmbak.Target, since, until ssmbak.Time) (Log, error) {
	if since == 0 {
		since = ssmbak.MinTime
	}
	if until == 0 {
		until = ssmbak.MaxTime
	}
	var found results[[]ssmbak.Change]
	var bounds results[[2]ssmbak.State] // the states at since and until
	grow := func(n int) { found.grow(n); bounds.grow(n) }
	scanned, err := a.scan(ctx, target, nil, grow, func(_ context.Context, i int, t *timeline.Timeline) error {
		var within []ssmbak.Change
		for _, c := range slices.Backward(t.Changes()) {
			if c.Within(since, until) {
				within = append(within, c)
			}
		}
		found.set(i, within, nil)
		first, _ := t.At(since)
		last, _ := t.At(until)
		bounds.set(i, [2]ssmbak.State{first, last}, nil)
		return nil
	})
	if err != nil {
		return Log{}, err
	}
	out := Log{One: scanned.one, Complete: scanned.complete, Unchecked: a.unchecked(scanned.listed)}
	all, names, problems := found.collect(scanned)
	states, _, _ := bounds.collect(scanned)
	bound := func(of int) func(ssmbak.Name) (ssmbak.State, bool) {
		return func(name ssmbak.Name) (s ssmbak.State, known bool) {
			i, known := slices.BinarySearch(names, name)
			if known {
				s = states[i][of]
			}
			return s, known
		}
	}
	out.Unproved = scanned.listed.unproved(meaning(target, scanned.one), bound(0), bound(1))
	out.Names, out.Problems, out.Changes = len(names), problems, slices.Concat(all...)
	newestFirst(out.Changes)
	return out, nil
}

// newestFirst sorts changes as in a [Log]. They must be sorted by name, and for each name
// the newest must be first.
func newestFirst(changes []ssmbak.Change) {
	slices.SortStableFunc(changes, func(a, b ssmbak.Change) int { return cmp.Compare(b.Until, a.Until) })
}

// Changes returns every recorded change and every known gap of the timelines, in the order
// of those of a [Log]. The timelines must have all parts.
func (t Timelines) Changes() (all []ssmbak.Change) {
	for _, line := range t.All {
		for _, c := range slices.Backward(line.Changes()) {
			all = append(all, c)
		}
	}
	newestFirst(all)
	return all
}
