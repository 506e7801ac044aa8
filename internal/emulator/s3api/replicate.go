package s3api

import (
	"fmt"
	"slices"
)

// Replicate copies the versions and delete markers of a bucket to one of another store, as
// a replication rule for all objects and delete markers does; those that the copy has are
// left alone. Replicas keep version ID, ETag, metadata, tags and the time of creation (User
// Guide, "Replicating objects within and across Regions"). Removals of versions are not
// replicated (User Guide, "What does Amazon S3 replicate?"). pending, if not nil, reports which
// versions are not replicated yet: any of them, since S3 replicates asynchronously.
func (s *Store) Replicate(bucket string, to *Store, replica string, pending func(Version) bool) error {
	type copied struct {
		key string
		*version
	}
	var all []copied
	s.mu.Lock()
	if b := s.buckets[bucket]; b != nil && b.versioning == versioningEnabled {
		for c := b.objects.seek(""); c.object() != nil; c.next() {
			for _, v := range c.object().versions {
				if pending == nil || !pending(Version{Key: c.object().key, VersionID: v.id, Marker: v.marker, LastModified: v.modified}) {
					clone := *v
					all = append(all, copied{c.object().key, &clone})
				}
			}
		}
	}
	s.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	b := to.buckets[replica]
	if b == nil || b.versioning != versioningEnabled || len(all) == 0 {
		return fmt.Errorf("replicate %s to %s: both must exist and be versioned, and there must be an object", bucket, replica)
	}
	for _, v := range all {
		o := b.objects.get(v.key)
		if o == nil {
			o = &object{key: v.key}
			b.objects.insert(o)
		}
		if o.version(v.id) != nil {
			continue
		}
		// The order of the versions of a key is that of their times, whatever arrives first.
		order := v.seq
		at := slices.IndexFunc(o.versions, func(old *version) bool { return old.origin > order })
		if at < 0 {
			at = len(o.versions)
		}
		v.origin, v.seq = order, to.ids.next()
		o.versions = slices.Insert(o.versions, at, v.version)
		to.ids.adopt(v.id)
	}
	return nil
}
