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
	Changes Changes
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
	var out Log
	var walked Walked
	found := gathered{known: make(map[kindKey]uint32)}
	within := func(c ssmbak.Change) bool { return c.Within(since, until) }
	changes := func(_ context.Context, _ bool, t *timeline.Timeline) ([]ssmbak.Change, error) {
		return t.Changes(), nil
	}
	for all, err := range Walk(ctx, a, target, Period{since, until}, false, &walked, changes) {
		if err != nil {
			return Log{}, err
		}
		found.add(all, within)
	}
	out.Changes = found.sorted()
	out.One, out.Names, out.Problems = walked.One, len(walked.Names)+len(walked.Unchanged), walked.Problems
	out.Complete, out.Unproved, out.Unchecked = walked.Complete, walked.Unproved, walked.Unchecked
	return out, nil
}

// Changes returns every recorded change and every known gap of the timelines, in the order
// of those of a [Log]. The timelines must have all parts.
func (t Timelines) Changes() (all []ssmbak.Change) {
	for _, line := range t.All {
		for _, c := range slices.Backward(line.Changes()) {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b ssmbak.Change) int {
		return cmp.Or(cmp.Compare(b.Until, a.Until), cmp.Compare(a.Name, b.Name))
	})
	return all
}
