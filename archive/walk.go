package archive

import (
	"context"
	"iter"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Period is a period of time, inclusive at both ends.
type Period struct{ From, To ssmbak.Time }

// Walked is what [Walk] found, without the timelines.
type Walked struct {
	// One says that the target was one parameter, not a path.
	One bool
	// Names are the parameters whose timelines were visited, and Unchanged those that did
	// not change in the period and were not read, each sorted.
	Names, Unchanged []ssmbak.Name
	// Problems are the parameters that could not be read, by name.
	Problems []Problem
	// Complete, Since, Unproved and Unchecked are as in a [Snapshot].
	Complete, Since ssmbak.Time
	Unproved        Unproved
	Unchecked       bool
}

// Walk calls visit with the timeline of each parameter of the target that may have changed
// in a period, concurrently and in no order, and yields what visit returns, in the byte order
// of the names, each as soon as it and those before it are known. one says that the target is
// one parameter. The timelines have all parts, or with ends only those that contain an end of
// the period. An error, of visit too, is the last thing that it yields. It sets out, which is
// complete when it has ended without an error. Before that, Problems are those of names up to
// the one of the last result.
//
// Walk does not read the index of a parameter of a path if that was last modified a minute
// before the period, and before the last complete listing, and that listing compared the
// parameter: then it contains nothing about the period, and its last state, which the
// listing confirmed, is known and that of the period.
//
// Its requests are those of [Archive.Log]. It keeps the names in memory.
func Walk[T any](
	ctx context.Context, a *Archive, target ssmbak.Target, p Period, ends bool, out *Walked,
	visit func(ctx context.Context, one bool, t *timeline.Timeline) (T, error),
) iter.Seq2[T, error] {
	var moments []ssmbak.Time
	if ends {
		moments = []ssmbak.Time{p.From, p.To}
	}
	type walked struct {
		name     ssmbak.Name
		result   T
		from, to *ssmbak.State // of names that listings did not prove
	}
	skip := func(x Listed, r Reconciled) bool { return a.unchangedSince(x, r, p.From) }
	return func(yield func(T, error) bool) {
		var found scanned
		unproved := make(map[ssmbak.Name]walked)
		for w, err := range scan(ctx, a, target, moments, skip, &found, func(ctx context.Context, t *timeline.Timeline) (w walked, problem, err error) {
			w.name = t.Name()
			if found.listed.unrecorded(w.name) {
				from, _ := t.At(p.From)
				to, _ := t.At(p.To)
				w.from, w.to = &from, &to
			}
			w.result, err = visit(ctx, found.one, t)
			return w, nil, err
		}) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			out.One, out.Names, out.Problems = found.one, append(out.Names, w.name), found.problems
			if w.from != nil {
				unproved[w.name] = walked{from: w.from, to: w.to}
			}
			if !yield(w.result, nil) {
				return
			}
		}
		state := func(of func(walked) *ssmbak.State) func(ssmbak.Name) (ssmbak.State, bool) {
			return func(name ssmbak.Name) (s ssmbak.State, known bool) {
				w, known := unproved[name]
				if known {
					s = *of(w)
				}
				return s, known
			}
		}
		out.One, out.Unchanged, out.Problems, out.Complete = found.one, found.unchanged, found.problems, found.complete()
		out.Since, out.Unchecked = a.since(), a.unchecked(found.listed)
		out.Unproved = found.listed.unproved(meaning(target, found.one),
			state(func(w walked) *ssmbak.State { return w.from }), state(func(w walked) *ssmbak.State { return w.to }))
	}
}

// unchangedSince reports whether nothing changed since a time in a parameter, because of when
// its index was last modified: every fact in it is from before the time, and the last
// complete listing has compared it since. Its last state is then known.
func (a *Archive) unchangedSince(x Listed, r Reconciled, since ssmbak.Time) bool {
	// A reader accepts no later time in an index. Modified has a precision of one second,
	// and so has a deletion.
	latest := ssmbak.TimeOf(x.Modified.Add(2*time.Second + bucket.Tolerance))
	// What a listing before the archive was signed compared may be forged.
	trusted := !a.verifies() || !r.Signed.IsZero()
	return latest < since && r.compared(x.Name, x.Modified, r.Last) != 0 && !r.missed(x.Name) && trusted
}
