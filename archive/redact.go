package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// Redacted is the outcome of [Writer.Redact].
type Redacted struct {
	// Removed counts the object versions that were removed.
	Removed int
	// Kept are the object versions that S3 refused to remove, and why: Object Lock
	// retains them, or the caller may not remove object versions.
	Kept []KeptCopy
}

// KeptCopy is an object version with a redacted value.
type KeptCopy struct {
	ObjectVersion string
	Reason        string
}

// Redact removes the value of one version permanently: the index says so first, so that no
// recorder writes the value again, then every object version of the parameter's key with
// the number and the time of v is removed. v is the fact of the version, and r who redacts
// it.
//
// After an error copies may remain. Redacting a version again removes those, and copies
// that a recorder wrote meanwhile. The error may be that of [Writer.Update].
func (w *Writer) Redact(ctx context.Context, name ssmbak.Name, v timeline.Version, r timeline.Redaction) (out Redacted, err error) {
	copies := v.Objects
	index, err := w.Index(ctx, name)
	if err != nil {
		return out, err
	}
	if !index.Exists {
		return out, &MissingIndexError{Name: name}
	}
	if known, ok := index.Facts.Version(v.Ref()); ok {
		copies = append(slices.Clone(copies), known.Objects...)
	}
	v.Redacted = r
	if _, err := w.Update(ctx, index, func(base timeline.Facts) timeline.Facts {
		return timeline.Union(base, timeline.Facts{Versions: []timeline.Version{v}})
	}); err != nil {
		return out, err
	}
	all, err := w.bucket.History(ctx, string(name))
	if err != nil {
		return out, err
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(w.o.Parallel)
	for _, object := range all {
		if object.Marker {
			continue
		}
		g.Go(func() error {
			removed, why, err := w.remove(gctx, name, object, v.Ref(), copies)
			mu.Lock()
			defer mu.Unlock()
			if removed {
				out.Removed++
			}
			if why != "" {
				out.Kept = append(out.Kept, KeptCopy{object.ID, why})
			}
			return err
		})
	}
	return out, g.Wait()
}

// remove removes an object version if it holds the value of a version: it is one of its
// copies, or its metadata says so. why says why S3 refused that.
func (w *Writer) remove(ctx context.Context, name ssmbak.Name, object bucket.Version, of timeline.Ref, copies []timeline.ObjectRef) (removed bool, why string, err error) {
	if !slices.ContainsFunc(copies, func(o timeline.ObjectRef) bool { return o.ID == object.ID }) {
		d, err := w.describe(ctx, string(name), object.ID)
		if err != nil || d.gone || d.foreign || d.unreadable || d.version.Ref() != of {
			return false, "", err
		}
	}
	switch err := w.bucket.Remove(ctx, string(name), object.ID); {
	case bucket.IsDenied(err):
		return false, err.Error(), nil
	case err != nil:
		return false, "", fmt.Errorf("remove %s (object version %s): %w", name, object.ID, err)
	}
	return true, "", nil
}

// Holder is an object version that holds a value.
type Holder struct {
	Name          ssmbak.Name
	ObjectVersion string
	// Version is what the metadata says, zero for an object version of another program.
	Version timeline.Ref
}

// Holders returns the object versions of all parameters that hold a value, by name, newest
// first. It sends one request per 1,000 object versions, and reads those of the same size.
func (a *Archive) Holders(ctx context.Context, value ssmbak.Value) ([]Holder, error) {
	var all []Holder
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: "/"}) {
		if err != nil {
			return nil, err
		}
		name, ok := nameOfValue(v.Key)
		if !ok || v.Marker || v.Size != int64(value.Len()) {
			continue
		}
		o, err := a.bucket.Get(ctx, v.Key, v.ID, maxValue)
		_, invalid := errors.AsType[*bucket.InvalidError](err)
		switch {
		case errors.Is(err, bucket.ErrNotFound), invalid:
			continue
		case err != nil:
			return nil, fmt.Errorf("read %s (object version %s): %w", name, v.ID, err)
		case !value.Equal(ssmbak.NewValue(string(o.Body))):
			continue
		}
		h := Holder{Name: name, ObjectVersion: v.ID}
		if d := readMetadata(o.Metadata); !d.foreign && !d.unreadable {
			h.Version = d.version.Ref()
		}
		all = append(all, h)
	}
	return all, nil
}
