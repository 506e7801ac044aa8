package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// clockSkew is the greatest difference between the clocks of a writer and of S3: S3
// refuses requests whose signature has a greater one.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
const clockSkew = 15 * time.Minute

// adoption is the content of .ssmbak/adopted.
type adoption struct {
	Format int `json:"format"`
	Reader int `json:"reader,omitempty"`
	// Adopted is when the listing of legacy records began: every parameter that had
	// any by then has an index.
	Adopted time.Time `json:"adopted"`
}

func (d *adoption) latest() ssmbak.Time { return ssmbak.TimeOf(d.Adopted) }

func checkAdoption(_ string, d *adoption) error {
	if d.Adopted.IsZero() {
		return errors.New("it has no time of adoption")
	}
	return nil
}

// Adopt gives each parameter that only the legacy ssmbak recorded, including deleted ones,
// an index with its legacy facts. Then it marks the archive as adopted, so that readers of
// a path no longer list object versions. Other writers, including the legacy ssmbak, may
// work at the same time.
//
// n counts the indexes that were written. problems are the parameters, by name, for which
// no index could be written. With problems or an error the archive is not adopted, and
// calling Adopt again continues.
//
// It sends one request per 1,000 object versions in the bucket, three per parameter without
// an index, and one per object version of those.
func (w *Writer) Adopt(ctx context.Context) (n int, problems []Problem, err error) {
	if !w.exists || !w.identity.Legacy {
		return 0, nil, nil
	}
	// Another process may have adopted it.
	d, err := w.readAdoption(ctx)
	if err == nil && d.Invalid {
		err = w.repairAdoption(ctx, d)
	}
	if err != nil || w.adopted.Load() != 0 {
		return 0, nil, err
	}
	began := time.Now()
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return 0, nil, fmt.Errorf("adopt bucket %s: %w", w.o.Bucket, err)
	}
	has := make(map[ssmbak.Name]bool)
	for name, err := range w.Names(ctx, everything) {
		if err != nil {
			return 0, nil, err
		}
		has[name] = true
	}
	found, err := legacy.Read(ctx, w.bucket, w.legacyOptions(), everything.Prefix(), func(n ssmbak.Name) bool { return !has[n] })
	if err != nil {
		return 0, nil, err
	}
	names := slices.Sorted(maps.Keys(found.Facts))
	wrote, failed := make([]bool, len(names)), make([]error, len(names))
	var g errgroup.Group
	g.SetLimit(w.o.Parallel)
	for i, name := range names {
		g.Go(func() error {
			if failed[i] = ctx.Err(); failed[i] == nil {
				wrote[i], failed[i] = w.adopt(ctx, name, found.Facts[name])
			}
			return nil
		})
	}
	_ = g.Wait() // failures are in failed
	for i, name := range names {
		if wrote[i] {
			n++
		}
		if failed[i] != nil {
			problems = append(problems, Problem{name, failed[i]})
		}
	}
	if err := ctx.Err(); err != nil {
		return n, nil, fmt.Errorf("adopt the legacy records of bucket %s: %w", w.o.Bucket, err)
	}
	if len(problems) > 0 {
		return n, problems, nil
	}
	return n, nil, w.markAdopted(ctx, began)
}

// adopt writes an index with the legacy facts, unless there is one by now, whose writer
// has read the facts too.
//
// The facts must have been read before the call. A parameter gets its index before its
// first value object of this ssmbak, so if there is still no index, they are legacy
// facts or the index was deleted.
func (w *Writer) adopt(ctx context.Context, name ssmbak.Name, facts []timeline.Legacy) (wrote bool, err error) {
	x, err := w.Index(ctx, name)
	if err != nil || x.Exists {
		return false, err
	}
	var recent []string
	for _, f := range facts {
		if !f.Deleted && !w.predates(f.LastModified) {
			recent = append(recent, f.ID)
		}
	}
	ours, err := w.anyOurs(ctx, string(name), recent)
	if err != nil {
		return false, err
	}
	if ours {
		return false, &MissingIndexError{Name: name}
	}
	known := timeline.Facts{Legacy: facts}
	s, err := w.Update(ctx, x, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, known) })
	return s.Wrote, err
}

// markAdopted records that every parameter with an object version or delete marker in
// the bucket when the listing began has an index.
func (w *Writer) markAdopted(ctx context.Context, began time.Time) error {
	out, err := swap(ctx, w.Archive, &adoptedKind, adoptedKey, bucket.Document[adoption]{}, func(d bucket.Document[adoption]) (adoption, bool, error) {
		return adoption{Adopted: began.UTC().Truncate(time.Millisecond)}, !d.Exists, nil
	})
	if err == nil {
		w.adopted.Store(int64(ssmbak.TimeOf(out.Value.Adopted)))
	}
	return err
}

// repairAdoption replaces .ssmbak/adopted, which is damaged, by its newest intact version.
func (w *Writer) repairAdoption(ctx context.Context, d bucket.Document[adoption]) error {
	_, err := swap(ctx, w.Archive, &adoptedKind, adoptedKey, d, func(d bucket.Document[adoption]) (adoption, bool, error) {
		return d.Value, d.Invalid, nil
	})
	return err
}

// readAdoption reads whether the archive is adopted.
func (a *Archive) readAdoption(ctx context.Context) (bucket.Document[adoption], error) {
	d, err := load(ctx, a, &adoptedKind, adoptedKey)
	if err == nil && d.Exists {
		a.adopted.Store(int64(ssmbak.TimeOf(d.Value.Adopted)))
	}
	return d, err
}

// predates reports whether an object version was certainly stored before the archive
// was created, and so by the legacy ssmbak. LastModified has a precision of one second,
// and clocks differ.
func (a *Archive) predates(modified ssmbak.Time) bool { return modified.Add(time.Minute) < a.since() }

// hasLegacy reports whether the legacy ssmbak may have recorded a parameter that has
// no index.
func (a *Archive) hasLegacy() bool { return !a.exists || a.identity.Legacy }

// listsLegacy reports whether readers of a path must list legacy records of names
// without an index.
func (a *Archive) listsLegacy() bool { return a.hasLegacy() && a.adopted.Load() == 0 }

// LegacyFacts returns the legacy facts about a parameter that has no index. The error is
// a [*MissingIndexError] if this ssmbak wrote object versions of it, or if it had an
// index since the archive was adopted: then the index was deleted.
func (a *Archive) LegacyFacts(ctx context.Context, name ssmbak.Name) ([]timeline.Legacy, error) {
	current, err := a.Current(ctx, name)
	if err != nil || current.ID == "" {
		return nil, err
	}
	if a.exists {
		all, err := a.bucket.History(ctx, string(name))
		if err != nil {
			return nil, err
		}
		recent := slices.DeleteFunc(all, func(v bucket.Version) bool { return a.predates(v.Modified) })
		ours, err := a.anyOurs(ctx, string(name), valueIDs(recent))
		if err != nil {
			return nil, err
		}
		if ours {
			return nil, &MissingIndexError{Name: name}
		}
	}
	facts, err := legacy.One(ctx, a.bucket, a.legacyOptions(), name)
	if err != nil {
		return nil, err
	}
	if a.wasAdopted(facts) {
		return nil, &MissingIndexError{Name: name}
	}
	return facts, nil
}

// legacyOptions exclude what was stored after the adoption: every legacy record had
// become a fact by then, so any program may have written it.
func (a *Archive) legacyOptions() legacy.Options {
	return legacy.Options{Parallel: a.o.Parallel, Until: ssmbak.Time(a.adopted.Load())}
}

// wasAdopted reports whether one of the facts predates the adoption, so that the
// parameter got an index then.
func (a *Archive) wasAdopted(facts []timeline.Legacy) bool {
	adopted := ssmbak.Time(a.adopted.Load())
	return adopted != 0 && slices.ContainsFunc(facts, func(f timeline.Legacy) bool { return f.LastModified.Add(clockSkew) < adopted })
}

// missesIndex reports whether a parameter without an index once had one: this ssmbak
// wrote one of its object versions, or it was adopted.
func (a *Archive) missesIndex(ctx context.Context, name ssmbak.Name, ids []string) (bool, error) {
	ours, err := a.anyOurs(ctx, string(name), ids)
	if err != nil || ours || a.adopted.Load() == 0 {
		return ours, err
	}
	facts, err := legacy.One(ctx, a.bucket, a.legacyOptions(), name)
	return a.wasAdopted(facts), err
}
