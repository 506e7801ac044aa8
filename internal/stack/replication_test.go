package stack

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replicationOf returns the replication configuration of the bucket of a stack.
func replicationOf(t *testing.T, r rendered) map[string]any {
	t.Helper()
	found, _ := get(t, r, "Bucket", "ReplicationConfiguration").(map[string]any)
	return found
}

// TestReplication checks the replication configuration: of everything and with delete
// markers, owned by the account of the copy only if that is another one, and with a key only
// if there is one.
func TestReplication(t *testing.T) {
	t.Parallel()
	if got := replicationOf(t, render(t, defaultsWithCode)); got != nil {
		t.Errorf("without a copy there is %v", got)
	}
	rule := func(more, destination map[string]any) map[string]any {
		all := map[string]any{
			"Id": "archive", "Status": "Enabled", "Priority": "1", "Filter": map[string]any{"Prefix": ""},
			"DeleteMarkerReplication": map[string]any{"Status": "Enabled"},
			"Destination":             map[string]any{"Bucket": "arn:aws:s3:::copy", "Metrics": map[string]any{"Status": "Enabled"}},
		}
		for k, v := range more {
			all[k] = v
		}
		for k, v := range destination {
			all["Destination"].(map[string]any)[k] = v
		}
		return map[string]any{"Role": "arn:aws:iam::123456789012:role/ssmbak-ReplicationRole-Ab1", "Rules": []any{all}}
	}
	const key = "arn:aws:kms:eu-west-1:210987654321:key/copy"
	keyed := map[string]any{"SourceSelectionCriteria": map[string]any{"SseKmsEncryptedObjects": map[string]any{"Status": "Enabled"}}}
	with := func(more ...any) map[string]any {
		d := map[string]any{}
		for i := 0; i < len(more); i += 2 {
			d[more[i].(string)] = more[i+1]
		}
		return d
	}
	owner, encryption := map[string]any{"Owner": "Destination"}, map[string]any{"ReplicaKmsKeyID": key}
	for _, test := range []struct {
		given map[string]string
		want  map[string]any
	}{
		{map[string]string{"ReplicaBucket": "copy", "Encryption": "S3"}, rule(nil, nil)},
		{map[string]string{"ReplicaBucket": "copy", "Encryption": "S3", "ReplicaAccount": testAccount}, rule(nil, nil)},
		{map[string]string{"ReplicaBucket": "copy", "ReplicaKeyArn": key}, rule(keyed, with("EncryptionConfiguration", encryption))},
		{replica, rule(keyed, with("Account", "210987654321", "AccessControlTranslation", owner, "EncryptionConfiguration", encryption))},
	} {
		if diff := cmp.Diff(test.want, replicationOf(t, render(t, test.given))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.given, diff)
		}
	}
}

// TestReplicationRole checks that the role may do what AWS documents for a copy in another
// account, and nothing else: it never reads or writes an object itself.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html
func TestReplicationRole(t *testing.T) {
	t.Parallel()
	const source, copied, key, copyKey = "arn:aws:s3:::" + testBucket, "arn:aws:s3:::copy", "arn:aws:kms:us-east-1:123456789012:key/stack", "arn:aws:kms:eu-west-1:210987654321:key/copy"
	through := func(region, bucket string) map[string]string {
		return map[string]string{"kms:ViaService": "s3." + region + ".amazonaws.com", "kms:EncryptionContext:aws:s3:arn": bucket}
	}
	locked := map[string]string{"LockMode": "GOVERNANCE", "LockDays": "30", "PermissionsBoundary": "arn:aws:iam::123456789012:policy/b", "RolePath": "/ops/"}
	for name, value := range replica {
		locked[name] = value
	}
	r := render(t, locked)
	if path, boundary := get(t, r, "ReplicationRole", "Path"), get(t, r, "ReplicationRole", "PermissionsBoundary"); path != "/ops/" || boundary != locked["PermissionsBoundary"] {
		t.Errorf("the role has the path %v and the boundary %v", path, boundary)
	}
	role := newRole(t, r, "arn:aws:iam::123456789012:role/ops/ssmbak-ReplicationRole-Ab1")
	role.attach(r, "ReplicationPolicy")
	does := []Request{
		{"s3:GetReplicationConfiguration", source, nil},
		{"s3:ListBucket", source, nil},
		{"kms:Decrypt", key, through("us-east-1", source)},
		{"kms:Decrypt", key, through("us-east-1", source+"//app/db")},
		{"kms:Encrypt", copyKey, through("eu-west-1", copied)},
		{"kms:Encrypt", copyKey, through("eu-west-1", copied+"//app/db")},
		{"kms:Decrypt", copyKey, through("eu-west-1", copied)},
	}
	for _, action := range []string{"GetObjectVersionAcl", "GetObjectVersionForReplication", "GetObjectVersionTagging", "GetObjectLegalHold", "GetObjectRetention"} {
		does = append(does, Request{"s3:" + action, source + "//app/db", nil})
	}
	for _, action := range []string{"ReplicateObject", "ReplicateDelete", "ReplicateTags", "ObjectOwnerOverrideToBucketOwner"} {
		does = append(does, Request{"s3:" + action, copied + "/.ssmbak/index/app/db", nil})
	}
	there := *role
	there.p.bucket = nil // the policy is that of the archive's bucket
	for _, request := range does {
		if !role.Allows(request) && (!strings.HasPrefix(request.resource, copied) || !there.Allows(request)) {
			t.Errorf("it may not do %v", request)
		}
	}
	if unused := role.Unused(); len(unused) > 0 {
		t.Errorf("it need not do %q", unused)
	}
	for _, request := range []Request{
		{"s3:GetObject", source + "//app/db", nil},
		{"s3:GetObjectVersion", source + "//app/db", nil},
		{"s3:PutObject", source + "//app/db", nil},
		{"s3:ReplicateObject", source + "//app/db", nil},
		{"s3:ReplicateObject", "arn:aws:s3:::another//app/db", nil},
		{"s3:PutReplicationConfiguration", source, nil},
		{"s3:PutObject", copied + "//app/db", nil},
		{"s3:DeleteObjectVersion", copied + "//app/db", nil},
		{"s3:GetObjectVersion", copied + "//app/db", nil},
		{"kms:Decrypt", key, nil},
		{"kms:Decrypt", key, through("us-east-1", "arn:aws:s3:::another")},
		{"kms:Encrypt", copyKey, through("eu-west-1", "arn:aws:s3:::copy-2")},
		{"kms:Encrypt", copyKey, map[string]string{"kms:ViaService": "ssm.eu-west-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": copied}},
	} {
		if role.Allows(request) || there.Allows(request) {
			t.Errorf("it may do %v", request)
		}
	}
	// The key's policy must allow it, too.
	if Unrestricted(t, locked, "arn:aws:iam::123456789012:role/ops/other").Allows(Request{"kms:Decrypt", key, through("us-east-1", source)}) {
		t.Error("another role may decrypt the archive")
	}
	// In the same account, without a lock and a key, it needs less.
	plain := statementsOf(t, get(t, render(t, map[string]string{"ReplicaBucket": "copy", "Encryption": "S3"}), "ReplicationPolicy", "PolicyDocument"))
	for _, s := range plain {
		for _, action := range []string{"s3:GetObjectRetention", "s3:ObjectOwnerOverrideToBucketOwner", "kms:Decrypt", "kms:Encrypt"} {
			if slices.Contains(s.actions, action) {
				t.Errorf("it may do %s without need", action)
			}
		}
	}
}
