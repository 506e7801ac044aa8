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

// Kind is a kind of document as this program knows it. T is a struct with two int
// fields, Format and Reader, which [Kind.Encode] sets, or implements [Lines] by its
// pointer.
//
// # Growing
//
// Every kind has a format of its own: "format" says what the writer knew, and
// "reader" is the least format that a program must know to read the object, 1 if
// it is absent. A greater format alone is no reason to refuse an object: an added
// field says more and contradicts nothing. A field that withdraws, limits or
// replaces something, or is part of an identity, raises "reader", and only
// programs that do not know that format refuse the object, and no other object.
//
// # Unknown fields
//
// A field that this program does not know survives a swap. Unknown fields are
// those of the very object that is replaced and are never merged: two programs that
// know a field would have to agree on its union, and this one does not know it.
// An element of a list is recognized by its identity.
type Kind[T any] struct {
	// Format is the format that this program writes and the newest that it knows.
	Format int
	// Identities identify the elements of a list, by the path of the list:
	// "versions", or "versions.objects" for a list within its elements. Unknown
	// fields in the elements of a list without an identity are refused, since
	// they would be lost.
	Identities map[string]Identity
	// Gzip says that the document is compressed, and Limit bounds what a damaged
	// one can make a reader unpack, in bytes.
	Gzip  bool
	Limit int64
	// Check validates a document that was read, and may convert what earlier
	// programs wrote. Nil accepts all.
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
	Format int // the newest format that this program knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("it requires a reader of format %d, this one knows format %d", e.Reader, e.Format)
}

// InvalidError says that the bytes of an object are not a document of its kind.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }

func (e *InvalidError) Unwrap() error { return e.Err }

// Document is a document as it was read, or one that does not exist yet.
type Document[T any] struct {
	Value  T
	Exists bool
	ETag   string
	// Modified is when S3 stored it, in whole seconds; zero where this program
	// has just written it.
	Modified time.Time
	// Unknown is what T has no field for.
	Unknown Unknown
	// Invalid says that Value is zero because the object cannot be read. It may
	// be replaced all the same.
	Invalid bool
}

// The compressors are pooled: their tables are far larger than most documents.
// The fastest level halves the work for a tenth more bytes.
var (
	zips = sync.Pool{New: func() any {
		zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return zip
	}}
	unzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// Decode reads a document from the bytes of the object with a key. The error is an
// [*InvalidError] or a [*NewerError].
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
			return Unknown{}, fmt.Errorf("it unpacks to more than %d bytes", k.Limit)
		}
	}
	return decode(k.Format, k.Identities, body, v)
}

// Encode sets the format and the reader of a document, never to less than the object
// has that it replaces, and returns its bytes. u is what is unknown of that object.
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
	format.SetInt(int64(max(k.Format, u.Format)))
	reader.SetInt(0) // left out: 1
	if u.Reader > 1 {
		reader.SetInt(int64(u.Reader))
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

// Load reads a document, or one version of it if version is not empty. One that
// does not exist is no error, unless its key has a delete marker: [ErrDeleted]. With
// an [*InvalidError] or a [*NewerError] the document has all but its contents.
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
	Document[T]      // as it is now
	Wrote       bool // the object was replaced
	Met         bool // another writer was met, or an answer was lost
}

// maxSwaps bounds the attempts of one swap: each that fails means that another
// writer succeeded, and few writers work on one object at once.
const maxSwaps = 64

// Swap replaces a document by compare-and-swap. change gets it as it is and returns
// what is to replace it, or false if nothing is to be written. It is called again
// with what load returns whenever another writer was faster or the answer to a write
// was lost. Swap writes nothing after an error of change or load, and returns it.
//
// After an error the object may have been replaced all the same; repeating the swap
// is safe if change returns false for a document that has the change.
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
