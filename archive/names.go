package archive

import (
	"cmp"
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// The register of names has an empty object for each parameter that has an index, written
// once before the index. So a name in the register without an index is hidden, not absent.
// Its object versions are listed, because a delete marker must not hide an entry.

func entryKey(name ssmbak.Name) string { return namesPrefix + string(name) }

// nameOfEntry returns the parameter whose entry in the register has the key.
func nameOfEntry(key string) (ssmbak.Name, bool) {
	text, ok := strings.CutPrefix(key, namesPrefix)
	if !ok {
		return "", false
	}
	return nameOfValue(text)
}

// Entry is the entry of a name in the register.
type Entry struct {
	Name ssmbak.Name
	// Hidden says that the entry has a delete marker. It proves the same.
	Hidden bool
}

// Register lists the entries below the target's path by name, including hidden ones, with
// one request per 1,000. An error is the last thing that it yields.
func (a *Archive) Register(ctx context.Context, target ssmbak.Target) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		last := ssmbak.Name("")
		for v, err := range a.bucket.Versions(ctx, below(target, namesPrefix)) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			name, ok := nameOfEntry(v.Key)
			if !ok || !target.Below(name) || name == last {
				continue
			}
			last = name
			// The first version of a key is the current one.
			if !yield(Entry{Name: name, Hidden: v.Marker}, nil) {
				return
			}
		}
	}
}

// RegisterName writes the entry of a name, unless there is one. wrote reports whether it
// did.
func (w *Writer) RegisterName(ctx context.Context, name ssmbak.Name) (wrote bool, err error) {
	return w.register(ctx, name)
}

func (a *Archive) register(ctx context.Context, name ssmbak.Name) (wrote bool, err error) {
	return a.bucket.Create(ctx, entryKey(name))
}

// registered reports whether the register has a name, with one request.
func (a *Archive) registered(ctx context.Context, name ssmbak.Name) (bool, error) {
	v, err := a.entry(ctx, name)
	return v.ID != "", err
}

// entry returns the current version of a name's entry in the register, which may be a
// delete marker. Its ID is "" if there is none.
func (a *Archive) entry(ctx context.Context, name ssmbak.Name) (bucket.Version, error) {
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: entryKey(name), PageSize: 1}) {
		if err != nil || v.Key != entryKey(name) {
			return bucket.Version{}, err
		}
		return v, nil
	}
	return bucket.Version{}, nil
}

// unchecked reports whether readers do not find hidden indexes, because the register is not
// complete yet. A bucket without an archive has no indexes.
func (a *Archive) unchecked(r Reconciled) bool { return a.exists && r.Names.IsZero() }

// KnownIndex is [Archive.Index], but if there is no index and the register has the name,
// the error is a [*MissingIndexError]. That takes one more request.
func (a *Archive) KnownIndex(ctx context.Context, name ssmbak.Name, r Reconciled) (Index, error) {
	x, err := a.Index(ctx, name)
	if err != nil || x.Exists || r.Names.IsZero() {
		return x, err
	}
	registered, err := a.registered(ctx, name)
	if err != nil || !registered {
		return x, err
	}
	// It may have been written in between.
	if x, err = a.Index(ctx, name); err == nil && !x.Exists {
		err = a.missingIndex(name)
	}
	return x, err
}

// known yields the parameters below the target's path that have an index or, with register,
// an entry in the register, in the byte order of their names. An error is the last thing
// that it yields. skip says which indexes need not be read, none if it is nil.
func (a *Archive) known(ctx context.Context, target ssmbak.Target, register bool, skip func(Listed) bool) iter.Seq2[source, error] {
	indexes := func(ctx context.Context) iter.Seq2[source, error] {
		return func(yield func(source, error) bool) {
			for x, err := range a.Indexes(ctx, target) {
				if !yield(source{name: x.Name, unchanged: err == nil && skip != nil && skip(x)}, err) {
					return
				}
			}
		}
	}
	if !register {
		return indexes(ctx)
	}
	return merged(ctx, indexes, func(ctx context.Context) iter.Seq2[source, error] {
		return func(yield func(source, error) bool) {
			for e, err := range a.Register(ctx, target) {
				if !yield(source{name: e.Name}, err) {
					return
				}
			}
		}
	})
}

// merged yields the parameters of two listings that are sorted by name, each once: as in one,
// if both have it. It reads both concurrently, and a page ahead.
func merged(ctx context.Context, one, other func(context.Context) iter.Seq2[source, error]) iter.Seq2[source, error] {
	return func(yield func(source, error) bool) {
		var reading sync.WaitGroup
		defer reading.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ones, others := make(chan sourceOrError, 1000), make(chan sourceOrError, 1000)
		reading.Go(func() { send(ctx, ones, one(ctx)) })
		reading.Go(func() { send(ctx, others, other(ctx)) })
		x, hasX := <-ones
		y, hasY := <-others
		for hasX || hasY {
			if err := cmp.Or(x.err, y.err); err != nil {
				yield(source{}, err)
				return
			}
			next := x.source
			if !hasX || hasY && y.name < x.name {
				next = y.source
			}
			if !yield(next, nil) {
				return
			}
			if hasX && x.name == next.name {
				x, hasX = <-ones
			}
			if hasY && y.name == next.name {
				y, hasY = <-others
			}
		}
		if err := ctx.Err(); err != nil { // the listings ended early
			yield(source{}, err)
		}
	}
}

// sourceOrError is an element of a listing.
type sourceOrError struct {
	source
	err error
}

// send sends a listing to a channel, and closes it.
func send(ctx context.Context, to chan<- sourceOrError, listing iter.Seq2[source, error]) {
	defer close(to)
	for s, err := range listing {
		select {
		case to <- sourceOrError{s, err}:
		case <-ctx.Done():
			return
		}
	}
}
