package archive

import (
	"context"
	"iter"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Reading is [Archive.At] for a target of any size: it yields the states while it reads them.
type Reading struct {
	// Snapshot is the rest of the answer, without the states. At and Since are set from the
	// beginning, everything else once States has ended without an error.
	Snapshot Snapshot

	archive *Archive
	target  ssmbak.Target
	values  Values
}

// Read returns the reading of the state of a target at a time. It sends no request.
func (a *Archive) Read(target ssmbak.Target, at ssmbak.Time, values Values) *Reading {
	return &Reading{Snapshot: Snapshot{At: at, Since: a.since()}, archive: a, target: target, values: values}
}

// States yields the states of Snapshot.States by name, each as soon as it and those before
// it are read. Its memory does not depend on the number of parameters, unless the archive
// has legacy records that are not adopted. Its requests are those of [Archive.At]. An error
// is the last thing that it yields, and means that there is no answer. It may be called
// once.
func (r *Reading) States(ctx context.Context) iter.Seq2[ssmbak.State, error] {
	return func(yield func(ssmbak.State, error) bool) {
		a, s := r.archive, &r.Snapshot
		var found scanned
		unproved := make(map[ssmbak.Name]ssmbak.State) // of names that listings did not prove
		state := func(ctx context.Context, t *timeline.Timeline) (st ssmbak.State, problem, err error) {
			st, refs := t.At(s.At)
			problem, err = a.fetch(ctx, &st, refs, r.values)
			return st, problem, err
		}
		for st, err := range scan(ctx, a, r.target, []ssmbak.Time{s.At}, nil, &found, state) {
			if err != nil {
				yield(ssmbak.State{}, err)
				return
			}
			if found.listed.unrecorded(st.Name) {
				unproved[st.Name] = st
			}
			if !yield(st, nil) {
				return
			}
		}
		stateOf := func(name ssmbak.Name) (ssmbak.State, bool) {
			st, known := unproved[name]
			return st, known
		}
		s.One, s.Problems, s.Complete = found.one, found.problems, found.complete()
		s.Unproved = found.listed.unproved(meaning(r.target, found.one), stateOf, stateOf)
		s.Unchecked = a.unchecked(found.listed)
	}
}
