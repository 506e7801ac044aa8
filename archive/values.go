package archive

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/legacy"
	"github.com/ssmbak/ssmbak/timeline"
)

// Object tags of a value object, as the original ssmbak writes and reads them.
const (
	tagTime        = "ssmbakTime"
	tagType        = "ssmbakType"
	tagDescription = "ssmbakDescription"
)

// User metadata of a value object, enough to rebuild an index from it.
const (
	metaVersion  = "ssmbak-version"
	metaTime     = "ssmbak-time"
	metaType     = "ssmbak-type"
	metaKeyID    = "ssmbak-key-id"
	metaTier     = "ssmbak-tier"
	metaDataType = "ssmbak-data-type"
	metaUser     = "ssmbak-user"
)

// maxTagValue is S3's limit for the value of an object tag, in characters.
const maxTagValue = 256

// PutValue writes the value of one version and returns where it stands. The
// parameter must have an index by then (see [Archive.Begin]). Every call writes
// another copy.
func (a *Archive) PutValue(ctx context.Context, name ssmbak.Name, v ssmbak.Version, value ssmbak.Value) (timeline.ObjectRef, error) {
	tags := url.Values{tagTime: {strconv.FormatInt(v.Time.Second(), 10)}, tagType: {string(v.Type)}}
	if d := timeline.TagText(v.Description); d != "" {
		tags.Set(tagDescription, d)
	}
	metadata := map[string]string{
		metaVersion: strconv.FormatInt(v.Number, 10), metaTime: strconv.FormatInt(int64(v.Time), 10), metaType: string(v.Type),
	}
	for key, text := range map[string]string{metaKeyID: v.KeyID, metaTier: v.Tier, metaDataType: v.DataType, metaUser: v.User} {
		if text != "" && printable(text) {
			metadata[key] = text
		}
	}
	s, err := a.put(ctx, put{
		key: string(name), body: []byte(value.Reveal()), contentType: "text/plain; charset=utf-8",
		tags: tags.Encode(), metadata: metadata, value: true,
	})
	if err != nil {
		return timeline.ObjectRef{}, fmt.Errorf("write the value of %s version %d: %w", name, v.Number, err)
	}
	return timeline.ObjectRef{ID: s.version, Written: ssmbak.TimeOf(time.Now())}, nil
}

func printable(text string) bool {
	return len(text) <= maxTagValue && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// Value reads the value of one version. refs are its copies, oldest first; the
// newest that is still there counts. The error is [ErrExpired] if none is, and
// a [*DamagedError] if the bytes are not those that were written.
func (a *Archive) Value(ctx context.Context, name ssmbak.Name, refs []timeline.ObjectRef) (ssmbak.Value, error) {
	for _, ref := range slices.Backward(refs) {
		found, err := a.get(ctx, string(name), ref.ID)
		switch {
		case err == nil:
			return ssmbak.NewValue(string(found.body)), nil
		case isNotFound(err):
			continue
		case isChecksum(err):
			return ssmbak.Value{}, &DamagedError{Name: name, Key: string(name) + " (object version " + ref.ID + ")", Err: errChecksum}
		}
		return ssmbak.Value{}, fmt.Errorf("read the value of %s: %w", name, err)
	}
	return ssmbak.Value{}, fmt.Errorf("read the value of %s: %w", name, ErrExpired)
}

// Begin gives a parameter its index before its first value object is written. So
// an object version without an index is never the trace of a writer that was
// stopped, but of an index that was lost.
//
// The index holds no fact but what the original ssmbak recorded of the
// parameter: from then on nobody asks for that again. Begin is for a name of
// which [Archive.Index] said that it has none.
func (a *Archive) Begin(ctx context.Context, name ssmbak.Name) (Index, error) {
	originals, err := a.FirstSight(ctx, name)
	if err != nil {
		return Index{}, err
	}
	known := timeline.Facts{Originals: originals}
	s, err := a.Update(ctx, Index{Name: name}, func(f timeline.Facts) timeline.Facts { return timeline.Union(f, known) })
	return s.Index, err
}

// FirstSight returns what the original ssmbak recorded of a parameter that has
// no index yet. Where the key has object versions of ssmbak all the same, the
// index was lost: a [*LostIndexError].
func (a *Archive) FirstSight(ctx context.Context, name ssmbak.Name) ([]timeline.Original, error) {
	current, err := a.Current(ctx, name)
	if err != nil || current.ID == "" {
		return nil, err
	}
	if a.exists {
		h, err := a.history(ctx, string(name))
		if err != nil {
			return nil, err
		}
		// What is older than the archive is not ours. LastModified is cut to
		// whole seconds, and clocks differ.
		h.versions = slices.DeleteFunc(h.versions, func(v objectVersion) bool { return v.modified.Add(time.Minute) < a.since() })
		ours, err := a.anyOurs(ctx, string(name), h.ids())
		if err != nil {
			return nil, err
		}
		if ours {
			return nil, &LostIndexError{Name: name}
		}
	}
	facts, err := legacy.One(ctx, a.client, a.originalOptions(), name)
	if err != nil {
		return nil, fmt.Errorf("read what the original recorded of %s: %w", name, translate(err))
	}
	if a.outlived(facts) {
		return nil, &LostIndexError{Name: name}
	}
	return facts, nil
}

func (a *Archive) originalOptions() legacy.Options {
	return legacy.Options{Bucket: a.o.Bucket, Owner: a.o.Owner, Parallel: a.o.Parallel}
}

// Current is what stands on top of a parameter's key.
type Current struct {
	ID       string // "" if the key has no version at all
	Marker   bool
	Modified time.Time // when S3 got it, in whole seconds
}

// Current returns what stands on top of a parameter's key, by one listing of
// one entry: versions of a key are listed newest first.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/list-obj-version-enabled-bucket.html
func (a *Archive) Current(ctx context.Context, name ssmbak.Name) (Current, error) {
	key := string(name)
	out, err := a.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: &a.o.Bucket, ExpectedBucketOwner: a.owner(), Prefix: &key, MaxKeys: aws.Int32(1),
	})
	if err != nil {
		return Current{}, fmt.Errorf("list the versions of %s: %w", name, translate(err))
	}
	for _, v := range out.Versions {
		if aws.ToString(v.Key) == key {
			return Current{ID: aws.ToString(v.VersionId), Modified: aws.ToTime(v.LastModified)}, nil
		}
	}
	for _, m := range out.DeleteMarkers {
		if aws.ToString(m.Key) == key {
			return Current{ID: aws.ToString(m.VersionId), Marker: true, Modified: aws.ToTime(m.LastModified)}, nil
		}
	}
	return Current{}, nil
}

// Mark leaves a delete marker on a parameter's key.
func (a *Archive) Mark(ctx context.Context, name ssmbak.Name) error {
	out, err := a.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &a.o.Bucket, Key: aws.String(string(name)), ExpectedBucketOwner: a.owner()})
	if err != nil {
		return fmt.Errorf("leave a delete marker for %s: %w", name, translate(err))
	}
	if id := aws.ToString(out.VersionId); id == "" || id == "null" {
		return fmt.Errorf("leave a delete marker for %s: %w", name, &NotVersionedError{Bucket: a.o.Bucket, Status: "Suspended"})
	}
	return nil
}

// Lost reports whether err says that a value is gone from the bucket or not
// whole, so that only this parameter is concerned.
func Lost(err error) bool {
	var damaged *DamagedError
	return errors.Is(err, ErrExpired) || errors.As(err, &damaged)
}
