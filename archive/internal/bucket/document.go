package bucket

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak"
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
	// Gzip says that the document is compressed. Limit is its greatest size in bytes,
	// compressed and uncompressed.
	Gzip  bool
	Limit int64
	// Most is the greatest size in bytes, uncompressed, of a document that [Kind.Swap]
	// writes; Limit if zero.
	Most int64
	// Latest returns the greatest time in a document, zero if there is none. A document
	// whose object S3 stored more than [Tolerance] before that time is invalid: its writer
	// claimed to know the future. Nil accepts all times.
	Latest func(v *T) ssmbak.Time
	// Signed says that the documents are signed and verified as [Bucket].Signatures says,
	// and NeedsSignature that those without a valid signature are always invalid if
	// signatures are verified.
	Signed, NeedsSignature bool
	// Check validates a document that was read, and may convert one of an earlier
	// program. Nil accepts all.
	Check func(key string, v *T) error
}

// Lines is a document that consists of JSON lines. It has no unknown fields.
type Lines interface {
	// ReadLines returns an error if the document takes more than limit bytes of memory.
	ReadLines(lines *json.Decoder, limit int64) error
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

// SizeError refuses a write of a document that would be too large.
type SizeError struct{ Bytes, Most int64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("it would have %d bytes, more than the %d that may be written", e.Bytes, e.Most)
}

// Document is a document as it was read, or one that does not exist yet.
type Document[T any] struct {
	Value  T
	Exists bool
	ETag   string
	// ID is the object version.
	ID string
	// Modified is when S3 stored it, to the second; zero if this program has just
	// written it.
	Modified time.Time
	// Asked is as in an [Object]; zero if this program has just written it.
	Asked time.Time
	// Unknown holds the fields that T does not have.
	Unknown Unknown
	// Invalid says that Value is zero because the object cannot be decoded. It may still
	// be replaced.
	Invalid bool
	// Replication is the status of S3 replication, "" for an object that no rule selects.
	Replication types.ReplicationStatus
	// Unsigned is why the signature of the object is not valid, a [*SignatureError], and
	// nil if it is valid or was not verified.
	Unsigned error
}

// Tolerance is how far a time in an object may be ahead of S3's clock.
const Tolerance = time.Minute

// ClockError refuses a write by a program whose clock differs too much from S3's: readers would
// take the object for invalid, or its times would be wrong.
type ClockError struct {
	Ahead time.Duration // less than zero if the clock is behind
}

func (e *ClockError) Error() string {
	where := "ahead of"
	if e.Ahead < 0 {
		where = "behind"
	}
	return fmt.Sprintf("the clock of this machine is %v %s that of S3: correct it", e.Ahead.Abs().Round(time.Second), where)
}

// The compressors are pooled, since their tables are far larger than most documents. The
// fastest level halves the work and adds a tenth to the size.
var (
	zips = sync.Pool{New: func() any {
		zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return zip
	}}
	unzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	// The texts of small documents are pooled, too: nothing that is decoded refers to them.
	texts = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// Decode decodes the bytes of the object with a key. The error is an [*InvalidError] or
// a [*NewerError].
func (k Kind[T]) Decode(key string, body []byte) (v T, u Unknown, err error) {
	return k.read(context.Background(), nil, key, body, func() {})
}

// DecodeObject decodes an object that was read, like [Kind.Load].
func (k Kind[T]) DecodeObject(ctx context.Context, b *Bucket, o Object) (v T, u Unknown, err error) {
	defer o.free()
	return k.read(ctx, b.Budget, o.Key, o.Body, o.free)
}

// read is [Kind.Decode] within a budget. It calls release when it no longer needs the
// body. The error may be a [*BudgetError].
func (k Kind[T]) read(ctx context.Context, budget *Budget, key string, body []byte, release func()) (v T, u Unknown, err error) {
	if u, err = k.decode(ctx, budget, body, release, &v); err == nil && k.Check != nil {
		err = k.Check(key, &v)
	}
	if err == nil {
		return v, u, nil
	}
	var none T
	_, newer := errors.AsType[*NewerError](err)
	_, greater := errors.AsType[*BudgetError](err)
	if newer || greater || ctx.Err() != nil {
		return none, u, err
	}
	return none, u, &InvalidError{err}
}

func (k Kind[T]) decode(ctx context.Context, budget *Budget, body []byte, release func(), v *T) (Unknown, error) {
	if l, ok := any(v).(Lines); ok {
		return Unknown{}, k.readLines(body, l, budget.decoded())
	}
	text := body
	if k.Gzip {
		n, err := k.uncompressed(body)
		if err != nil {
			return Unknown{}, err
		}
		done, err := budget.take(ctx, func(b *Budget) share { return b.texts }, n)
		if err != nil {
			return Unknown{}, err
		}
		defer done()
		unzipped := texts.Get().(*bytes.Buffer)
		defer func() {
			if unzipped.Cap() <= free {
				texts.Put(unzipped)
			}
		}()
		if err := unzip(unzipped, body, n); err != nil {
			return Unknown{}, err
		}
		text = unzipped.Bytes()
		release()
	}
	drop(ctx)
	weight := weigh(text)
	done, err := budget.take(ctx, func(b *Budget) share { return b.values }, weight)
	if err != nil {
		return Unknown{}, err
	}
	more := func() {}
	defer keep(ctx, func() { done(); more() })
	u, known, err := decode(k.Format, text, weight, v)
	if err != nil || known {
		return u, err
	}
	// Unknown fields are found by decoding the text again, level by level.
	if more, err = budget.take(ctx, func(b *Budget) share { return b.unknown }, 3*int64(len(text))); err != nil {
		more = func() {}
		return u, err
	}
	u.part, err = decodeUnknown(k.Identities, text, v)
	return u, err
}

// readLines decodes lines while they are unpacked.
func (k Kind[T]) readLines(body []byte, l Lines, limit int64) error {
	zip := unzips.Get().(*gzip.Reader)
	defer unzips.Put(zip)
	if err := zip.Reset(bytes.NewReader(body)); err != nil {
		return err
	}
	return l.ReadLines(json.NewDecoder(io.LimitReader(zip, k.Limit+1)), limit)
}

// uncompressed returns the size of the text of a compressed document, which its last four
// bytes say (RFC 1952, section 2.3.1).
func (k Kind[T]) uncompressed(body []byte) (int64, error) {
	if end := len(body) - 4; end >= 0 {
		if n := int64(binary.LittleEndian.Uint32(body[end:])); n <= k.Limit {
			return n, nil
		}
	}
	// Perhaps these are not the last four bytes of a compressed text.
	zip := unzips.Get().(*gzip.Reader)
	defer unzips.Put(zip)
	if err := zip.Reset(bytes.NewReader(body)); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(zip, k.Limit+1)); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("it has more than %d bytes uncompressed", k.Limit)
}

// unzip uncompresses a text of n bytes into a buffer.
func unzip(into *bytes.Buffer, body []byte, n int64) error {
	zip := unzips.Get().(*gzip.Reader)
	defer unzips.Put(zip)
	if err := zip.Reset(bytes.NewReader(body)); err != nil {
		return err
	}
	into.Reset()
	into.Grow(int(n) + bytes.MinRead)
	if _, err := into.ReadFrom(io.LimitReader(zip, n+1)); err != nil {
		return err
	}
	if int64(into.Len()) != n {
		return fmt.Errorf("it does not have the %d bytes that it says", n)
	}
	return nil
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

// size returns the uncompressed size of an encoded document.
func (k Kind[T]) size(body []byte) int64 {
	if k.Gzip {
		return int64(binary.LittleEndian.Uint32(body[len(body)-4:])) // RFC 1952, section 2.3.1
	}
	return int64(len(body))
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
	d, _, err := k.LoadBytes(ctx, b, key, version)
	return d, err
}

// LoadBytes is [Kind.Load], and returns the stored bytes of the object, too.
func (k Kind[T]) LoadBytes(ctx context.Context, b *Bucket, key, version string) (d Document[T], body []byte, err error) {
	o, err := b.Get(ctx, key, version, k.Limit)
	d = Document[T]{Exists: true, ETag: o.ETag, ID: o.ID, Modified: o.Modified, Asked: o.Asked, Replication: o.Replication}
	defer o.free()
	_, d.Invalid = errors.AsType[*InvalidError](err)
	if err == nil || d.Invalid {
		err = k.signed(b, o, &d, err)
	}
	switch {
	case d.Invalid:
	case errors.Is(err, ErrDeleted):
		return Document[T]{}, nil, ErrDeleted
	case errors.Is(err, ErrNotFound):
		return Document[T]{}, nil, nil
	case err != nil:
		return Document[T]{}, nil, fmt.Errorf("read %s of bucket %s: %w", key, b.Name, err)
	default:
		d.Value, d.Unknown, err = k.read(ctx, b.Budget, key, o.Body, o.free)
		if err == nil {
			err = k.checkLatest(&d)
		}
		_, d.Invalid = errors.AsType[*InvalidError](err)
	}
	return d, o.Body, err
}

// checkLatest returns an [*InvalidError], and removes the value, if a time in the document
// is later than S3 stored it. Modified has a precision of one second.
func (k Kind[T]) checkLatest(d *Document[T]) error {
	if k.Latest == nil {
		return nil
	}
	at, stored := k.Latest(&d.Value), ssmbak.TimeOf(d.Modified)
	if at <= stored.Add(time.Second+Tolerance) {
		return nil
	}
	var none T
	d.Value, d.Unknown = none, Unknown{}
	return &InvalidError{fmt.Errorf("it has the time %s, but was stored at %s", at, stored)}
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
		if k.Latest != nil {
			if err := b.checkLatest(k.Latest(&next)); err != nil {
				return out, fmt.Errorf("write %s of bucket %s: %w", key, b.Name, err)
			}
		}
		body, err := k.Encode(&next, d.Unknown)
		if err != nil {
			return out, fmt.Errorf("encode %s: %w", key, err)
		}
		if n, most := k.size(body), cmp.Or(k.Most, k.Limit); n > most {
			return out, fmt.Errorf("write %s of bucket %s: %w", key, b.Name, &SizeError{n, most})
		}
		id, etag, err := b.Put(ctx, Write{Key: key, Body: body, ContentType: k.contentType(), Absent: !d.Exists, Match: d.ETag, Signed: k.Signed})
		if err == nil {
			out.Document, out.Wrote = Document[T]{Value: next, Exists: true, ETag: etag, ID: id, Unknown: d.Unknown}, true
			return out, nil
		}
		conflict := errors.Is(err, ErrConflict)
		err = fmt.Errorf("write %s of bucket %s: %w", key, b.Name, err)
		_, unversioned := errors.AsType[*NotVersionedError](err)
		_, unsigned := errors.AsType[*SignError](err)
		_, clock := errors.AsType[*ClockError](err)
		if unversioned || unsigned || clock || ctx.Err() != nil || isRefusal(err) && !conflict && !errors.Is(err, ErrNotFound) {
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
