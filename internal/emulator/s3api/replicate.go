package s3api

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// The replication status of a version in a source bucket (User Guide, "Getting replication
// status information"). One that failed is not tried again.
const (
	replicationPending   = "PENDING"
	replicationCompleted = "COMPLETED"
	replicationFailed    = "FAILED"
)

// selects reports whether the bucket's rule selects a version that is stored now. Replicas are
// not replicated again, objects under a KMS key only if the rule has a key, and delete markers
// only if it says so (User Guide, "What does Amazon S3 replicate?").
func (b *bucket) selects(v *version) bool {
	r := b.settings.Replication
	if r == nil || r.Off || b.versioning != versioningEnabled || v.origin != 0 {
		return false
	}
	if v.marker {
		return r.Markers
	}
	underKey := v.encryption.algorithm == "aws:kms" || v.encryption.byDefault && b.settings.Key != ""
	return !underKey || r.Key != ""
}

// Replicate copies the versions and delete markers of a bucket to one of another store. If the
// bucket has a rule, it is applied: only versions that were pending are copied, and they are
// completed then. Without one, all are, as if a rule for all objects and delete markers had
// always existed. Those that the copy has are left alone.
//
// Replicas keep version ID, ETag, metadata, tags and the time of creation (User
// Guide, "Replicating objects within and across Regions"). Removals of versions are not
// replicated (User Guide, "What does Amazon S3 replicate?"). pending, if not nil, reports which
// versions are not replicated yet: any of them, since S3 replicates asynchronously.
//
// Both buckets must be versioned, and a copy of a bucket with Object Lock must have it, too
// (User Guide, "Requirements and considerations for replication").
func (s *Store) Replicate(bucket string, to *Store, replica string, pending func(Version) bool) error {
	type copied struct {
		key string
		*version
	}
	var all []copied
	s.mu.Lock()
	locked, versioned := false, false
	if b := s.buckets[bucket]; b != nil && b.versioning == versioningEnabled {
		rule := b.settings.Replication
		if rule != nil && rule.Bucket != replica {
			s.mu.Unlock()
			return fmt.Errorf("replicate %s to %s: its rule names %s", bucket, replica, rule.Bucket)
		}
		locked, versioned = b.settings.LockMode != "", true
		b.each(func(key string, v *version) {
			if rule != nil && v.replication != replicationPending || pending != nil && pending(v.reported(key)) {
				return
			}
			if rule != nil {
				v.replication = replicationCompleted
			}
			clone := *v
			clone.replication = ""
			all = append(all, copied{key, &clone})
		})
	}
	s.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	b := to.buckets[replica]
	switch {
	case !versioned || b == nil || b.versioning != versioningEnabled:
		return fmt.Errorf("replicate %s to %s: both must exist and be versioned", bucket, replica)
	case locked && b.settings.LockMode == "":
		return fmt.Errorf("replicate %s to %s: the copy must have Object Lock, too", bucket, replica)
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

// errNoRule reports that a bucket has no replication rule.
var errNoRule = errors.New("the bucket has no replication rule")

// FailReplication makes the replication of pending versions fail, as a missing permission does.
func (s *Store) FailReplication(name string, which func(Version) bool) error {
	return s.changeReplication(name, func(_ *bucket, key string, v *version) {
		if v.replication == replicationPending && which(v.reported(key)) {
			v.replication = replicationFailed
		}
	})
}

// ReplicateAgain lets [Store.Replicate] copy all versions that the rule selects, whatever
// their status and age, as S3 Batch Replication does (User Guide, "Replicating existing objects
// with Batch Replication").
func (s *Store) ReplicateAgain(name string) error {
	return s.changeReplication(name, func(b *bucket, _ string, v *version) {
		if b.selects(v) {
			v.replication = replicationPending
		}
	})
}

func (s *Store) changeReplication(name string, change func(b *bucket, key string, v *version)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil || b.settings.Replication == nil {
		return fmt.Errorf("replicate %s: %w", name, errNoRule)
	}
	b.each(func(key string, v *version) { change(b, key, v) })
	return nil
}

// each calls f with each version and delete marker, oldest first for each key.
func (b *bucket) each(f func(key string, v *version)) {
	for c := b.objects.seek(""); c.object() != nil; c.next() {
		for _, v := range c.object().versions {
			f(c.object().key, v)
		}
	}
}

// reported returns what tests see of a version.
func (v *version) reported(key string) Version {
	return Version{Key: key, VersionID: v.id, Marker: v.marker, LastModified: v.modified}
}

// getBucketReplication follows API, GetBucketReplication; the error is that of "Error
// responses".
func (s *Store) getBucketReplication(q *request) (*answer, error) {
	type status struct{ Status string }
	type owner struct{ Owner string }
	type key struct {
		ReplicaKmsKeyID string
	}
	type destination struct {
		Bucket                   string
		Account                  string `xml:",omitempty"`
		AccessControlTranslation *owner
		EncryptionConfiguration  *key
		Metrics                  status
	}
	type rule struct {
		ID                      string
		Priority                int
		Filter                  struct{ Prefix string }
		Status                  string
		DeleteMarkerReplication status
		SelectionOfKeys         *status `xml:"SourceSelectionCriteria>SseKmsEncryptedObjects"`
		Destination             destination
	}
	r := s.buckets[q.bucket].settings.Replication
	if r == nil {
		return nil, refuse(http.StatusNotFound, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
	}
	state := func(on bool) status { return status{map[bool]string{true: "Enabled", false: "Disabled"}[on]} }
	out := rule{
		ID: "archive", Priority: 1, Status: state(!r.Off).Status, DeleteMarkerReplication: state(r.Markers),
		Destination: destination{Bucket: "arn:aws:s3:::" + r.Bucket, Account: r.Account, Metrics: state(true)},
	}
	if r.Account != "" {
		out.Destination.AccessControlTranslation = &owner{"Destination"}
	}
	if r.Key != "" {
		enabled := state(true)
		out.SelectionOfKeys, out.Destination.EncryptionConfiguration = &enabled, &key{r.Key}
	}
	a := newAnswer()
	a.xml = struct {
		XMLName xml.Name `xml:"ReplicationConfiguration"`
		NS      string   `xml:"xmlns,attr"`
		Role    string
		Rule    rule
	}{NS: namespace, Role: "arn:aws:iam::" + s.account + ":role/replication", Rule: out}
	return a, nil
}
