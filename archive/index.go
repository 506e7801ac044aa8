package archive

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Index is the index of a parameter: all facts about it.
type Index struct {
	Name   ssmbak.Name
	Facts  timeline.Facts
	Exists bool
	object bucket.Document[indexDocument]
}

// ETag identifies the content of the index. It is "" if the index does not exist.
func (x Index) ETag() string { return x.object.ETag }

// Replication returns the status of S3 replication of the object version that holds the
// index.
func (x Index) Replication() Replication { return replicationOf(x.object.Replication) }

// Modified returns when S3 stored the index, to the second.
func (x Index) Modified() time.Time { return x.object.Modified }

// ObjectVersion returns the object version that holds the index. It is "" if the index
// does not exist.
func (x Index) ObjectVersion() string { return x.object.ID }

// indexDocument is the index in the bucket. Swap counts its replacements and Writer
// identifies the writer of the last one, so that its content never repeats and an ETag
// identifies one content.
//
// Uncompared says that it was written where no index was: the condition of that write does
// not show whether there was one before that got a delete marker, see
// [Archive.belowMarkers].
type indexDocument struct {
	Format     int         `json:"format"`
	Reader     int         `json:"reader,omitempty"`
	Name       ssmbak.Name `json:"name"`
	Swap       int64       `json:"swap"`
	Writer     string      `json:"writer"`
	Uncompared bool        `json:"uncompared,omitempty"`
	timeline.Facts
}

// checkIndex validates an index that was read, and brings its facts into their
// canonical order.
func checkIndex(key string, d *indexDocument) error {
	if key != indexKey(d.Name) {
		return fmt.Errorf("it is the index of %q", d.Name)
	}
	d.Facts = timeline.Canonical(d.Facts)
	return nil
}

func (d *indexDocument) latest() ssmbak.Time { return d.Facts.Latest() }

func indexKey(name ssmbak.Name) string { return indexPrefix + string(name) }

// nameOfIndex returns the parameter whose index has the key.
func nameOfIndex(key string) (ssmbak.Name, bool) {
	text, ok := strings.CutPrefix(key, indexPrefix)
	if !ok {
		return "", false
	}
	return nameOfValue(text)
}

// Index reads the index of a parameter, which is empty if it does not exist. The error is a
// [*MissingIndexError] if its key has a delete marker, a [*DamagedError], or a
// [*FormatError].
func (a *Archive) Index(ctx context.Context, name ssmbak.Name) (Index, error) {
	return a.index(ctx, name, "")
}

// index reads one object version of an index, the current one if version is empty.
func (a *Archive) index(ctx context.Context, name ssmbak.Name, version string) (Index, error) {
	d, err := indexKind.Load(ctx, a.bucket, indexKey(name), version)
	switch {
	case errors.Is(err, bucket.ErrDeleted):
		err = &MissingIndexError{Name: name, Hidden: true}
	case version != "":
	case isUnsigned(err):
		d, err = a.newestSigned(ctx, name, d, err)
	case d.Unsigned != nil && !a.signs:
		a.noteUnsigned(indexKey(name), d.Unsigned, false)
	}
	return newIndex(name, d), a.documentError(indexKey(name), err)
}

// Newest returns the newest recorded version. live is false if it was deleted since, or
// if either is unknown.
func (x Index) Newest() (newest timeline.Version, live bool) {
	newest, live, _ = timeline.New(x.Name, x.Facts, timeline.Coverage{}).Newest()
	return newest, live
}

func newIndex(name ssmbak.Name, d bucket.Document[indexDocument]) Index {
	return Index{Name: name, Facts: d.Value.Facts, Exists: d.Exists, object: d}
}

// Swap is the outcome of [Writer.Update].
type Swap struct {
	Index Index // the index after the swap
	Wrote bool  // the index was replaced
	Met   bool  // there was a conflict with another writer, or a response was lost
}

// update replaces an index by compare-and-swap, see [Writer.Update], unless it would have
// more bytes than most, or than readers accept if most is zero. After a conflict it calls
// read for the new index.
func (a *Archive) update(
	ctx context.Context, base Index, most int64, grow func(timeline.Facts) timeline.Facts, read func(context.Context, ssmbak.Name) (Index, error),
) (Swap, error) {
	return a.replace(ctx, base, most, func(d bucket.Document[indexDocument]) (indexDocument, bool) {
		next := indexDocument{Facts: grow(d.Value.Facts), Uncompared: d.Value.Uncompared || !d.Exists}
		return next, !d.Exists || outdated(d) || !reflect.DeepEqual(next.Facts, d.Value.Facts)
	}, read)
}

// replace replaces the contents of an index by compare-and-swap with what change
// returns, or not at all if it returns false. most and read are as in update. The error is
// a [*TooLargeError] if the index would be too large.
func (a *Archive) replace(
	ctx context.Context, base Index, most int64, change func(bucket.Document[indexDocument]) (indexDocument, bool), read func(context.Context, ssmbak.Name) (Index, error),
) (Swap, error) {
	kind := indexKind
	kind.Most = most
	out, err := kind.Swap(ctx, a.bucket, indexKey(base.Name), base.object, func(d bucket.Document[indexDocument]) (indexDocument, bool, error) {
		next, write := change(d)
		next.Name, next.Swap, next.Writer = base.Name, d.Value.Swap+1, a.writer
		return next, write, nil
	}, func(ctx context.Context) (bucket.Document[indexDocument], error) {
		fresh, err := read(ctx, base.Name)
		if err == nil && base.Exists && !fresh.Exists && !fresh.object.Invalid {
			err = &MissingIndexError{Name: base.Name, Hidden: true}
		}
		return fresh.object, err
	})
	if size, ok := errors.AsType[*bucket.SizeError](err); ok {
		err = &TooLargeError{Name: base.Name, Bytes: size.Bytes, Most: size.Most}
	}
	return Swap{Index: newIndex(base.Name, out.Document), Wrote: out.Wrote, Met: out.Met}, err
}
