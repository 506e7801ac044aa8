package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// essential lists the objects that concern all of the archive. An archive in which one of
// them has a delete marker is refused. If one of them is damaged, its newest intact version
// is read instead: it is still true, and says less.
var essential = []string{identityKey, reconciledKey, adoptedKey}

const (
	// earlierVersions bounds the object versions of an essential object that are read.
	earlierVersions = 200
	// memory is for how long the writer of a complete listing looks back for what other
	// programs removed from .ssmbak/reconciled: longer than the time between two listings.
	memory = 25 * time.Hour
)

// intact returns the newest intact version of an essential object whose current version d
// is damaged, as the contents of the current one, so that a swap replaces that.
func intact[T any](ctx context.Context, a *Archive, kind *bucket.Kind[T], key string, d bucket.Document[T], damage error) (bucket.Document[T], error) {
	read := 0
	for v, err := range a.bucket.Versions(ctx, bucket.Listing{Prefix: key}) {
		if err != nil {
			return d, err
		}
		if read++; v.Key != key || read > earlierVersions {
			break
		}
		if v.Marker {
			continue
		}
		old, err := kind.Load(ctx, a.bucket, key, v.ID)
		if _, newer := errors.AsType[*bucket.NewerError](err); newer || old.Invalid || err == nil && !old.Exists {
			continue
		}
		if err != nil {
			return d, err
		}
		a.o.Logger.WarnContext(ctx, "an object of the archive is damaged: using an older version of it", "key", key, "version", v.ID, "stored", v.Modified.String(), "error", damage.Error())
		d.Value, d.Unknown = old.Value, old.Unknown
		if unsigned, ok := errors.AsType[*SignatureError](damage); ok {
			d.Unsigned = unsigned
		}
		return d, nil
	}
	return d, damage
}

// damageOf returns why an object version of an essential object cannot be decoded, nil if it
// can. Signatures are not its subject.
func (a *Archive) damageOf(ctx context.Context, key, id string) (why, err error) {
	invalid := false
	switch key {
	case identityKey:
		invalid, err = isInvalid(ctx, a, &identityKind, key, id)
	case reconciledKey:
		invalid, err = isInvalid(ctx, a, &reconciledKind, key, id)
	case adoptedKey:
		invalid, err = isInvalid(ctx, a, &adoptedKind, key, id)
	}
	switch {
	case invalid && !isUnsigned(err):
		return err, nil
	case invalid:
		return nil, nil
	}
	return nil, a.documentError(key, err)
}

func isInvalid[T any](ctx context.Context, a *Archive, kind *bucket.Kind[T], key, id string) (bool, error) {
	d, err := kind.Load(ctx, a.bucket, key, id)
	return d.Invalid, err
}

// RestoreIdentity writes the identity again if another program changed what never changes:
// account, region, beginning, and how it is signed except by the stack. It reports whether
// it did.
func (w *Writer) RestoreIdentity(ctx context.Context) (bool, error) {
	all, err := w.bucket.History(ctx, identityKey)
	if err != nil || len(all) < 2 {
		return false, err
	}
	for _, v := range slices.Backward(all) {
		if v.Marker {
			continue
		}
		first, err := identityKind.Load(ctx, w.bucket, identityKey, v.ID)
		if first.Invalid || err == nil && !first.Exists {
			continue
		}
		if err != nil {
			return false, err
		}
		base, err := load(ctx, w.Archive, &identityKind, identityKey)
		if err != nil {
			return false, err
		}
		signing, err := w.recordedSigning(ctx, all, base.Value.Signing)
		if err != nil {
			return false, err
		}
		out, err := swap(ctx, w.Archive, &identityKind, identityKey, base, func(d bucket.Document[Identity]) (Identity, bool, error) {
			next := d.Value
			next.Signing = signing
			next.Account, next.Region, next.Created, next.Legacy = first.Value.Account, first.Value.Region, first.Value.Created, first.Value.Legacy
			return next, d.Invalid || next != d.Value, nil
		})
		if err != nil {
			return false, fmt.Errorf("restore the identity of the archive: %w", err)
		}
		if out.Wrote {
			w.identity = out.Value
		}
		return out.Wrote, nil
	}
	return false, nil
}

// recordedSigning returns what the identity is to say about signatures, for a program that
// the stack configures: what the stack says, once an update of the stack has written that.
// all is the history of the identity, and now what its current version says.
func (a *Archive) recordedSigning(ctx context.Context, all []bucket.Version, now Signing) (Signing, error) {
	s := a.o.Signing
	if s == nil || now == *s || *s == (Signing{}) {
		if s != nil {
			now = *s
		}
		return now, nil
	}
	for _, id := range valueIDs(all) {
		old, err := identityKind.Load(ctx, a.bucket, identityKey, id)
		if err != nil && !old.Invalid {
			return now, err
		}
		if old.Value.Signing == *s {
			return *s, nil
		}
	}
	return now, nil
}

// withEarlier adds what the versions of .ssmbak/reconciled of the last day say and the
// current one lacks: its writers only add missed names and past exclusions, and do not
// change the start of the first listing.
func (w *Writer) withEarlier(ctx context.Context, d bucket.Document[Reconciled]) (bucket.Document[Reconciled], error) {
	if !d.Exists {
		return d, nil
	}
	var ids []string // newest first
	since := ssmbak.TimeOf(time.Now().Add(-memory))
	for v, err := range w.bucket.Versions(ctx, bucket.Listing{Prefix: reconciledKey}) {
		if err != nil {
			return d, err
		}
		if v.Key != reconciledKey {
			break
		}
		if !v.Marker && v.ID != d.ID {
			ids = append(ids, v.ID)
		}
		if v.Modified < since || len(ids) >= earlierVersions {
			break
		}
	}
	earlier := make([]*Reconciled, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(min(w.o.Parallel, 8))
	for i, id := range ids {
		g.Go(func() error {
			old, err := reconciledKind.Load(gctx, w.bucket, reconciledKey, id)
			if _, newer := errors.AsType[*bucket.NewerError](err); newer || old.Invalid {
				return nil
			}
			if err == nil && old.Exists {
				earlier[i] = &old.Value
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return d, err
	}
	next := d.Value
	for _, old := range earlier {
		if old != nil {
			next.add(*old)
		}
	}
	if !next.equal(d.Value) {
		w.o.Logger.WarnContext(ctx, "another program replaced an object of the archive: restoring what it lacks", "key", reconciledKey)
		d.Value = next
	}
	return d, nil
}
