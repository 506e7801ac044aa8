// Package archive owns the format of the bucket in which ssmbak records
// Parameter Store: the value objects, the index of each parameter, and the
// identity of the whole. docs/archive-format.md is its public specification.
//
// # The model
//
// The key of a value object is the parameter's canonical name; each version of
// the parameter is one object version of it, whose body is the value. What is
// known about a parameter stands in its index, one small object under
// .ssmbak/index, as facts (see the timeline package). An index is only ever
// replaced by compare-and-swap and only ever grows, so any number of writers
// may work at once. A value object is written after its parameter has an index
// and before the index names it; a delete marker is written after the index.
//
// # Concurrency
//
// An [Archive] may be used by many goroutines at once.
package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Keys that are not value objects. No parameter's name leads to one of them.
const (
	reserved       = ".ssmbak/"
	identityKey    = reserved + "archive"
	reconciledAt   = reserved + "reconciled"
	adoptedKey     = reserved + "adopted"
	provedKey      = reserved + "proved"
	indexPrefix    = reserved + "index"
	restoresPrefix = reserved + "restores/"
)

// Options say which archive is meant and who asks.
type Options struct {
	// Bucket holds the archive.
	Bucket string
	// Account and Region are the caller's: 12 digits, and a region's name. An
	// archive of another account or region is refused unless Elsewhere is set.
	Account, Region string
	// Owner is the account that must own the bucket, Account if empty.
	Owner string
	// Elsewhere lets a reader read the archive of another account or region.
	Elsewhere bool
	// Parallel bounds the requests under way at once in one call; 64 if zero.
	Parallel int
	// Encryption is what writes say about encryption; nil means what the archive
	// says. The functions of a stack name theirs.
	Encryption *Encryption
	// Logger takes what happens below the answers; nothing if nil.
	Logger *slog.Logger
}

// Archive is an open archive.
type Archive struct {
	client   *s3.Client
	o        Options
	identity Identity
	exists   bool // the identity object is there
	writer   string
	// adopted is since when every name has an index, an ssmbak.Time; zero if the
	// archive is not adopted, as far as is known.
	adopted atomic.Int64
}

// Identity says whose archive a bucket holds.
type Identity struct {
	Format  int    `json:"format"`
	Reader  int    `json:"reader,omitempty"` // the least format that a program must know to read it
	Account string `json:"account"`
	Region  string `json:"region"`
	// Created is when recording began.
	Created time.Time `json:"created"`
	// Original says that the bucket held objects of the original ssmbak when
	// the archive was made, so that names without an index may still be there.
	Original bool `json:"original,omitempty"`
	// Encryption is what every writer says that is not told otherwise; see
	// [Archive.KeepEncryption].
	Encryption Encryption `json:"encryption,omitzero"`
}

// Open opens the archive in a bucket for reading. A bucket without an identity
// is one that only the original ssmbak wrote to, or an empty one; it opens too.
//
// The errors to tell apart are [ErrNoBucket], [*MismatchError], [*FormatError]
// and [*DamagedError].
func Open(ctx context.Context, client *s3.Client, o Options) (*Archive, error) {
	if o.Parallel <= 0 {
		o.Parallel = 64
	}
	if o.Owner == "" {
		o.Owner = o.Account
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Archive{client: client, o: o, writer: newWriter()}
	if err := a.readIdentity(ctx); err != nil {
		return a, err
	}
	if o.Encryption != nil && !o.Elsewhere {
		return a, o.Encryption.check(o.Account, o.Region)
	}
	return a, nil
}

func newWriter() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand.Read
	return hex.EncodeToString(b[:])
}

// Identity returns whose archive this is, and whether the archive exists: false
// for a bucket to which no writer of this format has come yet.
func (a *Archive) Identity() (Identity, bool) { return a.identity, a.exists }

// Bucket returns the name of the bucket.
func (a *Archive) Bucket() string { return a.o.Bucket }

func (a *Archive) readIdentity(ctx context.Context) error {
	found, err := a.get(ctx, identityKey, "")
	if isNotFound(err) {
		return nil
	}
	if isChecksum(err) {
		return &DamagedError{Key: identityKey, Err: errChecksum}
	}
	if err != nil {
		return fmt.Errorf("read the identity of bucket %s: %w", a.o.Bucket, err)
	}
	var id Identity
	if _, err := decode(identityKey, identityKind, found.body, &id); err != nil {
		return err
	}
	if id.Account == "" || id.Region == "" {
		return &DamagedError{Key: identityKey, Err: errors.New("it names no account or no region")}
	}
	if err := id.Encryption.check(id.Account, id.Region); err != nil {
		return &DamagedError{Key: identityKey, Err: err}
	}
	a.identity, a.exists = id, true
	if !a.o.Elsewhere {
		if err := a.checkSource(a.o.Account, a.o.Region); err != nil {
			return err
		}
	}
	if !id.Original {
		return nil
	}
	return a.readAdoption(ctx)
}

// checkSource returns a [*MismatchError] if the archive exists and records
// another account or region than the ones given. Empty ones are not compared.
func (a *Archive) checkSource(account, region string) error {
	if !a.exists {
		return nil
	}
	if account != "" && account != a.identity.Account || region != "" && region != a.identity.Region {
		return &MismatchError{Bucket: a.o.Bucket, Archive: a.identity, Account: account, Region: region}
	}
	return nil
}

// Establish makes the archive ready for writing: the bucket must be versioned,
// and the identity is written if there is none. It may be called by many
// writers at once and as often as they like; one identity wins.
func (a *Archive) Establish(ctx context.Context) error {
	v, err := a.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &a.o.Bucket, ExpectedBucketOwner: a.owner()})
	if err != nil {
		return fmt.Errorf("read the versioning of bucket %s: %w", a.o.Bucket, translate(err))
	}
	if v.Status != types.BucketVersioningStatusEnabled {
		return &NotVersionedError{Bucket: a.o.Bucket, Status: string(v.Status)}
	}
	if a.exists {
		return nil
	}
	if a.o.Account == "" || a.o.Region == "" {
		return fmt.Errorf("establish the archive in bucket %s: the account and region are not known", a.o.Bucket)
	}
	foreign, err := a.holdsObjects(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(Identity{
		Format: Format, Account: a.o.Account, Region: a.o.Region, Created: time.Now().UTC().Truncate(time.Millisecond), Original: foreign,
		Encryption: a.encryption().compact(),
	})
	if err != nil {
		return fmt.Errorf("encode the identity: %w", err)
	}
	if _, err := a.put(ctx, put{key: identityKey, body: body, contentType: "application/json", absent: true}); err != nil && !isConflict(err) {
		// A lost answer may hide that the write took effect: what stands there
		// decides.
		if err2 := a.readIdentity(ctx); err2 != nil || !a.exists {
			return fmt.Errorf("write the identity of bucket %s: %w", a.o.Bucket, err)
		}
		return nil
	}
	if err := a.readIdentity(ctx); err != nil {
		return err
	}
	if !a.exists {
		return fmt.Errorf("establish the archive in bucket %s: another writer was just there, try again", a.o.Bucket)
	}
	return nil
}

// holdsObjects reports whether the bucket has any object version that could be
// a value: a key with a leading slash.
func (a *Archive) holdsObjects(ctx context.Context) (bool, error) {
	out, err := a.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: &a.o.Bucket, ExpectedBucketOwner: a.owner(), Prefix: aws.String("/"), MaxKeys: aws.Int32(1),
	})
	if err != nil {
		return false, fmt.Errorf("list the versions in bucket %s: %w", a.o.Bucket, translate(err))
	}
	return len(out.Versions)+len(out.DeleteMarkers) > 0, nil
}

func (a *Archive) owner() *string {
	if a.o.Owner == "" {
		return nil
	}
	return &a.o.Owner
}

// object is what a read of one gave.
type object struct {
	body     []byte
	etag     string
	modified time.Time // S3's clock, in whole seconds
}

// get reads one object, or one version of it, and validates its checksum.
func (a *Archive) get(ctx context.Context, key, version string) (object, error) {
	in := &s3.GetObjectInput{Bucket: &a.o.Bucket, Key: &key, ExpectedBucketOwner: a.owner(), ChecksumMode: types.ChecksumModeEnabled}
	if version != "" {
		in.VersionId = &version
	}
	out, err := a.client.GetObject(ctx, in)
	if err != nil {
		return object{}, translate(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return object{}, fmt.Errorf("read the body of %s: %w", key, err)
	}
	return object{body, aws.ToString(out.ETag), aws.ToTime(out.LastModified)}, nil
}

// put is one write.
type put struct {
	key         string
	body        []byte
	contentType string
	tags        string
	metadata    map[string]string
	absent      bool   // only if there is no such object
	match       string // only if its ETag is this
	value       bool   // a value object
}

// stored is what S3 answered to a write.
type stored struct{ version, etag string }

// put writes one object with a SHA-256 checksum.
func (a *Archive) put(ctx context.Context, p put) (stored, error) {
	in := &s3.PutObjectInput{
		Bucket: &a.o.Bucket, Key: &p.key, ExpectedBucketOwner: a.owner(), Body: bytes.NewReader(p.body),
		ContentType: &p.contentType, ChecksumAlgorithm: types.ChecksumAlgorithmSha256, Metadata: p.metadata,
	}
	a.encryption().Set(in, p.value)
	if p.tags != "" {
		in.Tagging = &p.tags
	}
	if p.absent {
		in.IfNoneMatch = aws.String("*")
	}
	if p.match != "" {
		in.IfMatch = &p.match
	}
	out, err := a.client.PutObject(ctx, in)
	if err != nil {
		return stored{}, translate(err)
	}
	s := stored{version: aws.ToString(out.VersionId), etag: aws.ToString(out.ETag)}
	if s.version == "" || s.version == "null" {
		return stored{}, &NotVersionedError{Bucket: a.o.Bucket, Status: "Suspended"}
	}
	return s, nil
}
