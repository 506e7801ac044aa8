package recorder

import (
	"context"
	"reflect"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
)

// isUnchanged reports whether the history of a parameter, labels included, is what its index
// says, and returns the index. The caller knows from listings that the rest is unchanged if
// the index has the ETag, unless that is "". If something cannot be read, the answer is false.
func (r *Recorder) isUnchanged(ctx context.Context, name ssmbak.Name, etag string) (x archive.Index, same bool) {
	if etag == "" {
		return x, false
	}
	var err error
	defer func() { same = same && err == nil }()
	defer r.recovered(ctx, name, &err)
	if x, err = r.archive.Index(ctx, name); err != nil || x.ETag() != etag {
		return x, false
	}
	rd, err := r.read(ctx, name, readOptions{noTags: true})
	if err != nil || slices.ContainsFunc(rd.versions, func(v paramstore.Version) bool { return !holds(x.Facts, v) }) {
		return x, false
	}
	if rd, err = r.confirmLabels(ctx, r.timeline(name, x.Facts), name, rd); err != nil {
		return x, false
	}
	return x, reflect.DeepEqual(r.grow(name, x.Facts, timeline.Facts{}, rd, syncRequest{}), x.Facts)
}

// holds reports whether facts have a version with its value and all of its attributes.
func holds(f timeline.Facts, v paramstore.Version) bool {
	known, ok := f.Version(refOf(v))
	return ok && (len(known.Objects) > 0 || !known.Redacted.IsZero()) && known.Merge(v.Attributes) == known.Attributes
}
