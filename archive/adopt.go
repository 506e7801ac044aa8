package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// clockSkew is how far the clock of a writer may be from S3's at most: S3 refuses
// requests that are signed with one that differs by more.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
const clockSkew = 15 * time.Minute

// adoption is what stands in .ssmbak/adopted.
type adoption struct {
	Format int `json:"format"`
	Reader int `json:"reader,omitempty"`
	// Adopted is when the last listing of what the original ssmbak recorded
	// began: every parameter of which anything stood there by then has an index.
	Adopted time.Time `json:"adopted"`
}

// Adopt finishes what the original ssmbak recorded in this bucket: each
// parameter that only it knows, deleted ones too, gets an index that holds what
// it recorded. Then the archive is marked as adopted, and readers of a path need
// no longer list object versions. It does nothing in an archive to which the
// original did not write before, or that is adopted.
//
// n counts the indexes that were written. Problems are the parameters for which
// none could be, by name, as with a [*LostIndexError] those whose index was lost;
// then the archive is not marked, and neither is it after an error. Whatever was
// done stays done, and calling Adopt again goes on from there. Other writers may
// be at work, the original too.
//
// It costs one request per 1,000 object versions in the bucket, three for each
// parameter that has no index, and one for each of their object versions.
func (a *Archive) Adopt(ctx context.Context) (n int, problems []Problem, err error) {
	if !a.exists || !a.identity.Original {
		return 0, nil, nil
	}
	// Another process may have done it.
	if err := a.readAdoption(ctx); err != nil || a.adopted.Load() != 0 {
		return 0, nil, err
	}
	began := time.Now()
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return 0, nil, fmt.Errorf("adopt bucket %s: %w", a.o.Bucket, err)
	}
	has := make(map[ssmbak.Name]bool)
	for name, err := range a.Names(ctx, everything) {
		if err != nil {
			return 0, nil, err
		}
		has[name] = true
	}
	found, err := legacy.Read(ctx, a.client, a.originalOptions(), everything.Prefix(), func(n ssmbak.Name) bool { return !has[n] })
	if err != nil {
		return 0, nil, fmt.Errorf("read what the original recorded in bucket %s: %w", a.o.Bucket, translate(err))
	}
	names := slices.Sorted(maps.Keys(found.Facts))
	wrote, failed := make([]bool, len(names)), make([]error, len(names))
	var g errgroup.Group
	g.SetLimit(a.o.Parallel)
	for i, name := range names {
		g.Go(func() error {
			if failed[i] = ctx.Err(); failed[i] == nil {
				wrote[i], failed[i] = a.adopt(ctx, name, found.Facts[name])
			}
			return nil
		})
	}
	_ = g.Wait() // failures are kept by name
	for i, name := range names {
		if wrote[i] {
			n++
		}
		if failed[i] != nil {
			problems = append(problems, Problem{name, failed[i]})
		}
	}
	if err := ctx.Err(); err != nil {
		return n, nil, fmt.Errorf("adopt what the original recorded in bucket %s: %w", a.o.Bucket, err)
	}
	if len(problems) > 0 {
		return n, problems, nil
	}
	return n, nil, a.markAdopted(ctx, began)
}

// adopt gives a parameter an index that holds facts, unless it has one by now:
// who made it asked for them too.
//
// The facts must have been read before. A parameter has an index before
// the first value object of ssmbak is written, so where there still is none
// they are the original's, or the index was lost.
func (a *Archive) adopt(ctx context.Context, name ssmbak.Name, facts []timeline.Legacy) (wrote bool, err error) {
	x, err := a.Index(ctx, name)
	if err != nil || x.Exists {
		return false, err
	}
	// What is older than the archive is not ours. LastModified is cut to whole
	// seconds, and clocks differ.
	var young []string
	for _, f := range facts {
		if !f.Deleted && f.LastModified.Add(time.Minute) >= a.since() {
			young = append(young, f.ID)
		}
	}
	ours, err := a.anyOurs(ctx, string(name), young)
	if err != nil {
		return false, err
	}
	if ours {
		return false, &LostIndexError{Name: name}
	}
	known := timeline.Facts{Legacy: facts}
	s, err := a.Update(ctx, x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, known) })
	return s.Wrote, err
}

// markAdopted notes that every parameter of which anything stood in the bucket
// when the listing began has an index.
func (a *Archive) markAdopted(ctx context.Context, began time.Time) error {
	body, err := json.Marshal(adoption{Format: adoptedKind.Format, Adopted: began.UTC().Truncate(time.Millisecond)})
	if err != nil {
		return fmt.Errorf("encode %s: %w", adoptedKey, err)
	}
	_, err = a.put(ctx, put{key: adoptedKey, body: body, contentType: "application/json", absent: true})
	// Another writer may have been faster, or the answer was lost: what stands
	// there decides.
	if err2 := a.readAdoption(ctx); err == nil || err2 != nil {
		return err2
	}
	if a.adopted.Load() == 0 {
		return fmt.Errorf("write %s: %w", adoptedKey, err)
	}
	return nil
}

// readAdoption learns whether the archive is adopted.
func (a *Archive) readAdoption(ctx context.Context) error {
	found, err := a.get(ctx, adoptedKey, "")
	if isNotFound(err) {
		return nil
	}
	if isChecksum(err) {
		return &DamagedError{Key: adoptedKey, Err: errChecksum}
	}
	if err != nil {
		return fmt.Errorf("read %s of bucket %s: %w", adoptedKey, a.o.Bucket, err)
	}
	var d adoption
	if _, err := decode(adoptedKey, adoptedKind, found.body, &d); err != nil {
		return err
	}
	if d.Adopted.IsZero() {
		return &DamagedError{Key: adoptedKey, Err: errors.New("it has no time")}
	}
	a.adopted.Store(int64(ssmbak.TimeOf(d.Adopted)))
	return nil
}

// hasOriginals reports whether the original ssmbak may have recorded a parameter
// that has no index: before the archive was made, or beside it, or after it was
// adopted.
func (a *Archive) hasOriginals() bool { return !a.exists || a.identity.Original }

// mayHoldOriginals reports whether readers of a path must look for names without
// an index, as the original ssmbak recorded them.
func (a *Archive) mayHoldOriginals() bool { return a.hasOriginals() && a.adopted.Load() == 0 }

// outlived reports whether one of the facts is so old that the parameter got an
// index when the archive was adopted, so that an index that is missing was lost.
func (a *Archive) outlived(facts []timeline.Legacy) bool {
	adopted := ssmbak.Time(a.adopted.Load())
	return adopted != 0 && slices.ContainsFunc(facts, func(f timeline.Legacy) bool { return f.LastModified.Add(clockSkew) < adopted })
}

// lostIndex reports whether a parameter that has no index once had one: ssmbak
// wrote one of its object versions, or it was adopted.
func (a *Archive) lostIndex(ctx context.Context, name ssmbak.Name, ids []string) (bool, error) {
	ours, err := a.anyOurs(ctx, string(name), ids)
	if err != nil || ours || a.adopted.Load() == 0 {
		return ours, err
	}
	facts, err := legacy.One(ctx, a.client, a.originalOptions(), name)
	if err != nil {
		return false, fmt.Errorf("read what the original recorded of %s: %w", name, translate(err))
	}
	return a.outlived(facts), nil
}
