package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// Values says which values a reader wants.
type Values int8

// What a reader may want.
const (
	NoValues     Values = iota
	PublicValues        // all but those of SecureStrings
	AllValues
)

// Problem names a parameter whose index or value could not be read. The others
// are not concerned.
type Problem struct {
	Name ssmbak.Name
	Err  error
}

// Snapshot is what a target held at one moment.
type Snapshot struct {
	At ssmbak.Time
	// One says that the target meant one parameter, not a path.
	One bool
	// States has one state per parameter that the archive ever held, by name:
	// deleted, unknown and not yet created ones too.
	States []ssmbak.State
	// Problems are the parameters that could not be read, by name.
	Problems []Problem
	// Complete is the start of the last complete listing of live parameters,
	// zero if there was none: up to then no change was missed.
	Complete ssmbak.Time
	// Since is when recording began, zero if it has not.
	Since ssmbak.Time
	// Unproved are the parameters that the snapshot is not sure of.
	Unproved Unproved
}

// Before reports whether the whole of the snapshot lies before the first
// record: nothing was known yet of any parameter, and at least one was later.
func (s Snapshot) Before() bool {
	for _, st := range s.States {
		if st.Version.Number != 0 || st.Deleted || st.Value.IsKnown() || st.Version.Time != 0 {
			return false
		}
	}
	return len(s.States) > 0
}

// At returns what the target held at the moment: what happened in or before
// that millisecond has happened. It costs one request per 1,000 parameters, one
// per parameter, and one more for each value that is wanted.
//
// An error means that there is no answer at all; what concerns single
// parameters stands in Problems.
func (a *Archive) At(ctx context.Context, target ssmbak.Target, at ssmbak.Time, values Values) (Snapshot, error) {
	var found results[ssmbak.State]
	scanned, err := a.scan(ctx, target, found.grow, func(ctx context.Context, i int, t *timeline.Timeline) error {
		state, refs := t.At(at)
		problem, err := a.fetch(ctx, &state, refs, values)
		if err != nil {
			return err
		}
		found.set(i, state, problem)
		return nil
	})
	if err != nil {
		return Snapshot{}, err
	}
	out := Snapshot{At: at, One: scanned.one, Complete: scanned.complete, Since: a.since()}
	out.States, _, out.Problems = found.collect(scanned)
	out.Unproved = scanned.listed.unproved(meaning(target, scanned.one), stateOf(out.States), stateOf(out.States))
	return out, nil
}

// fetch reads the value of a state where it is wanted. What concerns this
// parameter alone is noted in the state, and returned if it is a problem.
func (a *Archive) fetch(ctx context.Context, s *ssmbak.State, refs []timeline.ObjectRef, values Values) (problem, err error) {
	if len(refs) == 0 || s.Deleted || values == NoValues || values == PublicValues && s.Version.Type == ssmbak.SecureString {
		return nil, nil
	}
	v, err := a.Value(ctx, s.Name, refs)
	switch {
	case err == nil:
		s.Value = ssmbak.Know(v, ssmbak.Proved)
	case errors.Is(err, ErrExpired):
		s.Value.Reason = ErrExpired.Error()
	case Lost(err):
		s.Value.Reason = "the value object is damaged"
		return err, nil
	default:
		return nil, err
	}
	return nil, nil
}

// Timelines are the timelines of all parameters of a target.
type Timelines struct {
	One      bool
	All      []*timeline.Timeline // by name
	Names    []ssmbak.Name        // beside All
	Problems []Problem
	Complete ssmbak.Time
	Since    ssmbak.Time
	// Reconciled is what complete listings said when the timelines were read.
	Reconciled Reconciled
}

// Unproved returns which parameters an answer about the target from one moment to
// another, both included, is not sure of.
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

// Timelines reads every index that the target means. All of them are kept in
// memory, a few kilobytes for each parameter.
func (a *Archive) Timelines(ctx context.Context, target ssmbak.Target) (Timelines, error) {
	var found results[*timeline.Timeline]
	scanned, err := a.scan(ctx, target, found.grow, func(_ context.Context, i int, t *timeline.Timeline) error {
		found.set(i, t, nil)
		return nil
	})
	if err != nil {
		return Timelines{}, err
	}
	out := Timelines{One: scanned.one, Complete: scanned.complete, Since: a.since(), Reconciled: scanned.listed}
	out.All, out.Names, out.Problems = found.collect(scanned)
	return out, nil
}

// results are what a scan gave for each name, in the order of the names.
type results[T any] struct {
	all      []T
	given    []bool
	problems []error
}

func (r *results[T]) grow(n int) {
	r.all, r.given, r.problems = make([]T, n), make([]bool, n), make([]error, n)
}

// set may be called at once for different i.
func (r *results[T]) set(i int, x T, problem error) {
	r.all[i], r.given[i], r.problems[i] = x, true, problem
}

// collect leaves out the names for which nothing was given.
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

// scanned is what a scan found beside the timelines.
type scanned struct {
	one      bool
	names    []ssmbak.Name
	problems []error // beside names: why there is no timeline
	complete ssmbak.Time
	listed   Reconciled
}

// scan reads every index that the target means and hands each timeline to
// visit, many at once, which need not keep it. begin is told before how many
// names there are. Names of which nothing is known are left out.
func (a *Archive) scan(ctx context.Context, target ssmbak.Target, begin func(names int), visit func(ctx context.Context, i int, t *timeline.Timeline) error) (scanned, error) {
	// What the last listing proved is read before the indexes: they hold at
	// least what it compared.
	rec, err := a.Reconciled(ctx)
	if err != nil {
		return scanned{}, err
	}
	out := scanned{listed: rec}
	if !rec.Last.IsZero() {
		out.complete = ssmbak.TimeOf(rec.Last)
	}
	var originals map[ssmbak.Name][]timeline.Legacy
	if out.names, originals, out.one, err = a.sources(ctx, target, rec); err != nil {
		return scanned{}, err
	}
	for name := range originals {
		out.names = append(out.names, name)
	}
	slices.Sort(out.names)
	out.problems = make([]error, len(out.names))
	begin(len(out.names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, name := range out.names {
		g.Go(func() error {
			x := Index{}
			// What only the original recorded has no index, but it may have lost
			// one, or got one meanwhile.
			if _, old := originals[name]; !old || a.exists {
				var err error
				if x, err = a.Index(gctx, name); err != nil {
					var format *FormatError
					var lost *LostIndexError
					if Lost(err) || errors.As(err, &format) || errors.As(err, &lost) {
						out.problems[i] = err
						return nil
					}
					return err
				}
			}
			h := timeline.Horizon{}
			if x.Exists {
				h = a.Horizon(x, rec)
			} else {
				x.Facts.Legacy = originals[name]
			}
			if x.Facts.Empty() && x.unknown.Empty() {
				return nil
			}
			return visit(gctx, i, timeline.New(name, x.Facts, h))
		})
	}
	err = g.Wait()
	return out, err
}

func (a *Archive) since() ssmbak.Time {
	if !a.exists {
		return 0
	}
	return ssmbak.TimeOf(a.identity.Created)
}

// sources returns the parameters that the target means: those with an index,
// and what the original recorded of those that have none yet. A name that a listing
// found live counts as recorded, though nothing is.
func (a *Archive) sources(ctx context.Context, target ssmbak.Target, r Reconciled) (indexed []ssmbak.Name, originals map[ssmbak.Name][]timeline.Legacy, one bool, err error) {
	exact, possible := target.Name()
	var hasIndex, hasKey bool
	if possible {
		if hasIndex, err = a.hasIndex(ctx, exact); err != nil {
			return nil, nil, false, err
		}
		if !hasIndex {
			current, err := a.Current(ctx, exact)
			if err != nil {
				return nil, nil, false, err
			}
			hasKey = current.ID != ""
			if hasKey && !a.hasOriginals() {
				return nil, nil, false, &LostIndexError{Name: exact}
			}
		}
	}
	named := hasIndex || hasKey || possible && r.missed(exact)
	if !target.Recursive() && target.Resolve(named, true) {
		return a.source(ctx, exact, hasIndex)
	}
	for name, err := range a.Names(ctx, target) {
		if err != nil {
			return nil, nil, false, err
		}
		indexed = append(indexed, name)
	}
	if a.mayHoldOriginals() {
		has := make(map[ssmbak.Name]bool, len(indexed))
		for _, n := range indexed {
			has[n] = true
		}
		r, err := legacy.Read(ctx, a.client, a.originalOptions(), target.Prefix(), func(n ssmbak.Name) bool { return target.Below(n) && !has[n] })
		if err != nil {
			return nil, nil, false, fmt.Errorf("read what the original recorded in bucket %s: %w", a.o.Bucket, translate(err))
		}
		originals = r.Facts
	}
	if target.Resolve(named, len(indexed)+len(originals) > 0) {
		return a.source(ctx, exact, hasIndex)
	}
	return indexed, originals, false, nil
}

// source is sources for exactly one parameter.
func (a *Archive) source(ctx context.Context, name ssmbak.Name, hasIndex bool) ([]ssmbak.Name, map[ssmbak.Name][]timeline.Legacy, bool, error) {
	if hasIndex {
		return []ssmbak.Name{name}, nil, true, nil
	}
	facts, err := a.FirstSight(ctx, name)
	return nil, map[ssmbak.Name][]timeline.Legacy{name: facts}, true, err
}

func (a *Archive) hasIndex(ctx context.Context, name ssmbak.Name) (bool, error) {
	key := indexKey(name)
	out, err := a.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &a.o.Bucket, ExpectedBucketOwner: a.owner(), Prefix: &key, MaxKeys: aws.Int32(1)})
	if err != nil {
		return false, fmt.Errorf("list the indexes of bucket %s: %w", a.o.Bucket, translate(err))
	}
	return len(out.Contents) > 0 && aws.ToString(out.Contents[0].Key) == key, nil
}
