package archive

import (
	"context"
	"iter"

	"github.com/ssmbak/ssmbak"
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

// result is what was read of one parameter.
type result struct {
	name    ssmbak.Name
	state   ssmbak.State
	known   bool // there is a state
	problem error
}

// States yields the states of [Snapshot].States in the byte order of their names, each as
// soon as it and those before it are read. Its memory does not depend on the number of
// parameters, unless the archive has legacy records that are not adopted. It sends the
// requests of [Archive.At]. An error is the last thing that it yields, and means that there
// is no answer. It may be called once.
func (r *Reading) States(ctx context.Context) iter.Seq2[ssmbak.State, error] {
	return func(yield func(ssmbak.State, error) bool) {
		a, s := r.archive, &r.Snapshot
		rec, err := a.begin(ctx, r.target)
		if err != nil {
			yield(ssmbak.State{}, err)
			return
		}
		unrecorded := make(map[ssmbak.Name]*ssmbak.State) // names that listings did not prove
		for _, name := range rec.Unrecorded() {
			unrecorded[name] = nil
		}
		sources := func(ctx context.Context) iter.Seq2[source, error] { return a.sources(ctx, r.target, rec, &s.One) }
		for found, err := range inOrder(ctx, a.o.Parallel, sources, func(ctx context.Context, src source) (result, error) { return r.state(ctx, src, rec.Reconciled) }) {
			if err != nil {
				yield(ssmbak.State{}, err)
				return
			}
			if found.problem != nil {
				s.Problems = append(s.Problems, Problem{Name: found.name, Err: found.problem})
			}
			if !found.known {
				continue
			}
			if _, ok := unrecorded[found.name]; ok {
				unrecorded[found.name] = &found.state
			}
			if !yield(found.state, nil) {
				return
			}
		}
		stateOf := func(name ssmbak.Name) (ssmbak.State, bool) {
			if st := unrecorded[name]; st != nil {
				return *st, true
			}
			return ssmbak.State{}, false
		}
		s.Unproved = rec.unproved(meaning(r.target, s.One), stateOf, stateOf)
		s.Unchecked = a.unchecked(rec.Reconciled)
		if !rec.Last.IsZero() {
			s.Complete = ssmbak.TimeOf(rec.Last)
		}
	}
}

// state reads the state of one parameter.
func (r *Reading) state(ctx context.Context, src source, rec Reconciled) (result, error) {
	a, out := r.archive, result{name: src.name}
	line, problem, err := a.read(ctx, src, rec, []ssmbak.Time{r.Snapshot.At})
	out.problem = problem
	if err != nil || line == nil {
		return out, err
	}
	state, refs := line.At(r.Snapshot.At)
	problem, err = a.fetch(ctx, &state, refs, r.values)
	if out.problem == nil {
		out.problem = problem
	}
	out.state, out.known = state, true
	return out, err
}
