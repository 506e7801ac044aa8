package bucket

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Budget bounds the memory of the documents that a process reads at once, in bytes,
// whatever is in the bucket. Loads wait for their share; a document that needs more than
// all of it is refused. Documents of a few kilobytes are not counted. A Budget may be used
// by many goroutines at once, and by several buckets.
type Budget struct {
	// What one document takes, one after the other: the object, its uncompressed text, the
	// decoded document, and its unknown fields. A load that waits for a later share holds
	// only earlier ones, so no two loads wait for each other.
	objects, texts, values, unknown share
}

type share struct {
	size int64
	sem  *semaphore.Weighted
}

func newShare(size int64) share { return share{size, semaphore.NewWeighted(size)} }

// NewBudget returns a budget of a number of bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{objects: newShare(bytes / 16), texts: newShare(bytes / 4), values: newShare(bytes * 9 / 16), unknown: newShare(bytes / 8)}
}

// decoded returns how many bytes a decoded document may take.
func (b *Budget) decoded() int64 {
	if b == nil {
		return math.MaxInt64
	}
	return b.values.size
}

// free is the number of bytes that need no share.
const free = 64 << 10

// BudgetError refuses a document that needs more memory than the process may use for
// documents. A process with a greater budget may read it.
type BudgetError struct{ Bytes, Budget int64 }

func (e *BudgetError) Error() string {
	return fmt.Sprintf("it needs %d MiB of memory, more than the %d MiB that this process may use", e.Bytes>>20+1, e.Budget>>20)
}

// take waits for n bytes of a share. The function that it returns gives them back, and may
// be called more than once. A nil budget has no bounds.
func (b *Budget) take(ctx context.Context, of func(*Budget) share, n int64) (func(), error) {
	if b == nil || n <= free {
		return func() {}, nil
	}
	s := of(b)
	if n > s.size {
		return nil, &BudgetError{n, s.size}
	}
	if err := s.sem.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { s.sem.Release(n) }), nil
}

type holderKey struct{}

// holder keeps the share of the document that was loaded last.
type holder struct{ release func() }

// Hold returns a context in which the share of a decoded document is kept until the next
// one is loaded or release is called, for callers that use a document after its load. The
// context must not be used by several goroutines at once.
func Hold(ctx context.Context) (held context.Context, release func()) {
	h := &holder{release: func() {}}
	return context.WithValue(ctx, holderKey{}, h), func() { h.release() }
}

// drop gives back what the context holds.
func drop(ctx context.Context) {
	if h, ok := ctx.Value(holderKey{}).(*holder); ok {
		h.release()
	}
}

// keep gives the share back at once, or when the context no longer holds it.
func keep(ctx context.Context, release func()) {
	if h, ok := ctx.Value(holderKey{}).(*holder); ok {
		h.release = release
		return
	}
	release()
}

// The greatest sizes of what a JSON object is decoded to: of an element of a list of the
// document, such as a version of a parameter, and of an object within it. Lists grow by a
// quarter.
const (
	elementSize = 256
	objectSize  = 64
)

// weigh returns an estimate of the memory of a decoded document, in bytes. Strings are at
// most as long as in the text.
func weigh(text []byte) int64 {
	n, depth, quoted := int64(len(text)), 0, false
	count := func(c string) int64 { return int64(bytes.Count(text, []byte(c))) }
	if most := n + elementSize*count("{") + 16*(count("[")+count(",")); most <= free {
		return most // it needs no share either way
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' && depth <= 2: // in a list of the document itself
			n += elementSize
			depth++
		case c == '{':
			n += objectSize
			depth++
		case c == '[', c == ',' && depth > 2:
			n += 16
			if c == '[' {
				depth++
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return n
}
