package s3api

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Load stores versions as [Store.Versions] reported them, with their version
// ids and times; those of one key in the order in which they were stored. The
// ids must come from a store with the same seed, and the bucket must exist. It
// is how a test gets a bucket that was written long ago.
func (s *Store) Load(bucket string, versions []Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return fmt.Errorf("load into bucket %s: it does not exist", bucket)
	}
	for _, from := range versions {
		n, ok := s.ids.admit(from.VersionID)
		if !ok {
			return fmt.Errorf("load %s: version id %q is not one of this seed", from.Key, from.VersionID)
		}
		v := &version{
			id: from.VersionID, seq: n, marker: from.Marker, body: slices.Clone(from.Body), modified: from.LastModified,
			checksum: checksumOf("sha256", from.Body),
			attributes: attributes{
				system: map[string]string{"Content-Type": "binary/octet-stream"}, tags: maps.Clone(from.Tags), metadata: maps.Clone(from.Metadata),
				encryption: encryption{algorithm: "AES256"},
			},
		}
		if !v.marker {
			sum := md5.Sum(v.body)
			v.etag = `"` + hex.EncodeToString(sum[:]) + `"`
		}
		o := b.objects.get(from.Key)
		if o == nil {
			o = &object{key: from.Key}
			b.objects.insert(o)
		}
		o.versions = append(o.versions, v)
	}
	return nil
}

// Put stores an object as PutObject does, without a request.
func (s *Store) Put(bucket, key string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.put(bucket, key, body)
	return err
}

// PutMultipart stores an object as CompleteMultipartUpload does for an upload of one part:
// the ETag is the MD5 of the parts' MD5s, a hyphen and the number of parts.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
func (s *Store) PutMultipart(bucket, key string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.put(bucket, key, body)
	if err != nil {
		return err
	}
	part := md5.Sum(body)
	sums := md5.Sum(part[:])
	v.etag = `"` + hex.EncodeToString(sums[:]) + `-1"`
	return nil
}

// put stores an object. The lock is held.
func (s *Store) put(bucket, key string, body []byte) (*version, error) {
	b := s.buckets[bucket]
	if b == nil {
		return nil, fmt.Errorf("store %s in bucket %s: it does not exist", key, bucket)
	}
	v := &version{body: slices.Clone(body), modified: s.now(), checksum: checksumOf("crc64nvme", body), attributes: attributes{
		system: map[string]string{"Content-Type": "binary/octet-stream"}, encryption: encryption{algorithm: "AES256", byDefault: true},
	}}
	s.keep(b, key, v)
	return v, nil
}

// admit takes a version id that another mint of the same seed made, so that it
// counts as given out, and returns which version it is of.
func (m *idMint) admit(id string) (n uint64, ok bool) {
	last := m.last
	m.last = ^uint64(0)
	n, ok = m.parseVersion(id)
	m.last = last
	if ok {
		m.last = max(last, n)
	}
	return n, ok
}
