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

// Broken lists the parameters of the target whose index is damaged, lies under a
// delete marker, or is missing while ssmbak's value objects are there, in the
// order of their names. A target with recursive means the parameter of its own
// name too; one without means that parameter if anything of it is there, else
// those directly below.
//
// It reads every index that is there, and of names that have none the metadata
// of value objects until one of ssmbak's is met; apart from that it costs one
// request per 1,000 object versions. An error is the last thing that it yields.
func (a *Archive) Broken(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		names, err := a.broken(ctx, target)
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
	marked bool     // its index lies under a delete marker
	index  bool     // it has an index, which may be damaged
	values []string // its object versions, newest first, where it has no index
}

func (a *Archive) broken(ctx context.Context, target ssmbak.Target) ([]ssmbak.Name, error) {
	suspects := make(map[ssmbak.Name]*suspect)
	exact, possible := target.Name()
	if possible {
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
	broken := make([]bool, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, name := range names {
		g.Go(func() (err error) {
			broken[i], err = a.isBroken(gctx, name, suspects[name])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	found := names[:0]
	for i, name := range names {
		if broken[i] {
			found = append(found, name)
		}
	}
	return found, nil
}

// suspect returns what stands under the keys of one parameter, nil for nothing.
func (a *Archive) suspect(ctx context.Context, name ssmbak.Name) (*suspect, error) {
	indexes, err := a.history(ctx, indexKey(name))
	if err != nil {
		return nil, err
	}
	if len(indexes.versions)+len(indexes.markers) > 0 {
		index := len(indexes.versions) > 0 && indexes.versions[0].latest
		return &suspect{index: index, marked: !index}, nil
	}
	h, err := a.history(ctx, string(name))
	if err != nil || len(h.versions)+len(h.markers) == 0 {
		return nil, err
	}
	return &suspect{values: h.ids()}, nil
}

// suspects adds what stands under the keys of all parameters below the target's
// path.
func (a *Archive) suspects(ctx context.Context, target ssmbak.Target, into map[ssmbak.Name]*suspect) error {
	delimiter := "/"
	if target.Recursive() {
		delimiter = ""
	}
	for page, err := range a.versions(ctx, indexPrefix+target.Prefix(), delimiter) {
		if err != nil {
			return err
		}
		for _, v := range page {
			if name, ok := nameOfIndex(v.key); ok && v.latest && target.Below(name) {
				into[name] = &suspect{index: !v.marker, marked: v.marker}
			}
		}
	}
	for page, err := range a.versions(ctx, target.Prefix(), delimiter) {
		if err != nil {
			return err
		}
		for _, v := range page {
			name, ok := nameOfValue(v.key)
			if !ok || v.marker || !target.Below(name) {
				continue
			}
			s := into[name]
			if s == nil {
				s = &suspect{}
				into[name] = s
			}
			if !s.index && !s.marked {
				s.values = append(s.values, v.id)
			}
		}
	}
	return nil
}

func (a *Archive) isBroken(ctx context.Context, name ssmbak.Name, s *suspect) (bool, error) {
	switch {
	case s.marked:
		return true, nil
	case !s.index:
		return a.lostIndex(ctx, name, s.values)
	}
	_, err := a.Index(ctx, name)
	var format *FormatError
	if needsReindex(err) {
		return true, nil
	}
	if errors.As(err, &format) {
		return false, nil // whole, for a newer ssmbak
	}
	return false, err
}
