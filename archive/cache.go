package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// CacheEntry is what a reconcile found about a parameter whose index has this ETag. As
// long as listings show the same, a reconcile neither reads the index nor sends
// Parameter Store a request for that parameter alone.
type CacheEntry struct {
	// Newest is the current version according to the index; zero if there is none.
	Newest timeline.Ref `json:"newest,omitzero"`
	// ETag is that of the index, and ID its object version.
	ETag string `json:"etag"`
	ID   string `json:"id,omitempty"`
	// Top is when S3 stored the current value object, which is that of Newest, to the
	// second; zero if the key has a delete marker or no version.
	Top time.Time `json:"top,omitzero"`
	// Tags is a digest of the recorded tags, "" for none.
	Tags string `json:"tags,omitempty"`
	// Unlabelled says that the index knows the live tags and labels, and that there is no
	// label, so that a plan for many parameters reads neither.
	Unlabelled bool `json:"unlabelled,omitempty"`
}

// Cache is the reconcile cache: what the last reconcile found unchanged. A reconcile
// recreates missing entries.
type Cache struct {
	Entries map[ssmbak.Name]CacheEntry
	// Labels is the start of the last listing that compared the labels of every parameter,
	// zero if there was none: a later one in .ssmbak/reconciled was not written by a listing.
	Labels time.Time
	object bucket.Document[cacheDocument]
}

// cacheFormat is the format of the cache. A cache of another format is rebuilt.
const cacheFormat = 1

// cacheDocument is the object: one line for its own fields, and one line per entry.
type cacheDocument struct {
	Format  int       `json:"format"`
	Writer  string    `json:"writer"`
	Labels  time.Time `json:"labels,omitzero"`
	entries map[ssmbak.Name]CacheEntry
}

type cacheLine struct {
	Name ssmbak.Name `json:"name"`
	CacheEntry
}

// entrySize is the memory of an entry without its strings, in bytes.
const entrySize = 256

// ReadLines reads the lines. It returns an error for another format, or if the entries
// take more than limit bytes of memory.
func (d *cacheDocument) ReadLines(lines *json.Decoder, limit int64) error {
	if err := lines.Decode(d); err != nil {
		return fmt.Errorf("read its first line: %w", err)
	}
	if d.Format != cacheFormat {
		return fmt.Errorf("unsupported format %d", d.Format)
	}
	d.entries = make(map[ssmbak.Name]CacheEntry)
	return eachLine(lines, func(line cacheLine) error {
		if limit -= entrySize + int64(len(line.Name)+len(line.ETag)+len(line.ID)+len(line.Tags)); limit < 0 {
			return errors.New("it has more entries than fit into memory")
		}
		d.entries[line.Name] = line.CacheEntry
		return nil
	})
}

// eachLine decodes the lines that are left, and calls f with each.
func eachLine[T any](lines *json.Decoder, f func(T) error) error {
	for {
		var line T
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read one of its lines: %w", err)
		}
		if err := f(line); err != nil {
			return err
		}
	}
}

// WriteLines writes the lines in the order of the names.
func (d *cacheDocument) WriteLines(lines *json.Encoder) error {
	if err := lines.Encode(d); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.entries)) {
		if err := lines.Encode(cacheLine{name, d.entries[name]}); err != nil {
			return err
		}
	}
	return nil
}

// Cache reads the reconcile cache. If the cache is damaged or has another format it
// logs a warning and returns an empty one.
func (a *Archive) Cache(ctx context.Context) (Cache, error) {
	d, err := a.readCache(ctx)
	c := Cache{Entries: d.Value.entries, Labels: d.Value.Labels}
	if c.Entries == nil {
		c.Entries = make(map[ssmbak.Name]CacheEntry)
	}
	d.Value = cacheDocument{} // its entries are the caller's
	c.object = d
	return c, err
}

func (a *Archive) readCache(ctx context.Context) (bucket.Document[cacheDocument], error) {
	d, err := load(ctx, a, &cacheKind, cacheKey)
	if d.Invalid {
		a.o.Logger.WarnContext(ctx, "reconcile cache unreadable, rebuilding it", "key", cacheKey, "error", err.Error())
		err = nil
	}
	return d, err
}

// SaveCache replaces the reconcile cache by compare-and-swap and returns the result: what
// another writer saved meanwhile is kept for names without an entry in c. It changes c.
func (w *Writer) SaveCache(ctx context.Context, c Cache) (Cache, error) {
	out, err := cacheKind.Swap(ctx, w.bucket, cacheKey, c.object, func(d bucket.Document[cacheDocument]) (cacheDocument, bool, error) {
		for name, entry := range d.Value.entries {
			if _, ok := c.Entries[name]; !ok {
				c.Entries[name] = entry
			}
		}
		if d.Value.Labels.After(c.Labels) {
			c.Labels = d.Value.Labels
		}
		return cacheDocument{Writer: w.writer, Format: cacheFormat, Labels: c.Labels, entries: c.Entries}, true, nil
	}, w.readCache)
	out.Value = cacheDocument{}
	c.object = out.Document
	return c, err
}
