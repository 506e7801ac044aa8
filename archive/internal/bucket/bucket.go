// Package bucket sends the S3 requests of an archive. It reads and writes objects, lists
// objects and their versions, and loads and swaps documents: JSON objects that several
// writers replace by compare-and-swap (see [Kind]).
//
// Every request names the account that must own the bucket. Errors wrap S3's error and,
// if one applies, a sentinel of this package.
package bucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsclock"
)

// Bucket is one S3 bucket. It may be used by many goroutines at once.
type Bucket struct {
	Name string
	// Owner is the account that must own the bucket, 12 digits; not sent if empty.
	Owner string
	// Client sends the requests and retries them.
	Client *s3.Client
	// Encrypt sets the encryption headers of a write. value says whether it writes a
	// value object. Nil sets none.
	Encrypt func(in *s3.PutObjectInput, value bool)
	// Budget bounds the memory of documents. Nil sets no bound.
	Budget *Budget
	// Signatures sign and verify documents. Nil does neither. It must not be changed while
	// requests are sent.
	Signatures *Signatures

	// Clock compares this machine's clock with S3's.
	Clock awsclock.Clock
}

// checkClock refuses to write by a machine whose clock is wrong, with a [*ClockError].
func (b *Bucket) checkClock() error {
	if ahead := b.Clock.Ahead(); ahead.Abs() > Tolerance/2 {
		return &ClockError{Ahead: ahead}
	}
	return nil
}

// checkLatest refuses the write of an object that readers would take for invalid, since its
// latest time is in the future.
func (b *Bucket) checkLatest(latest ssmbak.Time) error {
	if err := b.checkClock(); err != nil {
		return err
	}
	if latest > ssmbak.TimeOf(b.Clock.Now()).Add(Tolerance/2) {
		return fmt.Errorf("it would have the time %s, which is in the future", latest)
	}
	return nil
}

func (b *Bucket) owner() *string {
	if b.Owner == "" {
		return nil
	}
	return &b.Owner
}

// CheckVersioning returns a [*NotVersionedError] unless versioning is enabled.
func (b *Bucket) CheckVersioning(ctx context.Context) error {
	v, err := b.Client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.Name, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return fmt.Errorf("read the versioning of bucket %s: %w", b.Name, translate(err))
	}
	b.Clock.Note(v.ResultMetadata)
	if v.Status != types.BucketVersioningStatusEnabled {
		return &NotVersionedError{Bucket: b.Name, Status: string(v.Status)}
	}
	return nil
}

// Object is an object as a read or a listing returns it.
type Object struct {
	Key, ETag string
	ID        string    // of the object version, "" in a listing
	Modified  time.Time // S3's clock, to the second
	// Asked is when the object was requested, by S3's clock, or up to two seconds earlier;
	// zero in a listing, and if S3 did not say its time.
	Asked    time.Time
	Body     []byte // nil in a listing
	Metadata map[string]string
	// Replication is the status of S3 replication, "" for an object that no rule selects, and
	// in a listing.
	Replication types.ReplicationStatus

	release func() // gives back the share of the body, if it has one
}

func (o Object) free() {
	if o.release != nil {
		o.release()
	}
}

// Get reads an object of at most limit bytes, or one version of it if version is not
// empty, and verifies its checksum. The error may be [ErrNotFound] or [ErrDeleted], or an
// [*InvalidError] for an object that no writer of an archive made; with the last one the
// returned object is complete except for its body.
func (b *Bucket) Get(ctx context.Context, key, version string, limit int64) (Object, error) {
	in := &s3.GetObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner(), ChecksumMode: types.ChecksumModeEnabled}
	if version != "" {
		in.VersionId = &version
	}
	began := time.Now()
	out, err := b.Client.GetObject(ctx, in)
	if err != nil {
		return Object{}, translate(err)
	}
	defer out.Body.Close()
	b.Clock.Note(out.ResultMetadata)
	o := Object{Key: key, ETag: aws.ToString(out.ETag), ID: aws.ToString(out.VersionId), Modified: aws.ToTime(out.LastModified), Metadata: out.Metadata}
	if answered, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
		o.Asked = answered.Add(-time.Since(began))
	}
	o.Replication = out.ReplicationStatus
	if n := aws.ToInt64(out.ContentLength); n > limit {
		return o, &InvalidError{fmt.Errorf("it has %d bytes, more than %d", n, limit)}
	}
	if isMultipart(o.ETag) {
		return o, &InvalidError{errMultipart}
	}
	length := aws.ToInt64(out.ContentLength)
	if o.release, err = b.Budget.take(ctx, func(b *Budget) share { return b.objects }, length); err != nil {
		return o, err
	}
	body, err := readAll(io.LimitReader(out.Body, limit+1), length)
	switch {
	case isChecksum(err):
		return o, &InvalidError{ErrChecksum}
	case err != nil:
		return o, fmt.Errorf("read the body of %s: %w", key, err)
	case int64(len(body)) > limit:
		return o, &InvalidError{fmt.Errorf("it has more than %d bytes", limit)}
	}
	o.Body = body
	return o, nil
}

// readAll reads everything, which is expected to be n bytes, into one array.
func readAll(r io.Reader, n int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, n+bytes.MinRead))
	_, err := buf.ReadFrom(r)
	return buf.Bytes(), err
}

// isMultipart reports whether an ETag is that of a multipart upload, whose LastModified is
// when the upload began, not when it ended.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
func isMultipart(etag string) bool { return strings.Contains(etag, "-") }

// Write is one write of an object.
type Write struct {
	Key         string
	Body        []byte
	ContentType string
	Tags        string // as in a query string
	Metadata    map[string]string
	Absent      bool   // write only if there is no such object
	Match       string // write only over the object with this ETag, unless empty
	Value       bool   // it is a value object, see Bucket.Encrypt
	Signed      bool   // see Bucket.Signatures, which sets Metadata
}

// Put writes an object with its SHA-256 checksum and returns its version ID and its
// ETag. The error is [ErrConflict] if a condition of the write is not met, a [*SignError]
// if the object could not be signed, a [*NotVersionedError] if S3 returned no version ID, and
// a [*ClockError] if this machine's clock is wrong. The times of value objects are not from it.
func (b *Bucket) Put(ctx context.Context, w Write) (version, etag string, err error) {
	if !w.Value {
		if err := b.checkClock(); err != nil {
			return "", "", err
		}
	}
	if err := b.sign(ctx, &w); err != nil {
		return "", "", err
	}
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

// Mark adds a delete marker to a key. The error is a [*NotVersionedError] if S3 returned
// no version ID.
func (b *Bucket) Mark(ctx context.Context, key string) error {
	out, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return translate(err)
	}
	return b.checkID(out.VersionId)
}

// Remove removes one object version, or delete marker, permanently. It is no error if there is
// none.
func (b *Bucket) Remove(ctx context.Context, key, version string) error {
	_, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key, VersionId: &version, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return translate(err)
	}
	return nil
}

// checkID returns an error for a version ID of a bucket that is not versioned.
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

// Replication reads the status of S3 replication of an object version, "" if no rule selects
// it.
func (b *Bucket) Replication(ctx context.Context, key, version string) (types.ReplicationStatus, error) {
	out, err := b.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &key, VersionId: &version, ExpectedBucketOwner: b.owner()})
	if err != nil {
		return "", translate(err)
	}
	return out.ReplicationStatus, nil
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

// Listing selects the keys to list.
type Listing struct {
	Prefix    string
	Delimiter string // "/" for the keys of one level, empty for all levels
	PageSize  int32  // entries per request, S3's default of 1,000 if 0
}

func (l Listing) pageSize() *int32 {
	if l.PageSize == 0 {
		return nil
	}
	return &l.PageSize
}

// Objects lists current objects in the byte order of their keys. An error is the last
// thing that it yields.
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

// Page returns the keys and, with a delimiter, the common prefixes of the first page of a
// listing of current objects, in byte order. It sends one request.
func (b *Bucket) Page(ctx context.Context, l Listing) ([]string, error) {
	in := &s3.ListObjectsV2Input{Bucket: &b.Name, ExpectedBucketOwner: b.owner(), Prefix: &l.Prefix, MaxKeys: l.pageSize()}
	if l.Delimiter != "" {
		in.Delimiter = &l.Delimiter
	}
	page, err := b.Client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("list %s of bucket %s: %w", l.Prefix, b.Name, translate(err))
	}
	var keys []string
	for _, o := range page.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	for _, p := range page.CommonPrefixes {
		keys = append(keys, aws.ToString(p.Prefix))
	}
	slices.Sort(keys)
	return keys, nil
}

// Version is an object version or a delete marker, as a listing shows it.
type Version struct {
	Key, ID, ETag string
	Modified      ssmbak.Time // S3's clock, to the second
	Latest        bool        // the current one of its key
	Marker        bool        // a delete marker
	SHA256        bool        // written with a SHA-256 checksum
	Size          int64       // in bytes
}

// Versions lists object versions and delete markers: keys in byte order, and within a
// key the newest first. An error is the last thing that it yields.
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

// inOrder merges the versions and markers of one page into one list. S3 returns a single
// list, newest first within a key
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/list-obj-version-enabled-bucket.html);
// the SDK splits it by kind (https://github.com/aws/aws-sdk-go-v2/issues/3164), and
// LastModified, which has a precision of one second, cannot always restore the order. If
// a version and a marker have the same second, the latest of the key comes first, else
// the marker. Pages are merged separately, since all entries of an earlier page are
// newer.
func inOrder(versions []types.ObjectVersion, markers []types.DeleteMarkerEntry) []Version {
	all := make([]Version, 0, len(versions)+len(markers))
	for len(versions)+len(markers) > 0 {
		var v, m Version
		if len(versions) > 0 {
			o := versions[0]
			v = newVersion(o.Key, o.VersionId, o.LastModified, o.IsLatest)
			v.ETag, v.SHA256, v.Size = aws.ToString(o.ETag), slices.Contains(o.ChecksumAlgorithm, types.ChecksumAlgorithmSha256), aws.ToInt64(o.Size)
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
