package s3api

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// Settings are the settings of a bucket. Key and the lock are not applied to objects, only
// answers show them.
type Settings struct {
	// Readers are the accounts that the bucket's policy allows to read.
	Readers []string
	// Key is the ARN of the KMS key of the default encryption, "" for SSE-S3, which every
	// bucket has (User Guide, "Setting default server-side encryption behavior").
	Key string
	// LockMode is GOVERNANCE or COMPLIANCE for a default retention of LockDays, "" for a
	// bucket without Object Lock.
	LockMode string
	LockDays int
	// Replication is the replication configuration, nil for none.
	Replication *Replication
	// Expirations are lifecycle rules that remove noncurrent object versions.
	Expirations []Expiration
}

// Replication is a replication configuration with one rule, for all objects.
type Replication struct {
	Bucket  string // the destination
	Account string // its owner, for owner override; "" for none
	Key     string // ARN of the KMS key of replicas; "" if objects under a KMS key are not selected
	Markers bool   // whether delete markers are replicated
	Off     bool   // the rule is disabled
}

// Expiration is a lifecycle rule.
type Expiration struct {
	ID, Prefix string
	Days       int
}

// Configure changes the settings of a bucket.
func (s *Store) Configure(bucket string, settings Settings) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return fmt.Errorf("configure bucket %s: it does not exist", bucket)
	}
	b.settings = settings
	return nil
}

// getBucketPolicy says that the bucket has none: no bucket has.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func (s *Store) getBucketPolicy(*request) (*answer, error) {
	return nil, refuse(http.StatusNotFound, "NoSuchBucketPolicy", "The bucket policy does not exist")
}

// getPublicAccessBlock says that the bucket has none: no bucket has.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html
func (s *Store) getPublicAccessBlock(*request) (*answer, error) {
	return nil, refuse(http.StatusNotFound, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
}

// getBucketEncryption follows API, GetBucketEncryption.
func (s *Store) getBucketEncryption(q *request) (*answer, error) {
	type byDefault struct {
		SSEAlgorithm   string
		KMSMasterKeyID string `xml:",omitempty"`
	}
	type rule struct {
		Default   byDefault `xml:"ApplyServerSideEncryptionByDefault"`
		BucketKey bool      `xml:"BucketKeyEnabled"`
	}
	r := rule{Default: byDefault{SSEAlgorithm: "AES256"}}
	if key := s.buckets[q.bucket].settings.Key; key != "" {
		r = rule{Default: byDefault{"aws:kms", key}, BucketKey: true}
	}
	a := newAnswer()
	a.xml = struct {
		XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
		NS      string   `xml:"xmlns,attr"`
		Rule    rule
	}{NS: namespace, Rule: r}
	return a, nil
}

// getObjectLockConfiguration follows API, GetObjectLockConfiguration; the error is that of
// "Error responses".
func (s *Store) getObjectLockConfiguration(q *request) (*answer, error) {
	settings := s.buckets[q.bucket].settings
	if settings.LockMode == "" {
		return nil, refuse(http.StatusNotFound, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	}
	a := newAnswer()
	a.xml = struct {
		XMLName xml.Name `xml:"ObjectLockConfiguration"`
		NS      string   `xml:"xmlns,attr"`
		Enabled string   `xml:"ObjectLockEnabled"`
		Mode    string   `xml:"Rule>DefaultRetention>Mode"`
		Days    int      `xml:"Rule>DefaultRetention>Days"`
	}{NS: namespace, Enabled: "Enabled", Mode: settings.LockMode, Days: settings.LockDays}
	return a, nil
}

// getBucketLifecycleConfiguration follows API, GetBucketLifecycleConfiguration; the error is
// that of "Special errors".
func (s *Store) getBucketLifecycleConfiguration(q *request) (*answer, error) {
	type rule struct {
		ID     string
		Prefix string `xml:"Filter>Prefix"`
		Status string
		Days   int `xml:"NoncurrentVersionExpiration>NoncurrentDays"`
	}
	var rules []rule
	for _, e := range s.buckets[q.bucket].settings.Expirations {
		rules = append(rules, rule{e.ID, e.Prefix, "Enabled", e.Days})
	}
	if rules == nil {
		return nil, refuse(http.StatusNotFound, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	}
	a := newAnswer()
	a.xml = struct {
		XMLName xml.Name `xml:"LifecycleConfiguration"`
		NS      string   `xml:"xmlns,attr"`
		Rules   []rule   `xml:"Rule"`
	}{NS: namespace, Rules: rules}
	return a, nil
}
