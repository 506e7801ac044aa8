package archive

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/plan"
)

// Format is the newest format of an index that this package can read. It writes format 3
// for an index with a redacted version, format 2 for one with runs, and format 1 otherwise.
const Format = 3

// The kinds of objects under .ssmbak/. Each has its own format. The identities are
// those of docs/archive-format.md; a list without an identity has no objects.
//
// Limit bounds the size in bytes, so that no object exhausts a reader's memory: an index
// of 10,000 versions has a tenth of its limit, and a restore record of 100,000 parameters
// a quarter.
var (
	identityKind   = bucket.Kind[Identity]{Format: 2, Needs: readerOfIdentity, Limit: 64 << 10, Latest: (*Identity).latest, Check: checkIdentity}
	adoptedKind    = bucket.Kind[adoption]{Format: 1, Limit: 64 << 10, Latest: (*adoption).latest, Check: checkAdoption}
	reconciledKind = bucket.Kind[Reconciled]{Format: 1, Limit: 64 << 20, Signed: true, NeedsSignature: true, Latest: (*Reconciled).latest, Check: convertFailed, Identities: map[string]bucket.Identity{
		"missed": bucket.By("name"), "once": bucket.By("pattern"),
	}}
	recordKind = bucket.Kind[plan.Document]{Format: 1, Gzip: true, Limit: 256 << 20, Latest: latestOfRecord, Check: checkRecord, Identities: map[string]bucket.Identity{
		"items":                        bucket.By("name"),
		"items.before.version.objects": bucket.By("id", "written"),
		"items.after.version.objects":  bucket.By("id", "written"),
		"items.after.from":             bucket.By("id", "written"),
		"items.before.from":            bucket.By("id", "written"),
		"items.conflicts":              bucket.By("unit"),
	}}
	testKind = bucket.Kind[TestRecord]{Format: 1, Gzip: true, Limit: 1 << 20, Latest: (*TestRecord).latest, Check: checkTest, Identities: map[string]bucket.Identity{
		"steps": bucket.By("kind", "name", "sent"),
	}}
	markKind  = bucket.Kind[Mark]{Format: 1, Limit: 64 << 10, Latest: (*Mark).latest, Check: checkMark}
	cacheKind = bucket.Kind[cacheDocument]{Format: cacheFormat, Gzip: true, Limit: 256 << 20, Signed: true}
	indexKind = bucket.Kind[indexDocument]{
		Format: Format, Needs: readerOfIndex, Gzip: true, Limit: 64 << 20, Signed: true, Latest: (*indexDocument).latest, Check: checkIndex, Identities: factIdentities,
	}
	partKind = bucket.Kind[partDocument]{Format: 1, Gzip: true, Limit: 8 << 20, Latest: (*partDocument).latest, Check: checkPart, Identities: factIdentities}
)

// factIdentities are the identities of facts.
var factIdentities = map[string]bucket.Identity{
	"versions":         bucket.By("number", "time"),
	"versions.objects": bucket.By("id", "written"),
	"deletions":        bucket.By("event"),
	"looks":            lookIdentity,
	"tags":             bucket.By("tags", "event", "second", "counter", "sure", "seen"),
	"labels":           bucket.By("labels", "event", "second", "sure", "seen"),
	"traces":           bucket.By("event"),
	"originals":        bucket.By("id"),
	"runs":             bucket.By("first", "last", "part"),
	"calls":            bucket.By("event"),
}

// lookIdentity identifies an observation: by its newest version, or by its times if the
// parameter did not exist.
func lookIdentity(fields map[string]json.RawMessage) string {
	if fields["gone"] != nil {
		return bucket.By("sure", "seen")(fields)
	}
	return bucket.By("newest")(fields)
}

// load reads a document. A document that does not exist is not an error. A document whose
// key has a delete marker is a [*HiddenError] if it is essential, and not an error
// otherwise. The error may also be a [*FormatError], or a [*DamagedError] if no version of
// an essential document is intact.
func load[T any](ctx context.Context, a *Archive, kind *bucket.Kind[T], key string) (bucket.Document[T], error) {
	d, err := kind.Load(ctx, a.bucket, key, "")
	switch required := slices.Contains(essential, key); {
	case errors.Is(err, bucket.ErrDeleted) && required:
		err = &HiddenError{Bucket: a.o.Bucket, Key: key}
	case errors.Is(err, bucket.ErrDeleted):
		err = nil
	case d.Invalid && required:
		d, err = intact(ctx, a, kind, key, d, err)
	}
	return d, a.documentError(key, err)
}

// swap replaces a document by compare-and-swap, see [bucket.Kind.Swap].
func swap[T any](
	ctx context.Context, a *Archive, kind *bucket.Kind[T], key string, base bucket.Document[T], change func(bucket.Document[T]) (T, bool, error),
) (bucket.Swap[T], error) {
	return kind.Swap(ctx, a.bucket, key, base, change, func(ctx context.Context) (bucket.Document[T], error) { return load(ctx, a, kind, key) })
}

// overwrite replaces a document like swap. A damaged one counts as none for the caller, and
// is replaced, too.
func overwrite[T any](ctx context.Context, a *Archive, kind *bucket.Kind[T], key string, change func(bucket.Document[T]) (T, bool, error)) error {
	read := func(ctx context.Context) (bucket.Document[T], error) {
		found, err := load(ctx, a, kind, key)
		if found.Invalid {
			err = nil
		}
		return found, err
	}
	base, err := read(ctx)
	if err != nil {
		return err
	}
	_, err = kind.Swap(ctx, a.bucket, key, base, change, read)
	return a.documentError(key, err)
}

// documentError converts an error of package bucket about the contents of an object to
// a [*FormatError] or a [*DamagedError]. The latter includes an object that needs more
// memory than any that was ever written.
func (a *Archive) documentError(key string, err error) error {
	if greater, ok := errors.AsType[*BudgetError](err); ok && a.o.Budget >= defaultBudget {
		err = &bucket.InvalidError{Err: greater}
	}
	if newer, ok := errors.AsType[*bucket.NewerError](err); ok {
		return &FormatError{Bucket: a.o.Bucket, Key: key, Format: newer.Reader, Supported: newer.Format}
	}
	if invalid, ok := errors.AsType[*bucket.InvalidError](err); ok {
		name, _ := nameOfIndex(key)
		return &DamagedError{Name: name, Bucket: a.o.Bucket, Key: key, Err: invalid.Err}
	}
	return err
}
