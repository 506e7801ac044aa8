package archive

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/ssmbak/ssmbak"
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

// At returns the state of the target at a time, including the changes of that millisecond.
// It sends one request per 1,000 parameters, one per parameter, one per value, and one for
// a state in a part.
//
// An error means that there is no answer. Parameters that could not be read are in
// Snapshot.Problems.
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

// Timelines reads the index of every parameter of the target, and the parts that the states
// at the moments need, or all parts without moments; other moments in parts are unknown. It
// takes a few kilobytes of memory per parameter. Its requests and its error are those of
// [Archive.Log].
func (a *Archive) Timelines(ctx context.Context, target ssmbak.Target, moments ...ssmbak.Time) (Timelines, error) {
	var found scanned
	lines, err := collect(scan(ctx, a, target, moments, nil, &found, sameTimeline))
	if err != nil {
		return Timelines{}, err
	}
	return a.timelines(lines, &found), nil
}

func (a *Archive) timelines(lines []*timeline.Timeline, found *scanned) Timelines {
	out := Timelines{
		One: found.one, All: lines, Problems: found.problems, Complete: found.complete(),
		Since: a.since(), Reconciled: found.listed, Unchecked: a.unchecked(found.listed),
	}
	for _, line := range lines {
		out.Names = append(out.Names, line.Name())
	}
	return out
}

func sameTimeline(_ context.Context, t *timeline.Timeline) (line *timeline.Timeline, problem, err error) {
	return t, nil, nil
}

// collect returns the elements of a sequence, or its error.
func collect[T any](all iter.Seq2[T, error]) (out []T, err error) {
	for x, err := range all {
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// scanned is what a scan finds in addition to its results.
type scanned struct {
	listed Reconciled // what complete listings had proved, known before any result
	// one is set before the results of a target that is one parameter, and otherwise false.
	one bool
	// The others are complete when the scan has ended.
	unchanged []ssmbak.Name // whose indexes were skipped, sorted
	problems  []Problem     // why there is no result, or only a part of one, by name
}

// complete returns when the last complete listing began, zero if there was none.
func (s *scanned) complete() ssmbak.Time {
	if s.listed.Last.IsZero() {
		return 0
	}
	return ssmbak.TimeOf(s.listed.Last)
}

// scan reads the index of every parameter of the target, with the parts that contain the
// moments, or all parts without moments. It yields what visit returns of each timeline, in
// the byte order of the names, and sets found. visit is called concurrently. scan skips
// parameters about which nothing is known, and indexes below a path that skip accepts, unless
// it is nil. An error is the last thing that it yields.
func scan[T any](
	ctx context.Context, a *Archive, target ssmbak.Target, moments []ssmbak.Time, skip func(Listed, Reconciled) bool, found *scanned,
	visit func(context.Context, *timeline.Timeline) (result T, problem, err error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rec, err := a.begin(ctx, target)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		found.listed = rec.Reconciled
		if skip != nil {
			rec.skip = func(x Listed) bool { return skip(x, rec.Reconciled) }
		}
		sources := func(ctx context.Context) iter.Seq2[source, error] {
			return func(yield func(source, error) bool) {
				for s, err := range a.sources(ctx, target, rec, &found.one) {
					if err == nil && s.unchanged {
						found.unchanged = append(found.unchanged, s.name)
						continue
					}
					if !yield(s, err) {
						return
					}
				}
			}
		}
		readAll(ctx, a, sources, rec.Reconciled, moments, found, visit)(yield)
	}
}

// readAll reads the parameters of sources for [scan].
func readAll[T any](
	ctx context.Context, a *Archive, sources func(context.Context) iter.Seq2[source, error], rec Reconciled, moments []ssmbak.Time, found *scanned,
	visit func(context.Context, *timeline.Timeline) (result T, problem, err error),
) iter.Seq2[T, error] {
	type result struct {
		name    ssmbak.Name
		of      T
		known   bool // there is a timeline
		problem error
	}
	return func(yield func(T, error) bool) {
		read := func(ctx context.Context, s source) (r result, err error) {
			r.name = s.name
			defer observe(ctx, s.name)
			line, problem, err := a.read(ctx, s, rec, moments)
			if r.problem = problem; err != nil || line == nil {
				return r, err
			}
			r.known = true
			r.of, problem, err = visit(ctx, line)
			r.problem = cmp.Or(r.problem, problem)
			return r, err
		}
		for r, err := range inOrder(ctx, a.o.Parallel, sources, read) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if r.problem != nil {
				found.problems = append(found.problems, Problem{Name: r.name, Err: r.problem})
			}
			if r.known && !yield(r.of, nil) {
				return
			}
		}
	}
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
