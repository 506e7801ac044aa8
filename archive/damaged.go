package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
)

// Damaged lists the parameters of the target whose index is damaged, has a delete
// marker, or is missing although ssmbak recorded the parameter, in the order of their
// names. A recursive target includes the parameter of its own name. A target that is
// not recursive means that parameter if the bucket contains anything of it, else the
// parameters directly below.
//
// Damaged sends one request per 1,000 object versions and one per index. For a name
// without an index it reads the metadata of its value objects until it finds one that
// this ssmbak wrote. An error is the last thing that it yields.
func (a *Archive) Damaged(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		names, err := a.damaged(ctx, target)
		if err != nil {
			yield("", fmt.Errorf("check the indexes of bucket %s: %w", a.o.Bucket, err))
			return
		}
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// suspect is a parameter whose index may have to be rebuilt.
type suspect struct {
	marked bool     // the key of its index has a delete marker
	index  bool     // its index exists, and may be damaged
	values []string // its object versions, newest first, if it has no index
}

func (a *Archive) damaged(ctx context.Context, target ssmbak.Target) ([]ssmbak.Name, error) {
	suspects := make(map[ssmbak.Name]*suspect)
	if exact, possible := target.Name(); possible {
		s, err := a.suspect(ctx, exact)
		if err != nil {
			return nil, err
		}
		if s != nil {
			suspects[exact] = s
		}
	}
	if target.Recursive() || len(suspects) == 0 {
		if err := a.suspects(ctx, target, suspects); err != nil {
			return nil, err
		}
	}
	names := slices.Sorted(maps.Keys(suspects))
	damaged := make([]bool, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, name := range names {
		g.Go(func() (err error) {
			damaged[i], err = a.isDamaged(gctx, name, suspects[name])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	found := names[:0]
	for i, name := range names {
		if damaged[i] {
			found = append(found, name)
		}
	}
	return found, nil
}

// suspect returns what the bucket contains of one parameter, nil for nothing.
func (a *Archive) suspect(ctx context.Context, name ssmbak.Name) (*suspect, error) {
	indexes, err := a.bucket.History(ctx, indexKey(name))
	if err != nil {
		return nil, err
	}
	if len(indexes) > 0 {
		return &suspect{index: !indexes[0].Marker, marked: indexes[0].Marker}, nil
	}
	values, err := a.bucket.History(ctx, string(name))
	if err != nil || len(values) == 0 {
		return nil, err
	}
	return &suspect{values: valueIDs(values)}, nil
}

// suspects adds what the bucket contains of all parameters below the target's path.
func (a *Archive) suspects(ctx context.Context, target ssmbak.Target, into map[ssmbak.Name]*suspect) error {
	for v, err := range a.bucket.Versions(ctx, below(target, indexPrefix)) {
		if err != nil {
			return err
		}
		if name, ok := nameOfIndex(v.Key); ok && v.Latest && target.Below(name) {
			into[name] = &suspect{index: !v.Marker, marked: v.Marker}
		}
	}
	for v, err := range a.bucket.Versions(ctx, below(target, "")) {
		if err != nil {
			return err
		}
		name, ok := nameOfValue(v.Key)
		if !ok || v.Marker || !target.Below(name) {
			continue
		}
		s := into[name]
		if s == nil {
			s = &suspect{}
			into[name] = s
		}
		if !s.index && !s.marked {
			s.values = append(s.values, v.ID)
		}
	}
	return nil
}

func (a *Archive) isDamaged(ctx context.Context, name ssmbak.Name, s *suspect) (bool, error) {
	switch {
	case s.marked:
		return true, nil
	case !s.index:
		return a.missesIndex(ctx, name, s.values)
	}
	_, err := a.Index(ctx, name)
	var format *FormatError
	if needsReindex(err) {
		return true, nil
	}
	if errors.As(err, &format) {
		return false, nil // a newer ssmbak can read it
	}
	return false, err
}
