package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/document"
	"github.com/ssmbak/ssmbak/timeline"
)

// Index is a parameter's index as it was read: all facts about it.
type Index struct {
	Name   ssmbak.Name
	Facts  timeline.Facts
	Exists bool
	etag   string
	swap   int64
	// modified is when S3 got it, in whole seconds; zero where that is not known.
	modified time.Time
	// unknown is what this program does not know of it, and keeps.
	unknown document.Unknown
	// broken says that what stands there cannot be read and may be replaced.
	broken bool
}

// indexDocument is the index as it stands in the bucket, gzipped JSON. Swap counts
// its replacements and Writer names who made the last one, so that its content
// never repeats and an ETag stands for one content only.
type indexDocument struct {
	Format int         `json:"format"`
	Reader int         `json:"reader,omitempty"`
	Name   ssmbak.Name `json:"name"`
	Swap   int64       `json:"swap"`
	Writer string      `json:"writer"`
	timeline.Facts
}

// Envelope returns the format of the index and that which its reader must know.
func (d *indexDocument) Envelope() (format, reader int) { return d.Format, d.Reader }

// maxIndex bounds what a damaged index can make a reader unpack, in bytes. An
// index of 10,000 versions is about a tenth of it.
const maxIndex = 64 << 20

func indexKey(name ssmbak.Name) string { return indexPrefix + string(name) }

// zips keeps compressors, whose tables are far larger than an index. The fastest
// level is chosen: it halves the work for a tenth more bytes.
var zips = sync.Pool{New: func() any {
	zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return zip
}}

var unzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

func encodeIndex(d indexDocument, unknown document.Unknown) ([]byte, error) {
	var buf bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&buf)
	var err error
	if unknown.Empty() {
		err = json.NewEncoder(zip).Encode(d)
	} else {
		var text []byte
		if text, err = document.Encode(indexKind, &d, unknown); err == nil {
			_, err = zip.Write(text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("encode the index of %s: %w", d.Name, err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("compress the index of %s: %w", d.Name, err)
	}
	return buf.Bytes(), nil
}

func decodeIndex(name ssmbak.Name, body []byte) (d indexDocument, unknown document.Unknown, err error) {
	key := indexKey(name)
	zip := unzips.Get().(*gzip.Reader)
	defer unzips.Put(zip)
	if err := zip.Reset(bytes.NewReader(body)); err != nil {
		return d, unknown, &DamagedError{Name: name, Key: key, Err: err}
	}
	plain, err := io.ReadAll(io.LimitReader(zip, maxIndex+1))
	if err != nil {
		return d, unknown, &DamagedError{Name: name, Key: key, Err: err}
	}
	if len(plain) > maxIndex {
		return d, unknown, &DamagedError{Name: name, Key: key, Err: fmt.Errorf("it unpacks to more than %d bytes", maxIndex)}
	}
	if unknown, err = decode(key, indexKind, plain, &d); err != nil {
		var damaged *DamagedError
		if errors.As(err, &damaged) {
			damaged.Name = name
		}
		return d, unknown, err
	}
	if d.Name != name {
		return d, unknown, &DamagedError{Name: name, Key: key, Err: fmt.Errorf("it is the index of %q", d.Name)}
	}
	d.Facts = timeline.Union(d.Facts, timeline.Facts{})
	return d, unknown, nil
}

// Index reads the index of a parameter. A parameter that the archive never saw
// has an empty one with Exists unset. An index that lies under a delete marker
// gives a [*LostIndexError].
func (a *Archive) Index(ctx context.Context, name ssmbak.Name) (Index, error) {
	return a.index(ctx, name, "")
}

// index reads one version of an index, the current one if version is empty.
func (a *Archive) index(ctx context.Context, name ssmbak.Name, version string) (Index, error) {
	found, err := a.get(ctx, indexKey(name), version)
	switch {
	case errors.Is(err, errMarker):
		return Index{}, &LostIndexError{Name: name}
	case errors.Is(err, errNotFound):
		return Index{Name: name}, nil
	case isChecksum(err):
		return Index{}, &DamagedError{Name: name, Key: indexKey(name), Err: errChecksum}
	case err != nil:
		return Index{}, fmt.Errorf("read the index of %s: %w", name, err)
	}
	d, unknown, err := decodeIndex(name, found.body)
	if err != nil {
		return Index{}, err
	}
	return Index{Name: name, Facts: d.Facts, Exists: true, etag: found.etag, swap: d.Swap, modified: found.modified, unknown: unknown}, nil
}

// Swap is the outcome of [Archive.Update].
type Swap struct {
	Index Index // as it stands now
	Wrote bool  // the index was replaced
	Met   bool  // another writer was met on the way
}

// maxSwaps bounds the tries of one update: each failed one means that another
// writer succeeded, and few writers work on one name at once.
const maxSwaps = 64

// Update replaces an index by compare-and-swap. grow gets the facts as they
// stand and returns them with what is to be added; it must not take any away.
// It is called again with fresh facts whenever another writer was faster, and
// nothing is written where it adds nothing.
//
// After an error the index may or may not have been replaced; calling Update
// again is safe.
func (a *Archive) Update(ctx context.Context, base Index, grow func(timeline.Facts) timeline.Facts) (Swap, error) {
	return a.update(ctx, base, grow, a.Index)
}

// update is Update that reads what stands there by read.
func (a *Archive) update(ctx context.Context, base Index, grow func(timeline.Facts) timeline.Facts, read func(context.Context, ssmbak.Name) (Index, error)) (Swap, error) {
	out := Swap{Index: base}
	for range maxSwaps {
		grown := grow(out.Index.Facts)
		if out.Index.Exists && !out.Index.broken && reflect.DeepEqual(grown, out.Index.Facts) {
			return out, nil
		}
		err := a.swap(ctx, &out.Index, grown)
		if err == nil {
			out.Wrote = true
			return out, nil
		}
		var unversioned *NotVersionedError
		if !isConflict(err) && !isNotFound(err) && answered(err) || errors.As(err, &unversioned) {
			return out, fmt.Errorf("write the index of %s: %w", base.Name, err)
		}
		if ctx.Err() != nil {
			return out, fmt.Errorf("write the index of %s: %w", base.Name, err)
		}
		// Another writer was faster, or the answer was lost: what stands there
		// now decides.
		out.Met = true
		fresh, readErr := read(ctx, base.Name)
		if readErr != nil {
			return out, readErr
		}
		if base.Exists && !fresh.Exists && !fresh.broken {
			return out, &LostIndexError{Name: base.Name}
		}
		if fresh.etag == out.Index.etag && !isConflict(err) {
			return out, fmt.Errorf("write the index of %s: %w", base.Name, err)
		}
		out.Index = fresh
	}
	return out, fmt.Errorf("write the index of %s: %d other writers were faster, try again", base.Name, maxSwaps)
}

// swap tries once to put grown in the place of x, and makes x what stands
// there.
func (a *Archive) swap(ctx context.Context, x *Index, grown timeline.Facts) error {
	d := indexDocument{Name: x.Name, Swap: x.swap + 1, Writer: a.writer, Facts: grown}
	d.Format, d.Reader = indexKind.Envelope(x.unknown, 0)
	body, err := encodeIndex(d, x.unknown)
	if err != nil {
		return err
	}
	p := put{key: indexKey(x.Name), body: body, contentType: "application/gzip", absent: !x.Exists, match: x.etag}
	s, err := a.put(ctx, p)
	if err != nil {
		return err
	}
	*x = Index{Name: x.Name, Facts: grown, Exists: true, etag: s.etag, swap: d.Swap, unknown: x.unknown}
	return nil
}

// nameOfIndex returns the parameter whose index stands at the key.
func nameOfIndex(key string) (ssmbak.Name, bool) {
	text, ok := strings.CutPrefix(key, indexPrefix)
	if !ok {
		return "", false
	}
	name, err := ssmbak.ParseName(text)
	return name, err == nil && string(name) == text
}
