package stack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

// Principals of the tests. Their own policies allow everything, so that only the stack's
// policies restrict them.
const (
	asAdmin      = "role/admin"
	asReader     = "role/reader"
	asRestorer   = "role/ops/restorer"
	asMarker     = "role/pipeline"
	asOther      = "role/developer"
	asRoot       = "root"
	asRecorder   = "role/ssmbak-FunctionRole-Ab1"
	asReconciler = "role/ssmbak-ReconcilerRole-Ab1"
	asVerifier   = "role/ssmbak-VerifierRole-Ab1"
)

// attack is a request of a principal, and whether it must be allowed.
type attack struct {
	by, action, resource string
	context              map[string]string
	allowed              bool
}

func (a attack) String() string {
	return fmt.Sprintf("%s, %s on %s %v", a.by, a.action, a.resource, a.context)
}

// place is a partition and one of its Regions.
type place struct{ partition, region, suffix string }

var places = []place{{"aws", "us-east-1", "amazonaws.com"}, {"aws-cn", "cn-north-1", "amazonaws.com.cn"}, {"aws-us-gov", "us-gov-west-1", "amazonaws.com"}}

func (p place) arn(service, region, account, resource string) string {
	return strings.Join([]string{"arn", p.partition, service, region, account, resource}, ":")
}

func (p place) iam(who string) string { return p.arn("iam", "", testAccount, who) }

// given returns parameters of a stack there that name a principal of each kind.
func (p place) given() map[string]string {
	return with("AWS::Partition", p.partition, "AWS::Region", p.region, "AWS::URLSuffix", p.suffix,
		"AdminArns", p.iam(asAdmin), "ReaderArns", p.iam(asReader), "RestorerArns", p.iam("role/*/restorer"), "MarkerArns", p.iam(asMarker), "Verify", "rate(1 day)")
}

// attacks returns requests that the policies of the bucket, the queues and the key must
// allow or deny.
func attacks(p place) (all []attack) {
	bucket, key := p.arn("s3", "", "", testBucket), p.arn("kms", p.region, testAccount, "key/stack")
	tls := map[string]string{"aws:SecureTransport": "true"}
	add := func(action, resource string, context map[string]string, allowed ...string) {
		for _, by := range []string{asAdmin, asReader, asRestorer, asMarker, asOther, asRoot, asRecorder, asVerifier} {
			c := maps.Clone(tls)
			maps.Copy(c, context)
			all = append(all, attack{by, action, resource, c, slices.Contains(allowed, by)})
		}
	}
	admins := []string{asAdmin, asRoot}
	for _, action := range []string{
		"DeleteBucket", "DeleteBucketPolicy", "PutBucketPolicy", "PutBucketVersioning", "PutLifecycleConfiguration", "PutEncryptionConfiguration",
		"PutReplicationConfiguration", "PutInventoryConfiguration", "PutBucketLogging", "PutBucketNotification", "PutBucketWebsite", "DeleteBucketWebsite",
		"PutBucketAcl", "PutBucketOwnershipControls", "PutBucketPublicAccessBlock", "PutBucketObjectLockConfiguration", "PutBucketRequestPayment",
	} {
		add("s3:"+action, bucket, nil, admins...)
	}
	for _, action := range []string{"DeleteObjectVersion", "PutObjectAcl", "PutObjectVersionAcl", "PutObjectRetention", "PutObjectLegalHold", "BypassGovernanceRetention"} {
		for _, object := range []string{"//app/db", "/.ssmbak/index/app/db", "/.ssmbak/marks/deploy"} {
			add("s3:"+action, bucket+object, nil, admins...)
		}
	}
	for _, object := range []string{"index/app/db", "archive", "lambda/x.zip", "marks/deploy", "restores/1", "verified"} {
		add("s3:DeleteObject", bucket+"/.ssmbak/"+object, nil, admins...)
	}
	add("s3:PutObject", bucket+"/.ssmbak/lambda/x.zip", nil, admins...)
	writers := append(slices.Clone(admins), asRestorer, asRecorder)
	for _, object := range []string{"/.ssmbak/index/app/db", "/.ssmbak/archive", "/.ssmbak/reconciled", "/.ssmbak/proved", "/.ssmbak/adopted", "//app/db", "/elsewhere"} {
		add("s3:PutObject", bucket+object, nil, writers...)
		add("s3:ReplicateObject", bucket+object, nil, writers...)
		add("s3:PutObjectTagging", bucket+object, nil, writers...)
	}
	add("s3:DeleteObject", bucket+"//app/db", nil, writers...)
	add("s3:PutObject", bucket+"/.ssmbak/marks/deploy", nil, append(slices.Clone(admins), asRestorer, asMarker)...)
	for _, action := range []string{"PutObject", "ReplicateObject"} {
		add("s3:"+action, bucket+"/.ssmbak/verified", nil, append(slices.Clone(admins), asRestorer, asVerifier)...)
	}
	for _, object := range []string{"0000000012", "leaves/9f86"} {
		for _, action := range []string{"s3:PutObject", "s3:ReplicateObject"} {
			add(action, bucket+"/.ssmbak/checkpoints/"+object, nil)
			all = append(all, attack{asReconciler, action, bucket + "/.ssmbak/checkpoints/" + object, tls, true})
		}
	}
	readers := append(slices.Clone(admins), asReader, asRestorer, asVerifier)
	add("s3:GetObject", bucket+"//app/db", nil, readers...)
	add("s3:GetObjectVersion", bucket+"//app/db", nil, readers...)
	add("s3:ListBucket", bucket, map[string]string{"aws:SecureTransport": "false"})

	for _, action := range []string{"CreateGrant", "PutKeyPolicy", "ScheduleKeyDeletion", "DisableKey", "DisableKeyRotation", "CreateAlias"} {
		add("kms:"+action, key, nil, admins...)
	}
	everyone := []string{asAdmin, asReader, asRestorer, asMarker, asOther, asRoot, asRecorder, asVerifier}
	for _, action := range []string{"EnableKey", "CancelKeyDeletion", "DescribeKey"} {
		add("kms:"+action, key, nil, everyone...)
	}
	for _, suffix := range []string{"amazonaws.com", p.suffix} {
		through := map[string]string{"kms:ViaService": "s3." + p.region + "." + suffix}
		add("kms:Decrypt", key, through, asAdmin, asReader, asRestorer, asVerifier)
		add("kms:GenerateDataKey", key, through, everyone...)
	}
	add("kms:Decrypt", key, nil)
	add("kms:Decrypt", key, map[string]string{"kms:ViaService": "ssm." + p.region + "." + p.suffix})

	for _, queue := range []string{"Q", "DeadLetterQ"} {
		on := p.arn("sqs", p.region, testAccount, queue)
		add("sqs:SendMessage", on, nil, admins...)
		add("sqs:SendMessage", on, map[string]string{"aws:SourceArn": p.arn("events", p.region, testAccount, "rule/forged")}, admins...)
		for _, rule := range []string{"TagRule", "TrailRule"} {
			add("sqs:SendMessage", on, map[string]string{"aws:SourceArn": p.arn("events", p.region, testAccount, "rule/ssmbak-"+rule)}, everyone...)
		}
		add("sqs:ReceiveMessage", on, map[string]string{"aws:SecureTransport": "false"})
	}
	return all
}

// failing returns the attacks with the wrong outcome.
func failing(t *testing.T, p place, bucket, key []statement, queues map[string][]statement) (all []attack) {
	t.Helper()
	everything := []statement{{sid: "all", effect: "Allow", actions: []string{"*"}, resources: []string{"*"}}}
	for _, a := range attacks(p) {
		who := policies{identity: everything, bucket: bucket, key: key, keyARN: p.arn("kms", p.region, testAccount, "key/stack")}
		if rest, ok := strings.CutPrefix(a.resource, p.arn("sqs", p.region, testAccount, "")); ok {
			who.queue = queues[rest]
		}
		c := maps.Clone(a.context)
		c["aws:PrincipalArn"] = p.iam(a.by)
		if got, _ := who.allows(t, request{a.action, a.resource, c}); got != a.allowed {
			all = append(all, a)
		}
	}
	return all
}

// without returns the statements except one.
func without(all []statement, i int) []statement {
	return slices.Delete(slices.Clone(all), i, i+1)
}

// TestAttacks checks, in each partition, what principals with any policies of their own
// can do to the bucket, the key and the queues, and that the test fails without any one
// of the statements.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.partition, func(t *testing.T) {
			t.Parallel()
			r := render(t, p.given())
			bucket, key := statementsOf(t, get(t, r, "BucketPolicy", "PolicyDocument")), statementsOf(t, get(t, r, "Key", "KeyPolicy"))
			queues := map[string][]statement{
				"Q": statementsOf(t, get(t, r, "QPolicy", "PolicyDocument")), "DeadLetterQ": statementsOf(t, get(t, r, "DeadLetterQPolicy", "PolicyDocument")),
			}
			for _, a := range failing(t, p, bucket, key, queues) {
				t.Errorf("want %v: %v", a.allowed, a)
			}
			if p.partition != "aws" && !extent.Long() {
				return
			}
			for i, s := range bucket {
				if len(failing(t, p, without(bucket, i), key, queues)) == 0 {
					t.Errorf("no attack depends on %s in the bucket's policy", s.sid)
				}
			}
			for i, s := range key {
				if len(failing(t, p, bucket, without(key, i), queues)) == 0 {
					t.Errorf("no attack depends on %s in the key's policy", s.sid)
				}
			}
			for name, all := range queues {
				for i, s := range all {
					if s.effect != "Deny" {
						continue
					}
					fewer := maps.Clone(queues)
					fewer[name] = without(all, i)
					if len(failing(t, p, bucket, key, fewer)) == 0 {
						t.Errorf("no attack depends on %s in the policy of %s", s.sid, name)
					}
				}
			}
		})
	}
}

// TestPartitions checks that no ARN in the template is of another partition, and that
// each condition on kms:ViaService allows both spellings: AWS documents amazonaws.com
// for all partitions, but others observed amazonaws.com.cn.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func TestPartitions(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		for id, res := range render(t, p.given()).resources {
			var visit func(v any)
			visit = func(v any) {
				switch v := v.(type) {
				case []any:
					for _, x := range v {
						visit(x)
					}
				case map[string]any:
					for k, x := range v {
						if k == "kms:ViaService" {
							list := strs(x)
							if len(list) != 2 || !strings.HasSuffix(list[0], "."+p.region+".amazonaws.com") || list[1] != list[0]+".cn" {
								t.Errorf("%s in %s: kms:ViaService is %v", id, p.partition, x)
							}
						}
						visit(x)
					}
				case string:
					if strings.HasPrefix(v, "arn:") && !strings.HasPrefix(v, "arn:"+p.partition+":") {
						t.Errorf("%s in %s has %s", id, p.partition, v)
					}
				}
			}
			visit(res.properties)
		}
	}
}

// TestTrust checks that only Lambda in this account can assume the roles.
func TestTrust(t *testing.T) {
	t.Parallel()
	r := render(t, with("Verify", "rate(1 day)"))
	for _, id := range []string{"FunctionRole", "ReconcilerRole", "VerifierRole"} {
		if got := get(t, r, id, "AssumeRolePolicyDocument", "Statement", "0", "Condition", "StringEquals", "aws:SourceAccount"); got != testAccount {
			t.Errorf("%s can be assumed for account %v", id, got)
		}
	}
}
