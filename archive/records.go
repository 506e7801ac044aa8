package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/plan"
)

// ErrNoRestore means that no restore with an ID is recorded.
var ErrNoRestore = errors.New("no such restore is recorded")

// restoreID matches an ID: the second in which the restore began, so that IDs sort by
// time, and a random suffix.
var restoreID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-z]{1,32}$`)

// NewRestoreID returns an ID for a restore that begins now. The suffix, 1 to 32
// lower-case letters and digits, makes it unique.
func NewRestoreID(now time.Time, suffix string) string {
	return now.UTC().Format("20060102T150405Z") + "-" + suffix
}

func latestOfRecord(r *plan.Document) ssmbak.Time {
	return max(ssmbak.TimeOf(r.Began), ssmbak.TimeOf(r.Ended))
}

func checkRecord(key string, r *plan.Document) error {
	if key != recordsPrefix+r.ID {
		return fmt.Errorf("it is the record of %q", r.ID)
	}
	for _, x := range r.Items {
		// Otherwise undo would write the value of another parameter.
		if x.Before != nil && x.Before.Source != x.Name {
			return fmt.Errorf("it has a value of %s for %s", x.Before.Source, x.Name)
		}
	}
	return nil
}

// BeginRestore writes the record of a restore, with everything that an undo needs. It must
// return before the first parameter is changed. It fails if the ID is in use.
func (a *Archive) BeginRestore(ctx context.Context, r *plan.Document) error {
	return a.saveRecord(ctx, r, true)
}

// EndRestore replaces the record that [Archive.BeginRestore] wrote with one that has the
// outcome.
func (a *Archive) EndRestore(ctx context.Context, r *plan.Document) error {
	return a.saveRecord(ctx, r, false)
}

func (a *Archive) saveRecord(ctx context.Context, r *plan.Document, first bool) error {
	if !restoreID.MatchString(r.ID) {
		return fmt.Errorf("%q is not the ID of a restore", r.ID)
	}
	r.Writer = a.writer
	return a.putRecord(ctx, "restore "+r.ID, recordsPrefix+r.ID, first, func() ([]byte, error) { return recordKind.Encode(r, bucket.Unknown{}) })
}

// putRecord writes the record of a restore or a test, what. The first write fails if there
// is a record with the key.
func (a *Archive) putRecord(ctx context.Context, what, key string, first bool, encode func() ([]byte, error)) error {
	body, err := encode()
	if err != nil {
		return fmt.Errorf("encode the record of %s: %w", what, err)
	}
	_, _, err = a.bucket.Put(ctx, bucket.Write{Key: key, Body: body, ContentType: "application/gzip", Absent: first})
	if first && errors.Is(err, bucket.ErrConflict) {
		// An earlier attempt of the same request may have written it.
		if found, readErr := a.bucket.Get(ctx, key, "", int64(len(body))); readErr == nil && bytes.Equal(found.Body, body) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", what, err)
	}
	return nil
}

// RestoreRecord reads the record of one restore. The error is [ErrNoRestore] if there is
// none, and may be a [*FormatError] or a [*DamagedError].
func (a *Archive) RestoreRecord(ctx context.Context, id string) (*plan.Document, error) {
	return readRecord(ctx, a, &recordKind, recordsPrefix, id, ErrNoRestore)
}

// readRecord reads the record of a restore or a test. The error wraps absent if there is
// none.
func readRecord[T any](ctx context.Context, a *Archive, kind *bucket.Kind[T], prefix, id string, absent error) (*T, error) {
	if !restoreID.MatchString(id) {
		return nil, fmt.Errorf("%w: %q is not the ID of one", absent, id)
	}
	d, err := load(ctx, a, kind, prefix+id)
	switch {
	case err != nil:
		return nil, err
	case !d.Exists:
		return nil, fmt.Errorf("%w: %s", absent, id)
	}
	return &d.Value, nil
}

// RestoreIDs returns the IDs of the recorded restores that begin with a prefix, newest first.
func (a *Archive) RestoreIDs(ctx context.Context, prefix string) (ids []string, err error) {
	return a.recordIDs(ctx, recordsPrefix, prefix)
}

// recordIDs returns the IDs below a prefix of keys that begin with a text, newest first.
func (a *Archive) recordIDs(ctx context.Context, prefix, begin string) (ids []string, err error) {
	for o, err := range a.bucket.Objects(ctx, bucket.Listing{Prefix: prefix + begin}) {
		if err != nil {
			return nil, err
		}
		if id := strings.TrimPrefix(o.Key, prefix); restoreID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

// RestoreRecords reads the records of the newest restores, newest first: at most limit of
// them, all if limit is 0. more counts the older ones. The error names the records that
// cannot be read; all are the others.
func (a *Archive) RestoreRecords(ctx context.Context, limit int) (all []*plan.Document, more int, err error) {
	ids, err := a.RestoreIDs(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	if limit > 0 && len(ids) > limit {
		ids, more = ids[:limit], len(ids)-limit
	}
	all = make([]*plan.Document, len(ids))
	unreadable := make([]error, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(min(a.o.Parallel, 8)) // a record may be large
	for i, id := range ids {
		g.Go(func() (err error) {
			all[i], err = a.RestoreRecord(gctx, id)
			if Unreadable(err) || Unavailable(err) {
				unreadable[i], err = err, nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	all = slices.DeleteFunc(all, func(r *plan.Document) bool { return r == nil })
	slices.SortStableFunc(all, newerRestore)
	return all, more, errors.Join(unreadable...)
}

// newerRestore compares restores by the second in their ID, and within a second by when
// they began, newest first.
func newerRestore(a, b *plan.Document) int {
	return cmp.Or(cmp.Compare(second(b.ID), second(a.ID)), b.Began.Compare(a.Began))
}

// second returns the second in the ID of a restore.
func second(id string) string { return strings.SplitN(id, "-", 2)[0] }

// NewestRestores reads the records of restores one by one, newest first; the order of those
// that began within a millisecond is unknown. An error is the last element; a record that
// cannot be read is one that names it.
func (a *Archive) NewestRestores(ctx context.Context) iter.Seq2[*plan.Document, error] {
	return func(yield func(*plan.Document, error) bool) {
		ids, err := a.RestoreIDs(ctx, "")
		if err != nil {
			yield(nil, err)
			return
		}
		var records []*plan.Document
		for i, id := range ids {
			r, err := a.RestoreRecord(ctx, id)
			if err != nil {
				yield(nil, err)
				return
			}
			if records = append(records, r); i+1 < len(ids) && second(ids[i+1]) == second(id) {
				continue
			}
			slices.SortStableFunc(records, newerRestore)
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
			records = nil
		}
	}
}
