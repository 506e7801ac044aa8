package s3api_test

import (
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
)

// TestReplicationRule checks which versions a rule selects, and what becomes of them.
func TestReplicationRule(t *testing.T) {
	t.Parallel()
	home, vault := s3api.New(s3api.Options{Account: "111111111111"}), s3api.New(s3api.Options{Account: "222222222222", Region: "eu-west-1", Seed: 1})
	home.CreateBucket("home", true)
	vault.CreateBucket("vault", true)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(key string) { must(home.Put("home", key, []byte(key))) }
	there := func() string { return strings.Join(vault.Keys("vault"), " ") }
	put("before")
	must(home.Configure("home", s3api.Settings{Replication: &s3api.Replication{Bucket: "vault"}}))
	put("late")
	put("after")
	must(home.Replicate("home", vault, "vault", func(v s3api.Version) bool { return v.Key == "late" }))
	if got := there(); got != "after" {
		t.Errorf("the copy has %q: what is older than the rule, or pending", got)
	}
	must(home.FailReplication("home", func(v s3api.Version) bool { return v.Key == "late" }))
	must(home.Replicate("home", vault, "vault", nil))
	if got := there(); got != "after" {
		t.Errorf("the copy has %q: what failed is tried again", got)
	}
	must(home.ReplicateAgain("home"))
	must(home.Replicate("home", vault, "vault", nil))
	if got := there(); got != "after before late" {
		t.Errorf("after S3 Batch Replication the copy has %q", got)
	}
	if a, b := home.Versions("home", "late")[0], vault.Versions("vault", "late")[0]; a.VersionID != b.VersionID || !a.LastModified.Equal(b.LastModified) {
		t.Errorf("the replica of %+v is %+v", a, b)
	}

	// Under a key of the bucket, only a rule with a key selects objects without a header.
	must(home.Configure("home", s3api.Settings{Key: "arn:aws:kms:us-east-1:111111111111:key/1", Replication: &s3api.Replication{Bucket: "vault"}}))
	put("secret")
	must(home.Replicate("home", vault, "vault", nil))
	if got := there(); strings.Contains(got, "secret") {
		t.Errorf("the copy has %q, without a key", got)
	}

	// Removals of versions are not replicated, and a copy of a locked bucket is locked.
	home.RemoveVersion("home", "after", home.Versions("home", "after")[0].VersionID)
	must(home.Replicate("home", vault, "vault", nil))
	if got := there(); !strings.Contains(got, "after") {
		t.Errorf("the copy has %q after a removal", got)
	}
	must(home.Configure("home", s3api.Settings{LockMode: "GOVERNANCE", LockDays: 1, Replication: &s3api.Replication{Bucket: "vault"}}))
	if err := home.Replicate("home", vault, "vault", nil); err == nil {
		t.Error("a locked bucket is replicated to one without Object Lock")
	}
	if err := home.Replicate("home", vault, "other", nil); err == nil {
		t.Error("a bucket is replicated to another one than its rule names")
	}
}
