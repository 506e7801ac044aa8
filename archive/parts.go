package archive

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// PartLimits say when the interior of a run is moved from an index to a part. The zero
// value stands for the defaults.
type PartLimits struct {
	timeline.Limits
	// Versions is the number of versions, and Bytes the size of the facts, above which
	// an index is divided.
	Versions, Bytes int
	// Most is the size of an index in bytes, as JSON, above which it is not written where
	// indexes are divided; 4 MiB if zero.
	Most int64
}

// defaultParts keeps more versions in an index than Parameter Store has in a history,
// 100, so that no version in a part is recorded again.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
var defaultParts = PartLimits{Limits: timeline.Limits{Keep: 150, Least: 64, Most: 300, Runs: 64}, Versions: 300, Bytes: 128 << 10}

// maxIndex is the greatest index that is written where indexes are divided, in bytes of
// JSON. Readers accept one of 64 MiB, which earlier programs may have written.
const maxIndex = 4 << 20

func (w *Writer) partLimits() PartLimits {
	if w.o.Parts == (PartLimits{}) {
		return defaultParts
	}
	return w.o.Parts
}

// mostBytes returns the size above which [Writer.Update] writes no index. Where indexes are
// not divided, it is only that above which readers would refuse it: a parameter that
// changes often is recorded as long as possible.
func (w *Writer) mostBytes() int64 {
	if !w.identity.Parts {
		return 0
	}
	return cmp.Or(w.partLimits().Most, maxIndex)
}

// partDocument is a part in the bucket. It is written once.
type partDocument struct {
	Format int          `json:"format"`
	Reader int          `json:"reader,omitempty"`
	Name   ssmbak.Name  `json:"name"`
	First  timeline.Ref `json:"first"`
	Last   timeline.Ref `json:"last"`
	timeline.Facts
}

func (d *partDocument) latest() ssmbak.Time { return d.Facts.Latest() }

// maxKey is S3's limit for a key, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const maxKey = 1024

func partKey(name ssmbak.Name, id string) string { return partPrefix + string(name) + "/" + id }

func checkPart(key string, d *partDocument) error {
	if len(d.Name) == 0 || len(key) <= len(partKey(d.Name, "")) || key[:len(partKey(d.Name, ""))] != partKey(d.Name, "") {
		return fmt.Errorf("it is a part of %q", d.Name)
	}
	d.Facts = timeline.Canonical(d.Facts)
	return nil
}

// readerOfIndex returns the least format that a reader of an index must support: one
// that does not know runs would take the versions in parts for missing, and one that does
// not know redactions would record the values again.
func readerOfIndex(d *indexDocument) int {
	switch {
	case slices.ContainsFunc(d.Versions, func(v timeline.Version) bool { return !v.Redacted.IsZero() }):
		return 3
	case len(d.Runs) > 0:
		return 2
	}
	return 1
}

// readPart reads the part of a run. The error is a [*DamagedError] if it is missing or
// not the object that the index names, and a [*FormatError] if only a newer ssmbak can
// read it: both concern the moments of the run only.
func (a *Archive) readPart(ctx context.Context, name ssmbak.Name, r timeline.Run) (timeline.Facts, error) {
	key := partKey(name, r.Part.ID)
	damaged := func(err error) error { return &DamagedError{Name: name, Bucket: a.o.Bucket, Key: key, Err: err} }
	o, err := a.bucket.Get(ctx, key, r.Part.Object, partKind.Limit)
	wrong, isWrong := errors.AsType[*bucket.InvalidError](err)
	switch {
	case a.notReplicated(err):
		return timeline.Facts{}, &NotReplicatedError{Name: name, Key: key}
	case errors.Is(err, bucket.ErrNotFound), bucket.IsInvalid(err):
		return timeline.Facts{}, damaged(errors.New("the object version that the index names does not exist"))
	case isWrong:
		return timeline.Facts{}, damaged(wrong.Err)
	case err != nil:
		return timeline.Facts{}, fmt.Errorf("read %s of bucket %s: %w", key, a.o.Bucket, err)
	}
	if sum := sha256.Sum256(o.Body); hex.EncodeToString(sum[:]) != r.Part.SHA256 {
		return timeline.Facts{}, damaged(errors.New("its SHA-256 is not that in the index"))
	}
	d, _, err := partKind.DecodeObject(ctx, a.bucket, o)
	if invalid, ok := errors.AsType[*bucket.InvalidError](err); ok {
		return timeline.Facts{}, damaged(invalid.Err)
	}
	if err == nil && (d.Name != name || d.First != r.First || d.Last != r.Last) {
		err = damaged(errors.New("it is the part of another run"))
	}
	return d.Facts, a.documentError(key, err)
}

// opened adds parts to the facts of an index: as long as next returns a run, that of its
// part. problem is the error of the last part that could not be read; such a run
// remains, and next is not to return it again.
func (a *Archive) opened(ctx context.Context, name ssmbak.Name, f timeline.Facts, next func(f timeline.Facts, failed []timeline.Run) (timeline.Run, bool)) (facts timeline.Facts, problem, err error) {
	var failed []timeline.Run
	for {
		r, ok := next(f, failed)
		if !ok {
			return f, problem, nil
		}
		part, err := a.readPart(ctx, name, r)
		_, damaged := errors.AsType[*DamagedError](err)
		_, newer := errors.AsType[*FormatError](err)
		_, absent := errors.AsType[*NotReplicatedError](err)
		switch {
		case damaged || newer || absent:
			failed, problem = append(failed, r), err
		case err != nil:
			return f, problem, err
		default:
			f = f.Open(r, part)
		}
	}
}

// allParts is for [Archive.opened]: every run, also those in parts.
func allParts(f timeline.Facts, failed []timeline.Run) (timeline.Run, bool) {
	for _, r := range f.Runs {
		if !slices.Contains(failed, r) {
			return r, true
		}
	}
	return timeline.Run{}, false
}

// partsAt is for [Archive.opened]: the runs that contain one of the moments.
func partsAt(name ssmbak.Name, moments []ssmbak.Time) func(timeline.Facts, []timeline.Run) (timeline.Run, bool) {
	return func(f timeline.Facts, failed []timeline.Run) (timeline.Run, bool) {
		if len(f.Runs) == len(failed) {
			return timeline.Run{}, false
		}
		t := timeline.New(name, f, timeline.Coverage{})
		for _, at := range moments {
			if r, ok := t.RunAt(at); ok && !slices.Contains(failed, r) {
				return r, true
			}
		}
		return timeline.Run{}, false
	}
}

// DivideIndexes lets the writers of the archive divide the indexes of busy parameters, see
// [Writer.CloseRun]. Every program that records in it must support that. It does nothing if
// the archive does not exist.
func (a *Archive) DivideIndexes(ctx context.Context) error {
	base, err := load(ctx, a, &identityKind, identityKey)
	if err != nil || !base.Exists {
		return err
	}
	out, err := swap(ctx, a, &identityKind, identityKey, base, func(d bucket.Document[Identity]) (Identity, bool, error) {
		id := d.Value
		id.Parts = true
		return id, d.Exists && !d.Value.Parts, nil
	})
	if err == nil && out.Exists {
		a.identity = out.Value
	}
	return err
}

// CloseRun moves the interior of the oldest run of an index to a part if the index exceeds
// its limits, and returns the index after that. It does so only if the archive's identity
// allows it, and leaves the run to a later call if the index changes at the same time.
func (w *Writer) CloseRun(ctx context.Context, x Index) (after Index, closed bool, err error) {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails, see crypto/rand.Read
	key := partKey(x.Name, hex.EncodeToString(id))
	limits := w.partLimits()
	if !w.identity.Parts || len(key) > maxKey || !limits.exceededBy(x.Facts) {
		return x, false, nil
	}
	c, ok := timeline.New(x.Name, x.Facts, timeline.Coverage{}).Close(limits.Limits)
	if !ok {
		return x, false, nil
	}
	part := partDocument{Name: x.Name, Facts: c.Part}
	part.First, part.Last = c.Run()
	body, err := partKind.Encode(&part, x.object.Unknown.Elements())
	if err != nil {
		return x, false, fmt.Errorf("encode %s: %w", key, err)
	}
	object, _, err := w.bucket.Put(ctx, bucket.Write{Key: key, Body: body, ContentType: "application/gzip", Absent: true})
	if err != nil {
		return x, false, fmt.Errorf("write %s of bucket %s: %w", key, w.o.Bucket, err)
	}
	sum := sha256.Sum256(body)
	divided := c.Facts(timeline.PartRef{ID: hex.EncodeToString(id), Object: object, SHA256: hex.EncodeToString(sum[:])})
	s, err := w.replace(ctx, x, 0, func(d bucket.Document[indexDocument]) (indexDocument, bool) {
		return indexDocument{Facts: divided, Uncompared: d.Value.Uncompared}, d.ETag == x.ETag()
	}, w.Index)
	return s.Index, s.Wrote, err
}

// exceededBy reports whether an index with these facts is to be divided.
func (l PartLimits) exceededBy(f timeline.Facts) bool {
	if len(f.Versions) > l.Versions || len(f.Runs) > l.Runs {
		return true
	}
	if len(f.Versions) < l.Keep+l.Least {
		return false
	}
	text, err := json.Marshal(f)
	return err == nil && len(text) > l.Bytes
}
