// Package bucket makes the S3 requests of an archive. It reads and writes single
// objects, lists objects and their versions, and loads and swaps documents: JSON
// objects that several writers replace by compare-and-swap (see [Kind]).
//
// Every request names the account that must own the bucket. Errors carry S3's own
// error and one of the sentinels of this package.
package bucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak"
)

// Bucket is one S3 bucket. It may be used by many goroutines at once.
type Bucket struct {
	Name string
	// Owner is the account that must own the bucket, 12 digits. Empty sends none.
	Owner string
	// Client sends the requests and retries them.
	Client *s3.Client
	// Encrypt sets the encryption headers of a write, of a value object or of
	// another one. Nil sets none.
	Encrypt func(in *s3.PutObjectInput, value bool)
}

func (b *Bucket) owner() *string {
	if b.Owner == "" {
		return nil
	}
	return &b.Owner
}

// CheckVersioning returns a [*NotVersionedError] unless the bucket keeps versions.
func (b *Bucket) CheckVersioning(ctx context.Context) error {
	v, err := b.Client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.Name, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return fmt.Errorf("read the versioning of bucket %s: %w", b.Name, translate(err))
	}
	if v.Status != types.BucketVersioningStatusEnabled {
		return &NotVersionedError{Bucket: b.Name, Status: string(v.Status)}
	}
	return nil
}

// Object is an object as a read or a listing returns it.
type Object struct {
	Key, ETag string
	Modified  time.Time // S3's clock, in whole seconds
	Body      []byte    // nil in a listing
	Metadata  map[string]string
}

// Get reads an object, or one version of it if version is not empty, and verifies
// its checksum. With [ErrChecksum] the object has all but its body.
func (b *Bucket) Get(ctx context.Context, key, version string) (Object, error) {
	in := &s3.GetObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner(), ChecksumMode: types.ChecksumModeEnabled}
	if version != "" {
		in.VersionId = &version
	}
	out, err := b.Client.GetObject(ctx, in)
	if err != nil {
		return Object{}, translate(err)
	}
	defer out.Body.Close()
	o := Object{Key: key, ETag: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified), Metadata: out.Metadata}
	body, err := io.ReadAll(out.Body)
	switch {
	case isChecksum(err):
		return o, ErrChecksum
	case err != nil:
		return o, fmt.Errorf("read the body of %s: %w", key, err)
	}
	o.Body = body
	return o, nil
}

// Write is one write of an object.
type Write struct {
	Key         string
	Body        []byte
	ContentType string
	Tags        string // as in a query string
	Metadata    map[string]string
	Absent      bool   // write only if there is no such object
	Match       string // write only over the object with this ETag, unless empty
	Value       bool   // a value object, see Bucket.Encrypt
}

// Put writes an object with its SHA-256 checksum and returns its version ID and
// its ETag. A condition that does not hold gives [ErrConflict].
func (b *Bucket) Put(ctx context.Context, w Write) (version, etag string, err error) {
	in := &s3.PutObjectInput{
		Bucket: &b.Name, Key: &w.Key, ExpectedBucketOwner: b.owner(), Body: bytes.NewReader(w.Body),
		ContentType: &w.ContentType, ChecksumAlgorithm: types.ChecksumAlgorithmSha256, Metadata: w.Metadata,
	}
	if b.Encrypt != nil {
		b.Encrypt(in, w.Value)
	}
	if w.Tags != "" {
		in.Tagging = &w.Tags
	}
	if w.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	if w.Match != "" {
		in.IfMatch = &w.Match
	}
	out, err := b.Client.PutObject(ctx, in)
	if err != nil {
		return "", "", translate(err)
	}
	return aws.ToString(out.VersionId), aws.ToString(out.ETag), b.checkID(out.VersionId)
}

// Mark adds a delete marker to a key.
func (b *Bucket) Mark(ctx context.Context, key string) error {
	out, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return translate(err)
	}
	return b.checkID(out.VersionId)
}

// checkID returns an error for the version ID of a bucket that keeps no versions.
func (b *Bucket) checkID(id *string) error {
	if s := aws.ToString(id); s == "" || s == "null" {
		return &NotVersionedError{Bucket: b.Name, Status: string(types.BucketVersioningStatusSuspended)}
	}
	return nil
}

// Metadata reads the user metadata of an object version.
func (b *Bucket) Metadata(ctx context.Context, key, version string) (map[string]string, error) {
	out, err := b.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &key, VersionId: &version, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return nil, translate(err)
	}
	return out.Metadata, nil
}

// Tags reads the tags of an object version.
func (b *Bucket) Tags(ctx context.Context, key, version string) (map[string]string, error) {
	out, err := b.Client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &b.Name, Key: &key, VersionId: &version, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return nil, translate(err)
	}
	tags := make(map[string]string, len(out.TagSet))
	for _, tag := range out.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// Listing says what to list.
type Listing struct {
	Prefix    string
	Delimiter string // "/" for the keys of one level, empty for all
	PageSize  int32  // entries of one request, S3's 1,000 if 0
}

func (l Listing) pageSize() *int32 {
	if l.PageSize == 0 {
		return nil
	}
	return &l.PageSize
}

// Objects lists current objects in the order of the bytes of their keys. An error
// is the last thing that it yields.
func (b *Bucket) Objects(ctx context.Context, l Listing) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &b.Name, ExpectedBucketOwner: b.owner(), Prefix: &l.Prefix, MaxKeys: l.pageSize()}
		if l.Delimiter != "" {
			in.Delimiter = &l.Delimiter
		}
		for pages := s3.NewListObjectsV2Paginator(b.Client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, fmt.Errorf("list %s of bucket %s: %w", l.Prefix, b.Name, translate(err)))
				return
			}
			for _, o := range page.Contents {
				if !yield(Object{Key: aws.ToString(o.Key), ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
		}
	}
}

// Version is an object version or a delete marker, as a listing shows it.
type Version struct {
	Key, ID, ETag string
	Modified      ssmbak.Time // S3's clock, in whole seconds
	Latest        bool        // the current one of its key
	Marker        bool        // a delete marker
	SHA256        bool        // written with a SHA-256 checksum
}

// Versions lists object versions and delete markers: keys in the order of their
// bytes, and within a key the newest first. An error is the last thing that it
// yields.
func (b *Bucket) Versions(ctx context.Context, l Listing) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		in := &s3.ListObjectVersionsInput{Bucket: &b.Name, ExpectedBucketOwner: b.owner(), MaxKeys: l.pageSize()}
		if l.Prefix != "" {
			in.Prefix = &l.Prefix
		}
		if l.Delimiter != "" {
			in.Delimiter = &l.Delimiter
		}
		for pages := s3.NewListObjectVersionsPaginator(b.Client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Version{}, fmt.Errorf("list the object versions under %s of bucket %s: %w", l.Prefix, b.Name, translate(err)))
				return
			}
			for _, v := range inOrder(page.Versions, page.DeleteMarkers) {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// History lists the object versions and delete markers of one key, newest first.
func (b *Bucket) History(ctx context.Context, key string) ([]Version, error) {
	var all []Version
	for v, err := range b.Versions(ctx, Listing{Prefix: key}) {
		if err != nil {
			return nil, err
		}
		if v.Key != key {
			break // a key comes before all others that begin with it
		}
		all = append(all, v)
	}
	return all, nil
}

// inOrder merges the two halves of one page into one order. S3 answers with a
// single list, newest first within a key
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/list-obj-version-enabled-bucket.html);
// the SDK splits it by kind (https://github.com/aws/aws-sdk-go-v2/issues/3164),
// and LastModified, in whole seconds, cannot always restore the order. Of a
// version and a marker of the same second the latest of the key comes first, else
// the marker. An entry of an earlier page is newer, whatever its kind, which is
// why pages are merged one by one.
func inOrder(versions []types.ObjectVersion, markers []types.DeleteMarkerEntry) []Version {
	all := make([]Version, 0, len(versions)+len(markers))
	for len(versions)+len(markers) > 0 {
		var v, m Version
		if len(versions) > 0 {
			o := versions[0]
			v = newVersion(o.Key, o.VersionId, o.LastModified, o.IsLatest)
			v.ETag, v.SHA256 = aws.ToString(o.ETag), slices.Contains(o.ChecksumAlgorithm, types.ChecksumAlgorithmSha256)
		}
		if len(markers) > 0 {
			o := markers[0]
			m = newVersion(o.Key, o.VersionId, o.LastModified, o.IsLatest)
			m.Marker = true
		}
		if len(versions) == 0 || len(markers) > 0 && m.before(v) {
			all, markers = append(all, m), markers[1:]
		} else {
			all, versions = append(all, v), versions[1:]
		}
	}
	return all
}

// before reports whether the marker m comes before the version v in a listing.
func (m Version) before(v Version) bool {
	switch {
	case m.Key != v.Key:
		return m.Key < v.Key
	case m.Latest || v.Latest:
		return m.Latest
	}
	return m.Modified >= v.Modified
}

func newVersion(key, id *string, modified *time.Time, latest *bool) Version {
	return Version{Key: aws.ToString(key), ID: aws.ToString(id), Modified: ssmbak.TimeOf(aws.ToTime(modified)), Latest: aws.ToBool(latest)}
}
