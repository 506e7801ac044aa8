package archive

import (
	"cmp"
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Log is what happened to the parameters of a target in a stretch of time.
type Log struct {
	// One says that the target meant one parameter, not a path.
	One bool
	// Names counts the parameters that the archive ever held, those that did not
	// change in that time too.
	Names int
	// Changes are the newest first: by Until, then by name; of what has both in
	// common, what happened later comes first.
	Changes []ssmbak.Change
	// Problems are the parameters that could not be read, by name.
	Problems []Problem
	// Complete is the start of the last complete listing of live parameters,
	// zero if there was none: up to then no change was missed.
	Complete ssmbak.Time
	// Unproved are the parameters of which changes may be missing.
	Unproved Unproved
}

// Log returns every recorded change, and every known gap, that lies or may lie
// from since to until, both included. The zero value of either is no bound. It
// reads indexes only, never a value: one request per 1,000 parameters and one
// per parameter; only what lies in that time is kept in memory.
//
// An error means that there is no answer at all; what concerns single
// parameters stands in Problems.
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
	scanned, err := a.scan(ctx, target, grow, func(_ context.Context, i int, t *timeline.Timeline) error {
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
	out := Log{One: scanned.one, Complete: scanned.complete}
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
	// They stand by name, and for each name the newest first.
	slices.SortStableFunc(out.Changes, func(a, b ssmbak.Change) int { return cmp.Compare(b.Until, a.Until) })
	return out, nil
}
