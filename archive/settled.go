package archive

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Settled is a parameter whose last state is that at a time: Newest was live then, and its
// tags and labels are proved and contain no label.
type Settled struct {
	Name   ssmbak.Name
	Newest timeline.Ref
}

// Unsettled is [Archive.Timelines] for at least one moment, but does not read the indexes of
// parameters that are settled at the first of them, which it returns by name. With few or
// fewer of them, or a target that is one parameter, it returns none.
//
// A parameter is settled if nothing was recorded after the moment, the last complete
// listing compared its newest version, and the reconcile cache knows the content of its
// index. The cache alone says only whether the parameter has labels.
func (a *Archive) Unsettled(ctx context.Context, target ssmbak.Target, few int, moments ...ssmbak.Time) (Timelines, []Settled, error) {
	var listed []Listed // those that may be settled
	skip := func(x Listed, r Reconciled) bool {
		may := a.unchangedSince(x, r, slices.Min(moments))
		if may {
			listed = append(listed, x)
		}
		return may
	}
	var found scanned
	lines, err := collect(scan(ctx, a, target, moments, skip, &found, sameTimeline))
	if err != nil {
		return Timelines{}, nil, err
	}
	settled, rest, err := a.settle(ctx, listed, found.listed, few)
	if err != nil {
		return Timelines{}, nil, err
	}
	sources := func(context.Context) iter.Seq2[source, error] {
		return func(yield func(source, error) bool) {
			for _, name := range rest {
				if !yield(source{name: name}, nil) {
					return
				}
			}
		}
	}
	more, err := collect(readAll(ctx, a, sources, found.listed, moments, &found, sameTimeline))
	if err != nil {
		return Timelines{}, nil, err
	}
	lines = append(lines, more...)
	slices.SortFunc(lines, func(x, y *timeline.Timeline) int { return strings.Compare(string(x.Name()), string(y.Name())) })
	slices.SortFunc(found.problems, func(x, y Problem) int { return cmp.Compare(x.Name, y.Name) })
	return a.timelines(lines, &found), settled, nil
}

// settle divides parameters whose indexes did not change into those that are settled, and
// the names of the others.
func (a *Archive) settle(ctx context.Context, listed []Listed, r Reconciled, few int) (settled []Settled, rest []ssmbak.Name, err error) {
	var cache bucket.Document[cacheDocument] // without entries if there is none to be believed
	if len(listed) > few {
		cache, err = load(ctx, a, &cacheKind, cacheKey)
		switch {
		case err == nil:
		case cache.Invalid, bucket.IsDenied(err):
			cache = bucket.Document[cacheDocument]{}
		default:
			return nil, nil, err
		}
	}
	for _, x := range listed {
		e := cache.Value.entries[x.Name]
		if e.Unlabelled && e.ETag == x.ETag && e.Newest.Time < r.compared(x.Name, x.Modified, r.Last) {
			settled = append(settled, Settled{x.Name, e.Newest})
		} else {
			rest = append(rest, x.Name)
		}
	}
	if len(settled) > few {
		return settled, rest, nil
	}
	for _, s := range settled {
		rest = append(rest, s.Name)
	}
	return nil, rest, nil
}
