package archive

import (
	"context"
	"errors"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// eachSubject yields the result of check for the parameters of a target that include
// accepts, all if it is nil, in the order of their names' bytes. It checks several
// concurrently, and its memory does not depend on the number of parameters. An error is
// the last thing that it yields.
func eachSubject[T any](
	ctx context.Context, a *Archive, target ssmbak.Target, include func(ssmbak.Name) bool, check func(context.Context, *subject) (T, error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		batch := make([]*subject, 0, 4*a.o.Parallel)
		flush := func() bool {
			results := make([]T, len(batch))
			g, gctx := errgroup.WithContext(ctx)
			g.SetLimit(a.o.Parallel)
			for i, s := range batch {
				g.Go(func() (err error) {
					gctx, release := bucket.Hold(gctx)
					defer release()
					results[i], err = check(gctx, s)
					return err
				})
			}
			if err := g.Wait(); err != nil {
				yield(none, err)
				return false
			}
			batch = batch[:0]
			for _, result := range results {
				if !yield(result, nil) {
					return false
				}
			}
			return true
		}
		for s, err := range a.subjects(ctx, target) {
			if err != nil {
				yield(none, err)
				return
			}
			if include != nil && !include(s.name) {
				continue
			}
			if batch = append(batch, s); len(batch) == cap(batch) && !flush() {
				return
			}
		}
		flush()
	}
}

// subject is what the listings show of one parameter, newest first.
type subject struct {
	name            ssmbak.Name
	indexes, values []bucket.Version
}

// subjects lists the parameters of a target that have an index or a value, in the order
// of their names' bytes. A target that can be one parameter includes it, and unless it
// is recursive means it alone if the bucket holds anything of it.
func (a *Archive) subjects(ctx context.Context, target ssmbak.Target) iter.Seq2[*subject, error] {
	return func(yield func(*subject, error) bool) {
		if name, possible := target.Name(); possible {
			indexes, err := a.bucket.History(ctx, indexKey(name))
			values, err2 := a.bucket.History(ctx, string(name))
			if err := errors.Join(err, err2); err != nil {
				yield(nil, err)
				return
			}
			exists := len(indexes)+len(values) > 0
			if exists && !yield(&subject{name, indexes, values}, nil) || exists && !target.Recursive() {
				return
			}
		}
		a.joined(ctx, target)(yield)
	}
}

// joined lists the parameters below a target's path: it joins two listings that are in
// the order of the names' bytes.
func (a *Archive) joined(ctx context.Context, target ssmbak.Target) iter.Seq2[*subject, error] {
	return func(yield func(*subject, error) bool) {
		nextIndex, stopIndex := iter.Pull2(a.grouped(ctx, target, indexPrefix, nameOfIndex))
		defer stopIndex()
		nextValue, stopValue := iter.Pull2(a.grouped(ctx, target, "", nameOfValue))
		defer stopValue()
		x, err, moreX := nextIndex()
		v, err2, moreV := nextValue()
		for moreX || moreV {
			if err := errors.Join(err, err2); err != nil {
				yield(nil, err)
				return
			}
			s := &subject{}
			takeX, takeV := moreX && (!moreV || x.name <= v.name), moreV && (!moreX || v.name <= x.name)
			if takeX {
				s.name, s.indexes = x.name, x.versions
				x, err, moreX = nextIndex()
			}
			if takeV {
				s.name, s.values = v.name, v.versions
				v, err2, moreV = nextValue()
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// group is all versions of one key, newest first.
type group struct {
	name     ssmbak.Name
	versions []bucket.Version
}

// grouped lists the object versions of a target by parameter.
func (a *Archive) grouped(ctx context.Context, target ssmbak.Target, prefix string, nameOf func(string) (ssmbak.Name, bool)) iter.Seq2[group, error] {
	return func(yield func(group, error) bool) {
		var g group
		for v, err := range a.bucket.Versions(ctx, below(target, prefix)) {
			if err != nil {
				yield(group{}, err)
				return
			}
			name, ok := nameOf(v.Key)
			if !ok || !target.Below(name) {
				continue
			}
			if name != g.name {
				if len(g.versions) > 0 && !yield(g, nil) {
					return
				}
				g = group{name: name}
			}
			g.versions = append(g.versions, v)
		}
		if len(g.versions) > 0 {
			yield(g, nil)
		}
	}
}
