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
	"reflect"
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
	Value T
	Stored
}

// Stored is what a [Document] has in addition to its value.
type Stored struct {
	Exists bool
	ETag   string
	// ID is the object version.
	ID string
	// Modified is when S3 stored it, to the second; zero if this program has just
	// written it.
	Modified time.Time
	// Asked is as in an [Object]; zero if this program has just written it.
	Asked time.Time
	// Unknown holds the fields that the type of the value does not have.
	Unknown Unknown
	// Invalid says that the value is zero because the object cannot be decoded. It may still
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

// rules are a [Kind] without its type. What they do is compiled once, and not for each kind
// of document: there, v is a pointer to a T.
type rules struct {
	format                       int
	identities                   map[string]Identity
	gzip, signed, needsSignature bool
	limit, most                  int64

	// These are nil as in the Kind.
	needs  func(v any) int
	latest func(v any) ssmbak.Time
	check  func(key string, v any) error
}

func (k *Kind[T]) rules() rules {
	r := rules{
		format: k.Format, identities: k.Identities, gzip: k.Gzip, signed: k.Signed, needsSignature: k.NeedsSignature,
		limit: k.Limit, most: cmp.Or(k.Most, k.Limit), needs: untyped(k.Needs), latest: untyped(k.Latest),
	}
	if k.Check != nil {
		r.check = func(key string, v any) error { return k.Check(key, v.(*T)) }
	}
	return r
}

// untyped returns a function of any pointer to a T, nil for nil.
func untyped[T, R any](f func(*T) R) func(any) R {
	if f == nil {
		return nil
	}
	return func(v any) R { return f(v.(*T)) }
}

// Decode decodes the bytes of the object with a key. The error is an [*InvalidError] or
// a [*NewerError].
func (k *Kind[T]) Decode(key string, body []byte) (v T, u Unknown, err error) {
	u, err = k.rules().read(context.Background(), nil, key, body, func() {}, &v)
	return v, u, err
}

// DecodeObject decodes an object that was read, like [Kind.Load].
func (k *Kind[T]) DecodeObject(ctx context.Context, b *Bucket, o Object) (v T, u Unknown, err error) {
	defer o.free()
	u, err = k.rules().read(ctx, b.Budget, o.Key, o.Body, o.free, &v)
	return v, u, err
}

// read is [Kind.Decode] within a budget. It calls release when it no longer needs the
// body. After an error, *v is zero. The error may be a [*BudgetError].
func (r rules) read(ctx context.Context, budget *Budget, key string, body []byte, release func(), v any) (Unknown, error) {
	u, err := r.decode(ctx, budget, body, release, v)
	if err == nil && r.check != nil {
		err = r.check(key, v)
	}
	if err == nil {
		return u, nil
	}
	reflect.ValueOf(v).Elem().SetZero()
	_, newer := errors.AsType[*NewerError](err)
	_, greater := errors.AsType[*BudgetError](err)
	if newer || greater || ctx.Err() != nil {
		return u, err
	}
	return u, &InvalidError{err}
}

func (r rules) decode(ctx context.Context, budget *Budget, body []byte, release func(), v any) (Unknown, error) {
	if l, ok := v.(Lines); ok {
		return Unknown{}, r.readLines(body, l, budget.decoded())
	}
	text := body
	if r.gzip {
		n, err := r.uncompressed(body)
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
	u, known, err := decode(r.format, text, weight, v)
	if err != nil || known {
		return u, err
	}
	// Unknown fields are found by decoding the text again, level by level.
	if more, err = budget.take(ctx, func(b *Budget) share { return b.unknown }, 3*int64(len(text))); err != nil {
		more = func() {}
		return u, err
	}
	u.part, err = decodeUnknown(r.identities, text, v)
	return u, err
}

// readLines decodes lines while they are unpacked.
func (r rules) readLines(body []byte, l Lines, limit int64) error {
	zip := unzips.Get().(*gzip.Reader)
	defer unzips.Put(zip)
	if err := zip.Reset(bytes.NewReader(body)); err != nil {
		return err
	}
	return l.ReadLines(json.NewDecoder(io.LimitReader(zip, r.limit+1)), limit)
}

// uncompressed returns the size of the text of a compressed document, which its last four
// bytes say (RFC 1952, section 2.3.1).
func (r rules) uncompressed(body []byte) (int64, error) {
	if end := len(body) - 4; end >= 0 {
		if n := int64(binary.LittleEndian.Uint32(body[end:])); n <= r.limit {
			return n, nil
		}
	}
	// Perhaps these are not the last four bytes of a compressed text.
	zip := unzips.Get().(*gzip.Reader)
	defer unzips.Put(zip)
	if err := zip.Reset(bytes.NewReader(body)); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(zip, r.limit+1)); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("it has more than %d bytes uncompressed", r.limit)
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
func (k *Kind[T]) Encode(v *T, u Unknown) ([]byte, error) { return k.rules().encode(v, u) }

func (r rules) encode(v any, u Unknown) ([]byte, error) {
	if !r.gzip {
		return r.marshal(v, u)
	}
	var buf bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&buf)
	if err := r.write(zip, v, u); err != nil {
		return nil, err
	}
	err := zip.Close()
	return buf.Bytes(), err
}

func (r rules) write(w io.Writer, v any, u Unknown) error {
	if l, ok := v.(Lines); ok {
		return l.WriteLines(json.NewEncoder(w))
	}
	text, err := r.marshal(v, u)
	if err == nil && u.Empty() {
		text = append(text, '\n')
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

func (r rules) marshal(v any, u Unknown) ([]byte, error) {
	format, reader := envelope(v)
	writes, needs := r.format, 1
	if r.needs != nil {
		needs = r.needs(v)
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
	return splice(r.identities, text, u.part, "")
}

// size returns the uncompressed size of an encoded document.
func (r rules) size(body []byte) int64 {
	if r.gzip {
		return int64(binary.LittleEndian.Uint32(body[len(body)-4:])) // RFC 1952, section 2.3.1
	}
	return int64(len(body))
}

func (r rules) contentType() string {
	if r.gzip {
		return "application/gzip"
	}
	return "application/json"
}

// Load reads a document, or one version of it if version is not empty. A document that
// does not exist is not an error, but the error is [ErrDeleted] if its key has a delete
// marker. With an [*InvalidError] or a [*NewerError] the returned document is complete
// except for its contents.
func (k *Kind[T]) Load(ctx context.Context, b *Bucket, key, version string) (Document[T], error) {
	d, _, err := k.LoadBytes(ctx, b, key, version)
	return d, err
}

// LoadBytes is [Kind.Load], and returns the stored bytes of the object, too.
func (k *Kind[T]) LoadBytes(ctx context.Context, b *Bucket, key, version string) (d Document[T], body []byte, err error) {
	d.Stored, body, err = k.rules().load(ctx, b, key, version, &d.Value)
	return d, body, err
}

// load is [Kind.LoadBytes]. After an error, *v is zero.
func (r rules) load(ctx context.Context, b *Bucket, key, version string, v any) (s Stored, body []byte, err error) {
	o, err := b.Get(ctx, key, version, r.limit)
	s = Stored{Exists: true, ETag: o.ETag, ID: o.ID, Modified: o.Modified, Asked: o.Asked, Replication: o.Replication}
	defer o.free()
	_, s.Invalid = errors.AsType[*InvalidError](err)
	if err == nil || s.Invalid {
		err = r.verify(b, o, &s, err)
	}
	switch {
	case s.Invalid:
	case errors.Is(err, ErrDeleted):
		return Stored{}, nil, ErrDeleted
	case errors.Is(err, ErrNotFound):
		return Stored{}, nil, nil
	case err != nil:
		return Stored{}, nil, fmt.Errorf("read %s of bucket %s: %w", key, b.Name, err)
	default:
		s.Unknown, err = r.read(ctx, b.Budget, key, o.Body, o.free, v)
		if err == nil {
			err = r.checkLatest(&s, v)
		}
		_, s.Invalid = errors.AsType[*InvalidError](err)
	}
	return s, o.Body, err
}

// checkLatest returns an [*InvalidError], and removes the value, if a time in the document
// is later than S3 stored it. Modified has a precision of one second.
func (r rules) checkLatest(s *Stored, v any) error {
	if r.latest == nil {
		return nil
	}
	at, stored := r.latest(v), ssmbak.TimeOf(s.Modified)
	if at <= stored.Add(time.Second+Tolerance) {
		return nil
	}
	reflect.ValueOf(v).Elem().SetZero()
	s.Unknown = Unknown{}
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
func (k *Kind[T]) Swap(
	ctx context.Context, b *Bucket, key string, base Document[T],
	change func(Document[T]) (T, bool, error), load func(context.Context) (Document[T], error),
) (Swap[T], error) {
	out := Swap[T]{Document: base}
	var next T
	r := k.rules()
	for range maxSwaps {
		var write bool
		var err error
		if next, write, err = change(out.Document); err != nil || !write {
			return out, err
		}
		written, unclear, err := r.replace(ctx, b, key, out.Stored, &next)
		if err == nil {
			out.Document, out.Wrote = Document[T]{next, written}, true
			return out, nil
		}
		if !unclear {
			return out, err
		}
		out.Met = true
		fresh, loadErr := load(ctx)
		if loadErr != nil {
			return out, loadErr
		}
		if fresh.ETag == out.ETag && !errors.Is(err, ErrConflict) {
			return out, err
		}
		out.Document = fresh
	}
	return out, fmt.Errorf("write %s of bucket %s: %d other writers were faster, try again", key, b.Name, maxSwaps)
}

// replace writes a document over the one that was read. unclear says that an error does not
// mean that the object is as it was: another writer was faster, or there was no answer.
func (r rules) replace(ctx context.Context, b *Bucket, key string, read Stored, v any) (written Stored, unclear bool, err error) {
	if r.latest != nil {
		if err := b.checkLatest(r.latest(v)); err != nil {
			return Stored{}, false, fmt.Errorf("write %s of bucket %s: %w", key, b.Name, err)
		}
	}
	body, err := r.encode(v, read.Unknown)
	if err != nil {
		return Stored{}, false, fmt.Errorf("encode %s: %w", key, err)
	}
	if n := r.size(body); n > r.most {
		return Stored{}, false, fmt.Errorf("write %s of bucket %s: %w", key, b.Name, &SizeError{n, r.most})
	}
	id, etag, err := b.Put(ctx, Write{Key: key, Body: body, ContentType: r.contentType(), Absent: !read.Exists, Match: read.ETag, Signed: r.signed})
	if err == nil {
		return Stored{Exists: true, ETag: etag, ID: id, Unknown: read.Unknown}, false, nil
	}
	_, unversioned := errors.AsType[*NotVersionedError](err)
	_, unsigned := errors.AsType[*SignError](err)
	_, clock := errors.AsType[*ClockError](err)
	refused := isRefusal(err) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound)
	unclear = !unversioned && !unsigned && !clock && !refused && ctx.Err() == nil
	return Stored{}, unclear, fmt.Errorf("write %s of bucket %s: %w", key, b.Name, err)
}
