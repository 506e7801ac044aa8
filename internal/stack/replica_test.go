package stack

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// copyAccount and copyRegion are those of the copy in the tests.
const (
	copyAccount = "210987654321"
	copyRegion  = "eu-west-1"
)

func copyOf(change func(*Replica)) Replica {
	r := Replica{
		Stack: testStack, Account: testAccount, Region: testRegion, Bucket: "copy", Role: "/ops/ssmbak-ReplicationRole-*", Encryption: "Key",
		LockMode: "COMPLIANCE", LockDays: "90", ExpireDays: "0", IndexExpireDays: "90",
	}
	if change != nil {
		change(&r)
	}
	return r
}

// renderCopy renders the template of a copy in a partition.
func renderCopy(t *testing.T, r Replica, partition string, given map[string]string) rendered {
	t.Helper()
	all := map[string]string{"AWS::Partition": partition, "AWS::AccountId": copyAccount, "AWS::Region": copyRegion}
	maps.Copy(all, given)
	return renderTemplate(t, sourceOf(t, encode(decodeYAML(r.String()))), all)
}

// allowsFrom reports whether policies of a resource allow a request of a principal of an
// account, whose own policies allow everything. In the account of a bucket, those suffice.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-cross-account.html
func allowsFrom(t *testing.T, all []statement, account string, r request) (allowed bool) {
	t.Helper()
	allowed = account == copyAccount && strings.HasPrefix(r.action, "s3:")
	for _, s := range all {
		if !s.applies(t, r) {
			continue
		}
		if s.effect == "Deny" {
			return false
		}
		principals, some := s.principal.(map[string]any)
		allowed = allowed || !some // it is for all
		for _, principal := range strs(principals["AWS"]) {
			allowed = allowed || strings.HasSuffix(principal, ":iam::"+account+":root")
		}
	}
	return allowed
}

// TestReplicaAgrees checks, in each partition, that the copy accepts what the stack's role
// sends, and from no one else, and that it keeps and locks what it should. Each statement of its
// policies is needed.
func TestReplicaAgrees(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.partition, func(t *testing.T) {
			t.Parallel()
			key := "arn:" + p.partition + ":kms:" + copyRegion + ":" + copyAccount + ":key/copy"
			source := render(t, map[string]string{
				"AWS::Partition": p.partition, "RolePath": "/ops/", "ReplicaBucket": "copy", "ReplicaAccount": copyAccount, "ReplicaKeyArn": key, "LockMode": "GOVERNANCE", "LockDays": "30",
			})
			there := renderCopy(t, copyOf(nil), p.partition, map[string]string{"ReaderArns": "arn:" + p.partition + ":iam::333333333333:root"})
			bucket, keyPolicy := statementsOf(t, get(t, there, "BucketPolicy", "PolicyDocument")), statementsOf(t, get(t, there, "Key", "KeyPolicy"))
			failing := func(bucket, key []statement) (all []string) {
				for _, a := range replicaAttacks(t, p, source) {
					policy := bucket
					if strings.HasPrefix(a.action, "kms:") {
						policy = key
					}
					account := strings.Split(a.by, ":")[4]
					c := map[string]string{"aws:PrincipalArn": a.by, "aws:SecureTransport": "true"}
					maps.Copy(c, a.context)
					if got := allowsFrom(t, policy, account, request{a.action, a.resource, c}); got != a.allowed {
						all = append(all, fmt.Sprintf("want %v: %v", a.allowed, a))
					}
				}
				return all
			}
			for _, wrong := range failing(bucket, keyPolicy) {
				t.Error(wrong)
			}
			for i, s := range bucket {
				if len(failing(without(bucket, i), keyPolicy)) == 0 {
					t.Errorf("nothing depends on %s in the bucket's policy", s.sid)
				}
			}
			for i, s := range keyPolicy {
				if len(failing(bucket, without(keyPolicy, i))) == 0 {
					t.Errorf("nothing depends on %s in the key's policy", s.sid)
				}
			}
		})
	}
}

// replicaAttacks returns requests to a copy, and whether its policies must allow them.
func replicaAttacks(t *testing.T, p place, source rendered) (all []attack) {
	t.Helper()
	bucket, objects, key := p.arn("s3", "", "", testBucket), p.arn("s3", "", "", testBucket)+"//app/db", "*"
	role := strings.Replace(replicationOf(t, source)["Role"].(string), "arn:aws:", "arn:"+p.partition+":", 1)
	admin, impostor := p.iam("role/admin"), p.iam("role/ops/ssmbak-Replication")
	theirs, reader := p.arn("iam", "", copyAccount, "role/admin"), p.arn("iam", "", "333333333333", "role/restorer")
	through := map[string]string{"kms:ViaService": "s3." + copyRegion + ".amazonaws.com", "kms:EncryptionContext:aws:s3:arn": p.arn("s3", "", "", "copy")}
	elsewhere := map[string]string{"kms:ViaService": "s3." + copyRegion + ".amazonaws.com", "kms:EncryptionContext:aws:s3:arn": p.arn("s3", "", "", "other")}
	add := func(action, resource string, context map[string]string, allowed ...string) {
		for _, by := range []string{role, admin, impostor, theirs, reader} {
			all = append(all, attack{by, action, resource, context, slices.Contains(allowed, by)})
		}
	}
	// What the source's role may do to the copy is what the copy lets it do.
	for _, s := range statementsOf(t, get(t, source, "ReplicationPolicy", "PolicyDocument")) {
		switch s.sid {
		case "Replicate":
			for _, action := range s.actions {
				if action == "s3:ObjectOwnerOverrideToBucketOwner" { // of no use alone
					add(action, objects, nil, role, theirs)
					continue
				}
				add(action, objects, nil, role)
			}
		case "EncryptCopies":
			for _, action := range s.actions {
				allowed := []string{role}
				if action == "kms:Decrypt" {
					allowed = append(allowed, theirs, reader)
				}
				add(action, key, through, allowed...)
				add(action, key, nil)
			}
			add("kms:Encrypt", key, elsewhere)
		}
	}
	add("s3:GetBucketVersioning", bucket, nil, role, admin, impostor, theirs)
	add("s3:PutBucketVersioning", bucket, nil, theirs)
	add("s3:PutObject", objects, nil)
	add("s3:DeleteObject", objects, nil)
	add("s3:DeleteObjectVersion", objects, nil, theirs) // unless it is locked
	add("s3:GetObjectVersion", objects, nil, theirs, reader)
	add("s3:ListBucketVersions", bucket, nil, theirs, reader)
	add("s3:GetBucketVersioning", bucket, map[string]string{"aws:SecureTransport": "false"})
	add("kms:PutKeyPolicy", key, nil, theirs)
	return all
}

// TestReplicaKeeps checks that the copy has the lifecycle rules of the archive, and is locked.
func TestReplicaKeeps(t *testing.T) {
	t.Parallel()
	for _, days := range []string{"0", "365"} {
		source := render(t, map[string]string{"ExpireDays": days, "IndexExpireDays": "30"})
		there := renderCopy(t, copyOf(func(r *Replica) { r.ExpireDays, r.IndexExpireDays = days, "30" }), "aws", nil)
		if diff := cmp.Diff(get(t, source, "Bucket", "LifecycleConfiguration"), get(t, there, "Bucket", "LifecycleConfiguration")); diff != "" {
			t.Errorf("--expire-days %s (-archive +copy):\n%s", days, diff)
		}
		for _, same := range []string{"VersioningConfiguration", "PublicAccessBlockConfiguration", "OwnershipControls"} {
			if diff := cmp.Diff(get(t, source, "Bucket", same), get(t, there, "Bucket", same)); diff != "" {
				t.Errorf("%s (-archive +copy):\n%s", same, diff)
			}
		}
		if lock := get(t, there, "Bucket", "ObjectLockConfiguration", "Rule", "DefaultRetention").(map[string]any); lock["Mode"] != "COMPLIANCE" || lock["Days"] != "90" {
			t.Errorf("the lock is %v", lock)
		}
	}
}

// TestReplicaCommand checks that the command of the output is what the archive needs.
func TestReplicaCommand(t *testing.T) {
	t.Parallel()
	const begin = "ssmbak-stack ssmbak update --region us-east-1 --replica-bucket ssmbak-bucket-test"
	for _, test := range []struct {
		change  func(*Replica)
		account string
		want    string
	}{
		{nil, copyAccount, begin + " --replica-account 210987654321 --replica-key-arn arn:aws:kms:eu-west-1:123456789012:key/stack"},
		{nil, testAccount, begin + " --replica-key-arn arn:aws:kms:eu-west-1:123456789012:key/stack"},
		{func(r *Replica) { r.Encryption = "S3" }, copyAccount, begin + " --replica-account 210987654321"},
	} {
		there := renderCopy(t, copyOf(test.change), "aws", map[string]string{"AWS::AccountId": test.account})
		if got := there.outputs["UpdateCommand"]; got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

// TestReplicaLint runs cfn-lint, if it is installed.
func TestReplicaLint(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long, and tests nothing but the template")
	}
	program.Need(t, "cfn-lint", "SSMBAK_REQUIRE_CFN_LINT", "pip install cfn-lint")
	path := filepath.Join(t.TempDir(), "copy.yaml")
	if err := os.WriteFile(path, []byte(copyOf(nil).String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--ignore-checks", "W1033", "--regions", "us-east-1", "cn-north-1", "us-gov-west-1", "--", path}
	if out, err := exec.CommandContext(t.Context(), "cfn-lint", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("cfn-lint %q: %v\n%s", args, err, out)
	}
}
