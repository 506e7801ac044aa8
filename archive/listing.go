package archive

import (
	"context"
	"iter"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Listed is an entry of a listing: a parameter's index or its current value object.
type Listed struct {
	Name ssmbak.Name
	// ETag identifies the content of an index. It is empty for a value object, since
	// it could be a digest of the value.
	ETag string
	// Modified is when S3 stored the object, to the second.
	Modified time.Time
}

// Names lists the parameters below the target's path that have an index, like
// [Archive.Indexes].
func (a *Archive) Names(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		for x, err := range a.Indexes(ctx, target) {
			if !yield(x.Name, err) {
				return
			}
		}
	}
}

// Indexes lists the indexes below the target's path in the byte order of their names,
// with one request per 1,000. An error is the last thing that it yields.
func (a *Archive) Indexes(ctx context.Context, target ssmbak.Target) iter.Seq2[Listed, error] {
	return a.list(ctx, target, indexPrefix, nameOfIndex)
}

// CurrentValues lists the parameters below the target's path whose key has a current
// value object rather than a delete marker, like [Archive.Indexes].
func (a *Archive) CurrentValues(ctx context.Context, target ssmbak.Target) iter.Seq2[Listed, error] {
	return a.list(ctx, target, "", nameOfValue)
}

func (a *Archive) list(ctx context.Context, target ssmbak.Target, prefix string, nameOf func(key string) (ssmbak.Name, bool)) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for o, err := range a.bucket.Objects(ctx, below(target, prefix)) {
			if err != nil {
				yield(Listed{}, err)
				return
			}
			name, ok := nameOf(o.Key)
			if !ok || !target.Below(name) {
				continue
			}
			x := Listed{Name: name, Modified: o.Modified}
			if prefix == indexPrefix {
				x.ETag = o.ETag
			}
			if !yield(x, nil) {
				return
			}
		}
	}
}

// below returns the listing of keys below a target's path, with a prefix.
func below(target ssmbak.Target, prefix string) bucket.Listing {
	l := bucket.Listing{Prefix: prefix + target.Prefix(), Delimiter: "/"}
	if target.Recursive() {
		l.Delimiter = ""
	}
	return l
}

// nameOfValue returns the parameter whose value objects have the key.
func nameOfValue(key string) (ssmbak.Name, bool) {
	name, err := ssmbak.ParseName(key)
	return name, err == nil && string(name) == key
}
