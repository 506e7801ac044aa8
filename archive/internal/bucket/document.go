package bucket

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Kind describes a kind of document. T is a struct with two int fields, Format and
// Reader, which [Kind.Encode] sets, or a type whose pointer implements [Lines].
//
// # Compatibility
//
// Every kind has its own format: "format" is the format of the writer, and "reader" is
// the least format that a program must support to read the object, 1 if absent. A
// greater "format" alone is no reason to refuse an object: an added field says more and
// contradicts nothing. A field that withdraws, limits or replaces something, or is part
// of an identity, raises "reader". Programs that do not support that format refuse the
// object, and no other object.
//
// # Unknown fields
//
// Swaps keep fields that this program does not know. Unknown fields come from the object
// that is replaced and are never merged with those of another object, since this program
// does not know how. An element of a list is recognized by its identity.
type Kind[T any] struct {
	// Format is the newest format that this program supports.
	Format int
	// Needs returns the least format that a reader of v must support, in which v is
	// written. If it is nil, documents are written in Format for readers of format 1.
	Needs func(v *T) int
	// Identities identify the elements of a list. The key is the path of the list:
	// "versions", or "versions.objects" for a list within its elements. Unknown fields
	// in the elements of a list without an identity are refused, since they would be
	// lost.
	Identities map[string]Identity
	// Gzip says that the document is compressed. Limit is its greatest uncompressed
	// size in bytes.
	Gzip  bool
	Limit int64
	// Check validates a document that was read, and may convert one of an earlier
	// program. Nil accepts all.
	Check func(key string, v *T) error
}

// Lines is a document that consists of JSON lines. It has no unknown fields.
type Lines interface {
	ReadLines(lines *json.Decoder) error
	WriteLines(lines *json.Encoder) error
}

// NewerError refuses an object that only a newer program can read.
type NewerError struct {
	Reader int // the format that it requires
	Format int // the newest format that this program supports
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("it requires a reader of format %d, this one supports format %d", e.Reader, e.Format)
}

// InvalidError reports an object whose bytes are not a document of its kind.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }

func (e *InvalidError) Unwrap() error { return e.Err }

// Document is a document as it was read, or one that does not exist yet.
type Document[T any] struct {
	Value  T
	Exists bool
	ETag   string
	// Modified is when S3 stored it, to the second; zero if this program has just
	// written it.
	Modified time.Time
	// Unknown holds the fields that T does not have.
	Unknown Unknown
	// Invalid says that Value is zero because the object cannot be decoded. It may still
	// be replaced.
	Invalid bool
}

// The compressors are pooled, since their tables are far larger than most documents. The
// fastest level halves the work and adds a tenth to the size.
var (
	zips = sync.Pool{New: func() any {
		zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return zip
	}}
	unzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// Decode decodes the bytes of the object with a key. The error is an [*InvalidError] or
// a [*NewerError].
func (k Kind[T]) Decode(key string, body []byte) (v T, u Unknown, err error) {
	if u, err = k.decode(body, &v); err == nil && k.Check != nil {
		err = k.Check(key, &v)
	}
	if err == nil {
		return v, u, nil
	}
	var none T
	if _, ok := errors.AsType[*NewerError](err); ok {
		return none, u, err
	}
	return none, u, &InvalidError{err}
}

func (k Kind[T]) decode(body []byte, v *T) (Unknown, error) {
	if k.Gzip {
		zip := unzips.Get().(*gzip.Reader)
		defer unzips.Put(zip)
		if err := zip.Reset(bytes.NewReader(body)); err != nil {
			return Unknown{}, err
		}
		plain := io.LimitReader(zip, k.Limit+1)
		if l, ok := any(v).(Lines); ok {
			return Unknown{}, l.ReadLines(json.NewDecoder(plain))
		}
		var err error
		if body, err = io.ReadAll(plain); err != nil {
			return Unknown{}, err
		}
		if int64(len(body)) > k.Limit {
			return Unknown{}, fmt.Errorf("it has more than %d bytes uncompressed", k.Limit)
		}
	}
	return decode(k.Format, k.Identities, body, v)
}

// Encode sets the format and the reader of a document and returns its bytes. u holds the
// unknown fields of the object that it replaces, and the least format and reader.
func (k Kind[T]) Encode(v *T, u Unknown) ([]byte, error) {
	if !k.Gzip {
		return k.marshal(v, u)
	}
	var buf bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&buf)
	if err := k.write(zip, v, u); err != nil {
		return nil, err
	}
	err := zip.Close()
	return buf.Bytes(), err
}

func (k Kind[T]) write(w io.Writer, v *T, u Unknown) error {
	if l, ok := any(v).(Lines); ok {
		return l.WriteLines(json.NewEncoder(w))
	}
	text, err := k.marshal(v, u)
	if err == nil && u.Empty() {
		text = append(text, '\n')
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

func (k Kind[T]) marshal(v *T, u Unknown) ([]byte, error) {
	format, reader := envelope(v)
	writes, needs := k.Format, 1
	if k.Needs != nil {
		needs = k.Needs(v)
		writes = needs
	}
	format.SetInt(int64(max(writes, u.Format)))
	reader.SetInt(0) // absent: 1
	if needs = max(needs, u.Reader); needs > 1 {
		reader.SetInt(int64(needs))
	}
	text, err := json.Marshal(v)
	if err != nil || u.Empty() {
		return text, err
	}
	return splice(k.Identities, text, u.part, "")
}

func (k Kind[T]) contentType() string {
	if k.Gzip {
		return "application/gzip"
	}
	return "application/json"
}

// Load reads a document, or one version of it if version is not empty. A document that
// does not exist is not an error, but the error is [ErrDeleted] if its key has a delete
// marker. With an [*InvalidError] or a [*NewerError] the returned document is complete
// except for its contents.
func (k Kind[T]) Load(ctx context.Context, b *Bucket, key, version string) (Document[T], error) {
	o, err := b.Get(ctx, key, version)
	d := Document[T]{Exists: true, ETag: o.ETag, Modified: o.Modified}
	switch {
	case errors.Is(err, ErrDeleted):
		return Document[T]{}, ErrDeleted
	case errors.Is(err, ErrNotFound):
		return Document[T]{}, nil
	case errors.Is(err, ErrChecksum):
		d.Invalid, err = true, &InvalidError{err}
	case err != nil:
		return Document[T]{}, fmt.Errorf("read %s of bucket %s: %w", key, b.Name, err)
	default:
		d.Value, d.Unknown, err = k.Decode(key, o.Body)
		_, d.Invalid = errors.AsType[*InvalidError](err)
	}
	return d, err
}

// Swap is the outcome of [Kind.Swap].
type Swap[T any] struct {
	Document[T]      // the document after the swap
	Wrote       bool // the object was replaced
	Met         bool // there was a conflict with another writer, or a response was lost
}

// maxSwaps bounds the attempts of one swap. Each conflict means that another writer
// succeeded, and few writers work on one object at once.
const maxSwaps = 64

// Swap replaces a document by compare-and-swap. change gets the current document and
// returns its replacement, or false to write nothing. Swap calls it again with the result
// of load whenever another writer was faster or the response to a write was lost. If
// change or load returns an error, Swap returns it and writes nothing more.
//
// After an error the object may have been replaced; repeating the swap is safe if change
// returns false for a document that has the change.
func (k Kind[T]) Swap(
	ctx context.Context, b *Bucket, key string, base Document[T],
	change func(Document[T]) (T, bool, error), load func(context.Context) (Document[T], error),
) (Swap[T], error) {
	out := Swap[T]{Document: base}
	for range maxSwaps {
		next, write, err := change(out.Document)
		if err != nil || !write {
			return out, err
		}
		d := out.Document
		body, err := k.Encode(&next, d.Unknown)
		if err != nil {
			return out, fmt.Errorf("encode %s: %w", key, err)
		}
		_, etag, err := b.Put(ctx, Write{Key: key, Body: body, ContentType: k.contentType(), Absent: !d.Exists, Match: d.ETag})
		if err == nil {
			out.Document, out.Wrote = Document[T]{Value: next, Exists: true, ETag: etag, Unknown: d.Unknown}, true
			return out, nil
		}
		conflict := errors.Is(err, ErrConflict)
		err = fmt.Errorf("write %s of bucket %s: %w", key, b.Name, err)
		if _, unversioned := errors.AsType[*NotVersionedError](err); unversioned || ctx.Err() != nil ||
			isRefusal(err) && !conflict && !errors.Is(err, ErrNotFound) {
			return out, err
		}
		out.Met = true
		fresh, loadErr := load(ctx)
		if loadErr != nil {
			return out, loadErr
		}
		if fresh.ETag == d.ETag && !conflict {
			return out, err
		}
		out.Document = fresh
	}
	return out, fmt.Errorf("write %s of bucket %s: %d other writers were faster, try again", key, b.Name, maxSwaps)
}
