// Package s3api is an in-memory emulation of the part of the Amazon S3 REST
// API that the rest of the emulator and its tests need. It answers path-style
// requests ("/bucket/key") as an [http.Handler] and is never kinder than S3:
// what S3 refuses is refused with the same status and code, and what is not
// emulated (a sub-resource, a query parameter, an x-amz- header) is answered
// by 501 NotImplemented, never ignored.
//
// # The model
//
// A bucket holds objects by key, in the order of the keys' bytes; an object
// holds versions and delete markers in the order in which they were stored.
// Every call takes effect at one moment, under one lock, so that reads and
// listings see every write that was answered before (Amazon S3 User Guide,
// "Amazon S3 data consistency model").
//
// Rules name the page they come from: "API" is the Amazon S3 API Reference,
// "User Guide" the Amazon S3 User Guide. "recorded" marks what public test
// suites recorded on the service itself where the pages are silent.
//
// Authentication is not checked. Not emulated: ACLs other than the bucket
// owner's, retention of Object Lock, SSE-C, part numbers on reads, and everything that is
// not about buckets, objects, their versions and their tags.
package s3api

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options says whose S3 a [Store] plays. The zero value is account
// 123456789012 in us-east-1 on the machine's clock.
type Options struct {
	Account string           // 12 digits; every bucket belongs to it
	Region  string           // the one region that the store is in
	Now     func() time.Time // the clock behind Date and LastModified; nil means [time.Now]
	Seed    int64            // equal seeds give equal version ids for equal calls
}

// Store is an S3 of one account in one region, empty at first. It serves
// HTTP by [Store.ServeHTTP]; its other methods inspect it, and interfere with
// it, without HTTP. All methods are safe for concurrent use.
type Store struct {
	account string
	region  string
	now     func() time.Time

	mu       sync.Mutex
	buckets  map[string]*bucket
	ids      *idMint
	requests uint64 // requests answered so far, for their ids
	pageSize atomic.Int64
}

// SetPageSize makes listings return at most n entries, also if a request allows more: a
// response "might contain fewer keys but will never contain more".
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
func (s *Store) SetPageSize(n int) { s.pageSize.Store(int64(n)) }

// Version is one version of an object, or a delete marker, as [Store.Versions]
// reports it. It is a copy; changing it changes nothing in the store.
type Version struct {
	Key          string
	VersionID    string // "null" where versioning was not enabled
	Marker       bool   // a delete marker: no body, tags or metadata
	Latest       bool   // what a request without a version id meets
	Body         []byte
	Tags         map[string]string
	Metadata     map[string]string // names in lower case, without x-amz-meta-
	LastModified time.Time         // UTC, as exact as the clock; S3's answers cut it to seconds
	ETag         string            // with its quotes; empty for a delete marker
}

// States of a bucket's versioning. A bucket that never had it has none, and
// cannot come back to that (User Guide, "Using versioning in S3 buckets").
const (
	versioningEnabled   = "Enabled"
	versioningSuspended = "Suspended"
)

// nullVersion is the id of a version stored while versioning was not enabled.
const nullVersion = "null"

type bucket struct {
	name       string
	created    time.Time
	versioning string
	objects    keyIndex
	settings   Settings
}

type object struct {
	key      string
	versions []*version // oldest first; never empty
}

// version is a stored version. Its maps and slices are replaced, never
// written to, so that a shallow copy taken under the lock stays as it was.
type version struct {
	id     string
	seq    uint64 // the order of writes in the store
	origin uint64 // of a replica: its order in the store that it came from; 0 for others
	// replication is the status of a version that a rule selects, see [Store.Replicate].
	replication string
	marker      bool
	body        []byte
	etag        string // with its quotes
	modified    time.Time
	checksum    checksum
	attributes
}

// attributes are what a PUT specifies about an object in addition to its bytes.
type attributes struct {
	system       map[string]string // Content-Type and its like, by header name
	metadata     map[string]string
	tags         map[string]string
	encryption   encryption
	storageClass string // empty for STANDARD
}

// New makes an empty store.
func New(o Options) *Store {
	s := &Store{account: o.Account, region: o.Region, now: o.Now, buckets: map[string]*bucket{}, ids: newIDMint(o.Seed)}
	if s.account == "" {
		s.account = "123456789012"
	}
	if s.region == "" {
		s.region = "us-east-1"
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// CreateBucket creates a bucket, or leaves an existing one unchanged except
// that versioned enables its versioning. The name is not checked.
func (s *Store) CreateBucket(name string, versioned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil {
		b = &bucket{name: name, created: s.now().UTC()}
		s.buckets[name] = b
	}
	if versioned {
		b.versioning = versioningEnabled
	}
}

// HasBucket reports whether there is a bucket with the name.
func (s *Store) HasBucket(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buckets[name] != nil
}

// Versions returns the versions and delete markers of a key, newest first;
// none if bucket or key are not there.
func (s *Store) Versions(bucket, key string) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.object(bucket, key)
	if o == nil {
		return nil
	}
	all := make([]Version, 0, len(o.versions))
	for i, v := range slices.Backward(o.versions) {
		all = append(all, Version{
			Key: key, VersionID: v.id, Marker: v.marker, Latest: i == len(o.versions)-1,
			Body: slices.Clone(v.body), Tags: maps.Clone(v.tags), Metadata: maps.Clone(v.metadata),
			LastModified: v.modified, ETag: v.etag,
		})
	}
	return all
}

// Keys returns every key of a bucket that has any version or delete marker,
// in the order of its bytes.
func (s *Store) Keys(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil
	}
	var keys []string
	for c := b.objects.seek(""); c.object() != nil; c.next() {
		keys = append(keys, c.object().key)
	}
	return keys
}

// RemoveVersion permanently removes one version or delete marker, as a lifecycle
// rule or an operator does, and reports whether it was there.
func (s *Store) RemoveVersion(bucket, key, versionID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	return b != nil && b.remove(key, versionID) != nil
}

// Corrupt replaces the stored bytes of one version and leaves its ETag and
// checksum as they were, and reports whether there was such a version.
func (s *Store) Corrupt(bucket, key, versionID string, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.object(bucket, key)
	if o == nil {
		return false
	}
	v := o.version(versionID)
	if v == nil || v.marker {
		return false
	}
	v.body = slices.Clone(body)
	return true
}

func (s *Store) object(bucket, key string) *object {
	b := s.buckets[bucket]
	if b == nil {
		return nil
	}
	return b.objects.get(key)
}

// ownerID returns the canonical user id of the account: 64 hexadecimal digits
// that say nothing about it.
func (s *Store) ownerID() string {
	sum := sha256.Sum256([]byte("canonical user " + s.account))
	return hex.EncodeToString(sum[:])
}

// requestID returns an id of 16 capital hexadecimal digits for the next answer.
func (s *Store) requestID() string {
	s.requests++
	return requestID(s.requests)
}

func requestID(n uint64) string {
	// One step of SplitMix64, so that neighbours do not look alike.
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	n ^= n >> 31
	const digits = "0123456789ABCDEF"
	var id [16]byte
	for i := range id {
		id[i] = digits[n>>60]
		n <<= 4
	}
	return string(id[:])
}

// latest returns the newest version, which may be a delete marker.
func (o *object) latest() *version { return o.versions[len(o.versions)-1] }

// version returns the version with an id, or nil.
func (o *object) version(id string) *version {
	for _, v := range slices.Backward(o.versions) {
		if v.id == id {
			return v
		}
	}
	return nil
}

// current returns what a request without a version id meets: nil if there is
// no object, or its newest version is a delete marker.
func (b *bucket) current(key string) *version {
	o := b.objects.get(key)
	if o == nil || o.latest().marker {
		return nil
	}
	return o.latest()
}

// store makes v the current version of a key and assigns its ID. While versioning is not
// enabled the id is null, and what had that id before is gone (User Guide,
// "Adding objects to versioning-suspended buckets").
func (b *bucket) store(key string, v *version, ids *idMint) {
	v.seq = ids.next()
	o := b.objects.get(key)
	if o == nil {
		o = &object{key: key}
		b.objects.insert(o)
	}
	v.id = nullVersion
	if b.versioning == versioningEnabled {
		v.id = ids.version(v.seq)
	} else {
		o.versions = slices.DeleteFunc(o.versions, func(old *version) bool { return old.id == nullVersion })
	}
	o.versions = append(o.versions, v)
	if b.selects(v) {
		v.replication = replicationPending
	}
}

// remove permanently deletes a version and returns it, or nil.
func (b *bucket) remove(key, id string) *version {
	o := b.objects.get(key)
	if o == nil {
		return nil
	}
	for i, v := range o.versions {
		if v.id == id {
			o.versions = slices.Delete(o.versions, i, i+1)
			if len(o.versions) == 0 {
				b.objects.remove(key)
			}
			return v
		}
	}
	return nil
}

// shownVersion returns the version id that answers about v carry: none in a
// bucket that never had versioning (API, GetObject; recorded).
func (b *bucket) shownVersion(v *version) string {
	if b.versioning == "" {
		return ""
	}
	return v.id
}

func itoa(n int) string { return strconv.Itoa(n) }
