package archive

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Values says which values to read.
type Values int8

// The choices of values to read.
const (
	NoValues     Values = iota
	PublicValues        // all except those of SecureStrings
	AllValues
)

// Problem is a parameter whose index or value could not be read, or written. It affects
// no other parameter.
type Problem struct {
	Name ssmbak.Name
	Err  error
}

// Snapshot is the state of a target at one time.
type Snapshot struct {
	At ssmbak.Time
	// One says that the target was one parameter, not a path.
	One bool
	// States has one state for each parameter of the target that the archive ever
	// recorded, by name, including deleted, unknown and not yet created parameters.
	States []ssmbak.State
	// Problems are the parameters that could not be read, by name.
	Problems []Problem
	// Complete is when the last complete listing of live parameters began, zero if
	// there was none. No change before it was missed.
	Complete ssmbak.Time
	// Since is when recording began, zero if it has not.
	Since ssmbak.Time
	// Unproved are the parameters whose states are not proved.
	Unproved Unproved
	// Unchecked says that hidden indexes were not looked for, because the archive has no
	// complete register of names yet.
	Unchecked bool
}

// Before reports whether the snapshot is of a time before the first fact: nothing was
// known about any parameter yet, and at least one is recorded later.
func (s Snapshot) Before() bool {
	return len(s.States) > 0 && !slices.ContainsFunc(s.States, ssmbak.State.Recorded)
}

// At returns the state of the target at a time, including the changes of that
// millisecond. It sends one request per 1,000 parameters, one per parameter, one per value,
// and one for a state in a part.
//
// An error means that there is no answer. Parameters that could not be read are in
// [Snapshot].Problems.
func (a *Archive) At(ctx context.Context, target ssmbak.Target, at ssmbak.Time, values Values) (Snapshot, error) {
	r := a.Read(target, at, values)
	var states []ssmbak.State
	for state, err := range r.States(ctx) {
		if err != nil {
			return Snapshot{}, err
		}
		states = append(states, state)
	}
	r.Snapshot.States = states
	return r.Snapshot, nil
}

// fetch reads the value of a state if values includes it. It notes an unavailable value
// in the state. problem is an error that affects only this parameter.
func (a *Archive) fetch(ctx context.Context, s *ssmbak.State, refs []timeline.ObjectRef, values Values) (problem, err error) {
	if len(refs) == 0 || s.Deleted || values == NoValues || values == PublicValues && s.Version.Type == ssmbak.TypeSecureString {
		return nil, nil
	}
	s.Value, problem, err = a.KnownValue(ctx, s.Name, s.Version, refs)
	return problem, err
}

// Timelines are the timelines of all parameters of a target.
type Timelines struct {
	One      bool
	All      []*timeline.Timeline // by name
	Names    []ssmbak.Name        // of All
	Problems []Problem
	Complete ssmbak.Time
	Since    ssmbak.Time
	// Reconciled is what complete listings had proved when the timelines were read.
	Reconciled Reconciled
	// Unchecked is as in a [Snapshot].
	Unchecked bool
}

// Unproved returns the parameters whose states between two times, inclusive, are not
// proved by complete listings.
func (t Timelines) Unproved(target ssmbak.Target, from, to ssmbak.Time) Unproved {
	at := func(at ssmbak.Time) func(ssmbak.Name) (ssmbak.State, bool) {
		return func(name ssmbak.Name) (s ssmbak.State, known bool) {
			i, known := slices.BinarySearch(t.Names, name)
			if known {
				s, _ = t.All[i].At(at)
			}
			return s, known
		}
	}
	return t.Reconciled.unproved(meaning(target, t.One), at(from), at(to))
}

// Timelines reads the index of every parameter of the target, and the parts that the
// states at the moments need, or all parts without moments; other moments in parts are
// unknown. It keeps everything in memory, a few kilobytes per parameter. Its requests
// and its error are those of [Archive.Log].
func (a *Archive) Timelines(ctx context.Context, target ssmbak.Target, moments ...ssmbak.Time) (Timelines, error) {
	var found results[*timeline.Timeline]
	scanned, err := a.scan(ctx, target, moments, nil, found.grow, func(_ context.Context, i int, t *timeline.Timeline) error {
		found.set(i, t, nil)
		return nil
	})
	if err != nil {
		return Timelines{}, err
	}
	out := Timelines{One: scanned.one, Complete: scanned.complete, Since: a.since(), Reconciled: scanned.listed, Unchecked: a.unchecked(scanned.listed)}
	out.All, out.Names, out.Problems = found.collect(scanned)
	return out, nil
}

// results are the results of a scan, in the order of the names.
type results[T any] struct {
	all      []T
	given    []bool
	problems []error
}

func (r *results[T]) grow(s *scanned) {
	n := len(s.names)
	r.all, r.given, r.problems = make([]T, n), make([]bool, n), make([]error, n)
}

// set may be called concurrently for different i.
func (r *results[T]) set(i int, x T, problem error) {
	r.all[i], r.given[i], r.problems[i] = x, true, problem
}

// collect returns the results and their names, without names that have none.
func (r *results[T]) collect(s scanned) (all []T, names []ssmbak.Name, problems []Problem) {
	for i, name := range s.names {
		if err := cmp.Or(s.problems[i], r.problems[i]); err != nil {
			problems = append(problems, Problem{Name: name, Err: err})
		}
		if r.given[i] {
			all, names = append(all, r.all[i]), append(names, name)
		}
	}
	return all, names, problems
}

// scanned is the result of a scan, without the timelines.
type scanned struct {
	one       bool
	names     []ssmbak.Name
	unchanged []ssmbak.Name // not among names, because their indexes were skipped; sorted
	problems  []error       // of names: why there is no timeline, or a run without its part
	complete  ssmbak.Time
	listed    Reconciled
}

// scan reads the index of every parameter of the target, with the parts that contain the
// moments, or all parts without moments, and calls visit with each timeline,
// concurrently. Before that it calls begin with the names. It skips names about which
// nothing is known, and indexes below a path that skip accepts, unless it is nil.
func (a *Archive) scan(
	ctx context.Context, target ssmbak.Target, moments []ssmbak.Time, skip func(Listed, Reconciled) bool, begin func(*scanned), visit func(ctx context.Context, i int, t *timeline.Timeline) error,
) (scanned, error) {
	rec, err := a.begin(ctx, target)
	if err != nil {
		return scanned{}, err
	}
	out := scanned{listed: rec.Reconciled}
	if !rec.Last.IsZero() {
		out.complete = ssmbak.TimeOf(rec.Last)
	}
	if skip != nil {
		rec.unchanged = &unchanged{skip: func(x Listed) bool { return skip(x, rec.Reconciled) }}
	}
	var all []source
	for s, err := range a.sources(ctx, target, rec, &out.one) {
		if err != nil {
			return scanned{}, err
		}
		if s.unchanged {
			out.unchanged = append(out.unchanged, s.name)
			continue
		}
		all, out.names = append(all, s), append(out.names, s.name)
	}
	out.problems = make([]error, len(all))
	begin(&out)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, s := range all {
		g.Go(func() error {
			gctx, release := bucket.Hold(gctx)
			defer release()
			line, problem, err := a.read(gctx, s, rec.Reconciled, moments)
			out.problems[i] = problem
			if err != nil || line == nil {
				return err
			}
			return visit(gctx, i, line)
		})
	}
	err = g.Wait()
	return out, err
}

// timeline returns the timeline of a parameter with the parts that contain the moments,
// or with all parts if there are none. problem is the error of a part that could not be
// read.
func (a *Archive) timeline(ctx context.Context, name ssmbak.Name, f timeline.Facts, c timeline.Coverage, moments []ssmbak.Time) (line *timeline.Timeline, problem, err error) {
	next := allParts
	if len(moments) > 0 {
		next = partsAt(name, moments)
	}
	f, problem, err = a.opened(ctx, name, f, next)
	if err != nil {
		return nil, nil, err
	}
	return timeline.New(name, f, c), problem, nil
}

// Timeline returns the timeline of one parameter from its index. For the moments and
// problem see [Archive.Timelines].
func (a *Archive) Timeline(ctx context.Context, x Index, r Reconciled, moments ...ssmbak.Time) (line *timeline.Timeline, problem, err error) {
	return a.timeline(ctx, x.Name, x.Facts, a.Coverage(x, r), moments)
}
