package archive

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"reflect"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// RestoreIndex restores the index of a parameter if its current version is a delete marker,
// from the newest object version below it. What other writers record meanwhile is kept. An
// index that never had a version, of a parameter without values, becomes an empty one.
//
// The error is a [*DamagedError] or a [*MissingIndexError] if that version is not enough:
// [Archive.Reindex] rebuilds the index from all that is left. After an error, calling
// RestoreIndex again is safe.
//
// It sends two requests to list the versions of the index, two to write it, and one to read
// each version below a delete marker.
func (w *Writer) RestoreIndex(ctx context.Context, name ssmbak.Name) (restored bool, err error) {
	all, err := w.bucket.History(ctx, indexKey(name))
	if err != nil || len(all) == 0 || !all[0].Marker {
		return false, err
	}
	found, err := w.newestVersion(ctx, name, all)
	if err != nil {
		return false, fmt.Errorf("restore the index of %s: %w", name, err)
	}
	s, err := w.replaceBy(ctx, newIndex(name, replaced(all)), found.Facts, found.object.Unknown)
	if err != nil || !s.Wrote {
		return false, err
	}
	_, err = w.Update(ctx, s.Index, func(f timeline.Facts) timeline.Facts { return f })
	return true, err
}

// compared is [Writer.Update] for an index that was written where none was. The condition
// of that write does not show that an index was written and hidden since its writer looked:
// by a recorder that was paused, or while the index was being restored.
func (w *Writer) compared(ctx context.Context, base Index, grow func(timeline.Facts) timeline.Facts) (Swap, error) {
	hidden, err := w.belowMarkers(ctx, base.Name)
	if err != nil {
		return Swap{Index: base}, err
	}
	return w.replace(ctx, base, 0, func(d bucket.Document[indexDocument]) (indexDocument, bool) {
		next := indexDocument{Facts: grow(timeline.Union(d.Value.Facts, hidden)), Uncompared: d.Value.Uncompared}
		if d.ETag == base.ETag() { // nothing was written where no index was since the listing
			next.Uncompared = false
		}
		return next, outdated(d) || next.Uncompared != d.Value.Uncompared || !reflect.DeepEqual(next.Facts, d.Value.Facts)
	}, w.Index)
}

// belowMarkers returns the facts of the object versions of an index that a delete marker
// has hidden. The others are contained in the one after them, since an index only grows.
// A version that cannot be read is ignored.
func (w *Writer) belowMarkers(ctx context.Context, name ssmbak.Name) (facts timeline.Facts, err error) {
	all, err := w.bucket.History(ctx, indexKey(name))
	if err != nil {
		return facts, err
	}
	var ids []string
	for i := 1; i < len(all) && len(ids) < earlierVersions; i++ {
		if !all[i].Marker && all[i-1].Marker {
			ids = append(ids, all[i].ID)
		}
	}
	return w.factsOf(ctx, name, ids)
}

// newestVersion reads the newest object version in the history of an index that this
// archive accepts. The result is empty if there never was one.
func (w *Writer) newestVersion(ctx context.Context, name ssmbak.Name, all []bucket.Version) (Index, error) {
	var unsigned error
	for _, id := range valueIDs(all) {
		x, err := w.index(ctx, name, id)
		if err == nil && !x.Exists { // a lifecycle rule has removed it
			err = &MissingIndexError{Name: name}
		}
		if isUnsigned(err) {
			unsigned = cmp.Or(unsigned, err)
			continue
		}
		return x, err
	}
	if unsigned != nil {
		return Index{}, unsigned
	}
	values, err := w.bucket.History(ctx, string(name))
	if err == nil && len(values) > 0 {
		err = &MissingIndexError{Name: name}
	}
	return Index{}, err
}

// replaced returns an empty document that any facts may replace, for an index that has no
// current version. all is the history of the index.
func replaced(all []bucket.Version) bucket.Document[indexDocument] {
	var empty bucket.Document[indexDocument]
	empty.Invalid, empty.Value.Swap = true, int64(len(valueIDs(all)))
	return empty
}

// replaceBy replaces an index that was damaged or removed by found facts, and keeps those that
// other writers add meanwhile. unknown are the unknown fields of the index that had the
// facts.
func (a *Archive) replaceBy(ctx context.Context, base Index, found timeline.Facts, unknown bucket.Unknown) (Swap, error) {
	base.object.Unknown = bucket.Least(base.object.Unknown, unknown)
	return a.update(ctx, base, 0, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, describedAs(f, found)) },
		func(ctx context.Context, name ssmbak.Name) (Index, error) {
			x, err := a.replaceable(ctx, name)
			x.object.Unknown = bucket.Least(x.object.Unknown, unknown)
			return x, err
		})
}

// HiddenIndexes lists the parameters below the target's path whose index has a delete
// marker, by name, with one request per 1,000 object versions of indexes. An error is the
// last thing that it yields.
func (a *Archive) HiddenIndexes(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		for v, err := range a.bucket.Versions(ctx, below(target, indexPrefix)) {
			if err != nil {
				yield("", err)
				return
			}
			name, ok := nameOfIndex(v.Key)
			if ok && target.Below(name) && v.Latest && v.Marker && !yield(name, nil) {
				return
			}
		}
	}
}
