package archive

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Period is a period of time, inclusive at both ends.
type Period struct{ From, To ssmbak.Time }

// Walked is what [Archive.Walk] found, without the timelines.
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
// in a period, concurrently and in no order. one says that the target is one parameter.
// The timelines have all parts, or with ends only those that contain an end of the period. An
// error of visit ends the walk and is returned.
//
// Walk does not read the index of a parameter of a path if that was last modified a minute
// before the period, and before the last complete listing, and that listing compared the
// parameter: then it contains nothing about the period, and its last state, which the
// listing confirmed, is known and that of the period.
//
// Its requests are those of [Archive.Log]. It keeps the names in memory.
func (a *Archive) Walk(
	ctx context.Context, target ssmbak.Target, p Period, ends bool, visit func(ctx context.Context, one bool, t *timeline.Timeline) error,
) (Walked, error) {
	w := walk{period: p}
	var visited results[struct{}]
	begin := func(s *scanned) {
		w.one, w.listed = s.one, s.listed
		visited.grow(s)
	}
	var moments []ssmbak.Time
	if ends {
		moments = []ssmbak.Time{p.From, p.To}
	}
	skip := func(x Listed, r Reconciled) bool { return a.unchangedSince(x, r, p.From) }
	scanned, err := a.scan(ctx, target, moments, skip, begin, func(ctx context.Context, i int, t *timeline.Timeline) error {
		visited.set(i, struct{}{}, nil)
		w.keepStates(t)
		return visit(ctx, w.one, t)
	})
	if err != nil {
		return Walked{}, err
	}
	out := Walked{One: scanned.one, Unchanged: scanned.unchanged, Complete: scanned.complete, Since: a.since(), Unchecked: a.unchecked(scanned.listed)}
	_, out.Names, out.Problems = visited.collect(scanned)
	out.Unproved = scanned.listed.unproved(meaning(target, scanned.one), w.state(0), w.state(1))
	return out, nil
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

// unchanged are the parameters of a listing whose indexes need not be read. A nil one has
// none. It is safe for concurrent use.
type unchanged struct {
	skip  func(Listed) bool
	mu    sync.Mutex
	names map[ssmbak.Name]bool
}

// note adds the parameter of an index if that need not be read.
func (u *unchanged) note(x Listed) {
	if u == nil || !u.skip(x) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.names == nil {
		u.names = make(map[ssmbak.Name]bool)
	}
	u.names[x.Name] = true
}

func (u *unchanged) has(name ssmbak.Name) bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.names[name]
}

// noted lists the parameters below the target's path that have an index, like
// [Archive.Names], and notes each index before it yields its name.
func (a *Archive) noted(ctx context.Context, target ssmbak.Target, u *unchanged) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		for x, err := range a.Indexes(ctx, target) {
			if err == nil {
				u.note(x)
			}
			if !yield(x.Name, err) {
				return
			}
		}
	}
}

// walk is the state of [Archive.Walk].
type walk struct {
	period Period
	one    bool
	listed Reconciled
	mu     sync.Mutex
	states map[ssmbak.Name][2]ssmbak.State // at the ends of the period, of the names that matter
}

// keepStates keeps the states of a parameter that the last listing did not prove.
func (w *walk) keepStates(t *timeline.Timeline) {
	name := t.Name()
	if _, unsure := slices.BinarySearch(w.listed.Unsure, name); !unsure && !w.listed.missed(name) {
		return
	}
	first, _ := t.At(w.period.From)
	last, _ := t.At(w.period.To)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.states == nil {
		w.states = make(map[ssmbak.Name][2]ssmbak.State)
	}
	w.states[name] = [2]ssmbak.State{first, last}
}

// state returns a function that finds the state at the beginning of the period, or at its end
// if end is 1.
func (w *walk) state(end int) func(ssmbak.Name) (ssmbak.State, bool) {
	return func(name ssmbak.Name) (ssmbak.State, bool) {
		states, known := w.states[name]
		return states[end], known
	}
}
