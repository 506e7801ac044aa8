package stack_test

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/stack"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	bucket  = "ssmbak-bucket-test"

	archiveKey archive.Header = "arn:aws:kms:us-east-1:123456789012:key/stack"
)

// in returns a request with the bucket and the key of a stack with the given parameters.
// ok is false if the request does not exist there.
func in(r stack.Request, given map[string]string) (stack.Request, bool) {
	resource := r.Resource()
	if resource == "the archive's key" {
		switch {
		case given["KeyArn"] != "":
			resource = given["KeyArn"]
		case given["BucketName"] != "" || given["Encryption"] == "S3":
			return r, false
		default:
			resource = "arn:aws:kms:us-east-1:123456789012:key/stack"
		}
	}
	if given["BucketName"] != "" {
		resource = strings.Replace(resource, bucket, given["BucketName"], 1)
	}
	return stack.NewRequest(r.Action(), resource, r.Context()), true
}

// TestPermissions checks that the stack's roles and policies allow everything that the
// functions and commands do, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	byDefault := collect(t, archive.Encryption{Values: archive.HeaderNone, Indexes: archive.HeaderS3})
	underKey := collect(t, archive.Encryption{Values: archiveKey, Indexes: archiveKey})
	for name, given := range stack.States() {
		did := byDefault
		if given["IndexHeader"] == "aws:kms" {
			did = underKey
		}
		t.Run(url.PathEscape(name), func(t *testing.T) {
			t.Parallel()
			// Restore records are in the same statement as objects of which older versions are read.
			records := "ReadIndexes s3:GetObjectVersion arn:aws:s3:::" + cmp.Or(given["BucketName"], bucket) + "/.ssmbak/restores/*"
			restorers := []string{"FindTheBucket ", "SignIndexes ", records} // TestSigners
			if given["IndexHeader"] == "aws:kms" {                           // then ssmbak-stack create writes it
				restorers = append(restorers, "WriteIndexes s3:PutObject arn:aws:s3:::"+cmp.Or(given["BucketName"], bucket)+"/.ssmbak/archive")
			}
			for _, who := range []struct {
				name string
				role func() *stack.Role
				does []stack.Request
				idle []string // prefixes of permissions that the test does not use
			}{
				{"recorder", func() *stack.Role { return stack.RoleOf(t, given, "FunctionRole") }, did.recorder, []string{
					"Queue ", "Log ", // used by Lambda itself
					"ReadIndexes s3:GetObjectVersion arn:aws:s3:::" + cmp.Or(given["BucketName"], bucket) + "/.ssmbak/index/*", // the reconciler does
				}},
				{"reconciler", func() *stack.Role { return stack.RoleOf(t, given, "ReconcilerRole") }, did.reconciler, []string{"Log "}},
				{"verifier", verifierOf(t, given), did.verifier, []string{
					"Log ",
					"ReadIndexes s3:GetObject arn:aws:s3:::" + cmp.Or(given["BucketName"], bucket) + "/.ssmbak/index/*", // if it changes meanwhile
					"ReadRecords s3:GetObject arn:aws:s3:::" + cmp.Or(given["BucketName"], bucket) + "/.ssmbak/listing", // TestSigners
					"ReadRecords s3:GetObject arn:aws:s3:::" + cmp.Or(given["BucketName"], bucket) + "/.ssmbak/proved",
					"VerifySignatures ",
				}},
				{"reader", func() *stack.Role { return stack.PersonOf(t, given, "ReaderPolicy") }, did.reader, []string{"FindTheBucket ", records}}, // SSMBAK_STACKNAME; tested on moto
				{"restorer", func() *stack.Role { return stack.PersonOf(t, given, "ReaderPolicy", "RestorerPolicy") }, did.restorer, restorers},
			} {
				role := who.role()
				for _, r := range who.does {
					if r, ok := in(r, given); ok && !role.Allows(r) {
						t.Errorf("the %s may not do %v", who.name, r)
					}
				}
				for _, unused := range role.Unused() {
					if strings.HasSuffix(unused, ":key/none") {
						continue // means no key
					}
					if !slices.ContainsFunc(who.idle, func(p string) bool { return strings.HasPrefix(unused, p) }) {
						t.Errorf("the %s never does: %s", who.name, unused)
					}
				}
			}
		})
	}
}

// verifierOf returns the role of the function that verifies the archive of a stack that has
// the given parameters.
func verifierOf(t *testing.T, given map[string]string) func() *stack.Role {
	return func() *stack.Role {
		verifies := maps.Clone(given)
		if verifies["Verify"] == "" {
			verifies["Verify"] = "rate(1 day)"
		}
		return stack.RoleOf(t, verifies, "VerifierRole")
	}
}

// TestImpossible checks what no credential of the stack can do.
func TestImpossible(t *testing.T) {
	t.Parallel()
	const object, key = "arn:aws:s3:::" + bucket + "/", "arn:aws:kms:us-east-1:123456789012:key/stack"
	through := func(service string) map[string]string {
		return map[string]string{"kms:ViaService": service + ".us-east-1.amazonaws.com"}
	}
	parameter := func(account string) map[string]string {
		c := through("ssm")
		c["kms:EncryptionContext:PARAMETER_ARN"] = "arn:aws:ssm:us-east-1:" + account + ":parameter/app/db"
		return c
	}
	never := []stack.Request{ // for functions, readers and restorers
		stack.NewRequest("s3:DeleteObjectVersion", object+"/app/db", nil),
		stack.NewRequest("s3:DeleteObjectVersion", object+".ssmbak/index/app/db", nil),
		stack.NewRequest("s3:DeleteObject", object+".ssmbak/index/app/db", nil),
		stack.NewRequest("s3:PutObject", object+".ssmbak/lambda/x.zip", nil),
		stack.NewRequest("s3:PutObject", object+"elsewhere", nil),
		stack.NewRequest("s3:PutBucketPolicy", "arn:aws:s3:::"+bucket, nil),
		stack.NewRequest("s3:PutBucketVersioning", "arn:aws:s3:::"+bucket, nil),
		stack.NewRequest("s3:PutLifecycleConfiguration", "arn:aws:s3:::"+bucket, nil),
		stack.NewRequest("s3:BypassGovernanceRetention", object+"/app/db", nil),
		stack.NewRequest("s3:PutObjectRetention", object+"/app/db", nil),
		stack.NewRequest("s3:GetObject", "arn:aws:s3:::another//app/db", nil),
		stack.NewRequest("kms:Decrypt", key, nil), // not through S3
		stack.NewRequest("kms:ScheduleKeyDeletion", key, nil),
		stack.NewRequest("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/app", through("secretsmanager")),
		stack.NewRequest("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/app", through("ssm")), // nothing of a parameter
		stack.NewRequest("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/app", parameter("999999999999")),
		stack.NewRequest("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/app", map[string]string{
			"kms:EncryptionContext:PARAMETER_ARN": "arn:aws:ssm:us-east-1:123456789012:parameter/app/db",
		}), // not through Parameter Store
		stack.NewRequest("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/app/db", nil),
		stack.NewRequest("ssm:DeleteParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db", nil),
		stack.NewRequest("iam:PassRole", "*", nil),
		stack.NewRequest("lambda:UpdateFunctionCode", "arn:aws:lambda:us-east-1:123456789012:function:ssmbak-recorder", nil),
	}
	functions := []stack.Request{
		stack.NewRequest("s3:GetObject", object+"/app/db", nil),
		stack.NewRequest("s3:GetObjectVersion", object+"/app/db", nil),
		stack.NewRequest("kms:Decrypt", key, through("s3")),
		stack.NewRequest("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db", nil),
		stack.NewRequest("ssm:DeleteParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db", nil),
		stack.NewRequest("ssm:DeleteParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/newvoll/ssmbak/bucketname", nil),
		stack.NewRequest("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/newvoll/ssmbak/drill/x", nil),
		stack.NewRequest("s3:PutObject", object+".ssmbak/restores/1", nil),
		stack.NewRequest("s3:GetObject", object+".ssmbak/restores/1", nil),
	}
	readers := []stack.Request{
		stack.NewRequest("s3:PutObject", object+"/app/db", nil),
		stack.NewRequest("s3:PutObject", object+".ssmbak/index/app/db", nil),
		stack.NewRequest("s3:DeleteObject", object+"/app/db", nil),
		stack.NewRequest("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db", nil),
		stack.NewRequest("kms:GenerateDataKey", key, through("s3")),
		stack.NewRequest("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db", nil),
		stack.NewRequest("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/app", parameter("123456789012")),
	}
	given := stack.States()["everything"]
	plainHTTP := func(r stack.Request) stack.Request {
		c := map[string]string{"aws:SecureTransport": "false"}
		maps.Copy(c, r.Context())
		return stack.NewRequest(r.Action(), r.Resource(), c)
	}
	for _, who := range []struct {
		name   string
		role   *stack.Role
		denied []stack.Request
	}{
		{"the recorder", stack.RoleOf(t, given, "FunctionRole"), append(functions, stack.NewRequest("s3:PutObject", object+".ssmbak/proved", nil), stack.NewRequest("s3:GetObject", object+".ssmbak/proved", nil))},
		{"the reconciler", stack.RoleOf(t, given, "ReconcilerRole"), functions},
		{"the verifier", verifierOf(t, given)(), append(slices.Clone(readers),
			stack.NewRequest("s3:PutObject", object+".ssmbak/archive", nil), stack.NewRequest("s3:PutObject", object+".ssmbak/reconciled", nil),
			stack.NewRequest("s3:PutObject", object+".ssmbak/names/app/db", nil), stack.NewRequest("s3:PutObject", object+".ssmbak/marks/x", nil),
			stack.NewRequest("ssm:GetParameterHistory", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db", nil), stack.NewRequest("ssm:DescribeParameters", "*", nil),
			stack.NewRequest("kms:Sign", "arn:aws:kms:us-east-1:123456789012:key/sign", nil),
		)},
		{"a reader", stack.PersonOf(t, given, "ReaderPolicy"), readers},
		{"a restorer", stack.PersonOf(t, given, "ReaderPolicy", "RestorerPolicy"), nil},
	} {
		for _, r := range append(slices.Clone(never), who.denied...) {
			if who.role.Allows(r) {
				t.Errorf("%s may do %v", who.name, r)
			}
		}
		list := stack.NewRequest("s3:ListBucket", "arn:aws:s3:::"+bucket, nil)
		if !who.role.Allows(list) || who.role.Allows(plainHTTP(list)) {
			t.Errorf("%s may list the bucket over TLS: %v, without: %v", who.name, who.role.Allows(list), who.role.Allows(plainHTTP(list)))
		}
	}
}

// TestAdmins checks that only admins and the root user may change the bucket, whatever the
// policies of others allow.
func TestAdmins(t *testing.T) {
	t.Parallel()
	given := maps.Clone(stack.States()["defaults"])
	given["AdminArns"] = "arn:aws:iam::123456789012:role/admin,arn:aws:iam::123456789012:role/*/admin"
	for arn, want := range map[string]bool{
		"arn:aws:iam::123456789012:role/admin":                                true,
		"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/admin": true,
		"arn:aws:iam::123456789012:root":                                      true,
		"arn:aws:iam::123456789012:role/administrator":                        false,
		"arn:aws:iam::123456789012:user/admin":                                false,
		"arn:aws:iam::999999999999:root":                                      false,
	} {
		role := stack.Unrestricted(t, given, arn)
		for _, r := range []stack.Request{
			stack.NewRequest("s3:DeleteObjectVersion", "arn:aws:s3:::"+bucket+"//app/db", nil),
			stack.NewRequest("s3:PutBucketPolicy", "arn:aws:s3:::"+bucket, nil),
			stack.NewRequest("s3:PutLifecycleConfiguration", "arn:aws:s3:::"+bucket, nil),
			stack.NewRequest("s3:PutBucketVersioning", "arn:aws:s3:::"+bucket, nil),
		} {
			if got := role.Allows(r); got != want {
				t.Errorf("%s may do %v: %v", arn, r, got)
			}
		}
	}
	given["DecryptArns"] = "arn:aws:iam::123456789012:role/ops-*"
	decrypt := stack.NewRequest("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/stack", map[string]string{"kms:ViaService": "s3.us-east-1.amazonaws.com"})
	if !stack.Unrestricted(t, given, "arn:aws:iam::123456789012:role/ops-1").Allows(decrypt) || stack.Unrestricted(t, given, "arn:aws:iam::123456789012:role/dev").Allows(decrypt) {
		t.Error("DecryptArns does not determine who may decrypt the archive")
	}
}
