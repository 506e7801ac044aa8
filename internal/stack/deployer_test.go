package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notNeeded are permissions of the resource types that CloudFormation does not use for the
// template, by reason. Read permissions are in it only if they are of another service,
// since CloudFormation reads all properties of a resource.
var notNeeded = map[string][]string{
	"the functions are in no VPC, unless --subnet is given, and mount nothing": {
		"ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets",
	},
	"the functions have no layers, no signing, no concurrency of their own, no versions, and no key": {
		"lambda:DeleteFunctionCodeSigningConfig", "lambda:DeleteFunctionConcurrency", "lambda:GetLayerVersion", "lambda:PassCapacityProvider", "lambda:PublishVersion",
		"lambda:PutFunctionCodeSigningConfig", "lambda:PutFunctionConcurrency", "lambda:PutFunctionRecursionConfig", "lambda:PutFunctionScalingConfig",
		"lambda:PutRuntimeManagementConfig", "kms:CreateGrant", "kms:Encrypt",
	},
	"the key is never disabled": {"kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey"},
	"the policies are attached to roles, by those": {
		"iam:AttachGroupPolicy", "iam:AttachUserPolicy", "iam:DetachGroupPolicy", "iam:DetachUserPolicy", "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary",
	},
	"log groups have neither a key, unless --log-key-arn is given, nor a policy, nor an index, nor a delivery": {
		"firehose:TagDeliveryStream", "logs:AssociateKmsKey", "logs:CreateLogDelivery", "logs:DeleteDataProtectionPolicy", "logs:DeleteIndexPolicy", "logs:DeleteResourcePolicy",
		"logs:DisassociateKmsKey", "logs:PutBearerTokenAuthentication", "logs:PutDataProtectionPolicy", "logs:PutIndexPolicy", "logs:PutLogGroupDeletionProtection",
		"logs:PutResourcePolicy", "s3:REST.PUT.OBJECT",
	},
	"the topic has no data protection": {"sns:PutDataProtectionPolicy"},
	"the bucket has none of these": {
		"s3:CreateBucketMetadataTableConfiguration", "s3:DeleteBucketAnalyticsConfiguration", "s3:DeleteBucketCors", "s3:DeleteBucketMetadataTableConfiguration",
		"s3:DeleteBucketMetricsConfiguration", "s3:DeleteBucketReplication", "s3:DeleteBucketWebsite", "s3:PutAccelerateConfiguration", "s3:PutAnalyticsConfiguration",
		"s3:PutBucketAbac", "s3:PutBucketAcl", "s3:PutBucketCORS", "s3:PutBucketLogging", "s3:PutBucketNotification", "s3:PutBucketReplication", "s3:PutBucketWebsite",
		"s3:PutIntelligentTieringConfiguration", "s3:PutInventoryConfiguration", "s3:PutMetricsConfiguration", "s3:PutObjectAcl", "s3:PutReplicationConfiguration",
		"s3:UpdateBucketMetadataAnnotationTableConfiguration", "s3:UpdateBucketMetadataInventoryTableConfiguration", "s3:UpdateBucketMetadataJournalTableConfiguration",
		"s3tables:CreateNamespace", "s3tables:CreateTable", "s3tables:CreateTableBucket", "s3tables:GetTable", "s3tables:GetTableMetadataLocation",
		"s3tables:PutTableBucketPolicy", "s3tables:PutTableEncryption", "s3tables:PutTablePolicy", "s3tables:UpdateTableMetadataLocation",
	},
	"the bucket always has encryption and lifecycle rules":                           {"s3:DeleteBucketEncryption", "s3:DeleteBucketLifecycle"},
	"no object is ever deleted":                                                      {"s3:DeleteObject"},
	"is not an action of IAM, which has s3:PutBucketObjectLockConfiguration instead": {"s3:PutObjectLockConfiguration"},
}

// byCommand are the permissions that ssmbak-stack itself needs, in addition to those of
// the resource types.
var byCommand = []string{
	"cloudformation:CreateChangeSet", "cloudformation:CreateStack", "cloudformation:DeleteChangeSet", "cloudformation:DeleteStack", "cloudformation:DescribeChangeSet",
	"cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks", "cloudformation:ExecuteChangeSet", "cloudformation:ListStackResources",
	"lambda:GetFunctionConfiguration", "lambda:InvokeFunction",
	"s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutObject", // the functions' zip and .ssmbak/archive
	"sqs:DeleteMessage", "sqs:ListMessageMoveTasks", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:StartMessageMoveTask", // redrive
	"ssm:GetParameter", // to check that the pointer does not exist
}

// deployedResources are the resources on which actions are allowed. The first match
// applies.
var deployedResources = []struct {
	action    string
	resources []string
}{
	{`cloudformation:DescribeStacks|cloudwatch:DescribeAlarms|kms:CreateKey|logs:Describe.*`, []string{"*"}},
	{`cloudformation:.*`, []string{"arn:aws:cloudformation:*:123456789012:stack/ssmbak/*"}},
	{`cloudwatch:.*`, []string{"arn:aws:cloudwatch:*:123456789012:alarm:ssmbak-*"}},
	{`events:.*`, []string{"arn:aws:events:*:123456789012:rule/ssmbak", "arn:aws:events:*:123456789012:rule/ssmbak-*"}},
	{`iam:.*Role.*|iam:ListAttachedRolePolicies`, []string{"arn:aws:iam::123456789012:role/ssmbak-*"}},
	{`iam:.*`, []string{"arn:aws:iam::123456789012:policy/ssmbak-*"}},
	{`kms:.*`, []string{"arn:aws:kms:*:123456789012:key/*"}},
	{`lambda:(.*EventSourceMapping|.*CodeSigningConfig|ListTags|TagResource|UntagResource)`, []string{"*"}}, // mappings have only random IDs
	{`lambda:.*`, []string{"arn:aws:lambda:*:123456789012:function:ssmbak-*"}},
	{`logs:.*`, []string{"arn:aws:logs:*:123456789012:log-group:/aws/lambda/ssmbak-*"}},
	{`s3:(Get|Put)Object(Version)?`, []string{"arn:aws:s3:::ssmbak-bucket-*/.ssmbak/*"}},
	{`s3:.*`, []string{"arn:aws:s3:::ssmbak-bucket-*"}},
	{`sns:.*`, []string{"arn:aws:sns:*:123456789012:ssmbak-*"}},
	{`sqs:.*`, []string{"arn:aws:sqs:*:123456789012:ssmbak-*"}},
	{`ssm:.*`, []string{"arn:aws:ssm:*:123456789012:parameter/newvoll/ssmbak/*"}},
}

// deployer returns the permissions needed to create, update and delete stacks, by the
// resources that they apply to.
func deployer(t *testing.T) map[string][]string {
	t.Helper()
	var kept struct {
		Types map[string]map[string][]string
	}
	body, err := os.ReadFile(filepath.Join("testdata", "handlers.json"))
	if err == nil {
		err = json.Unmarshal(body, &kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	needed := make(map[string]bool)
	for id, x := range section(source(t), "Resources") {
		handlers, ok := kept.Types[x.(map[string]any)["Type"].(string)]
		if !ok || handlers["create"] == nil || handlers["delete"] == nil {
			t.Fatalf("testdata/handlers.json has no type of %s", id)
		}
		for _, all := range handlers {
			for _, action := range all {
				service, name, _ := strings.Cut(action, ":")
				needed[strings.ToLower(service)+":"+name] = true
			}
		}
	}
	for why, all := range notNeeded {
		for _, action := range all {
			if !needed[action] {
				t.Errorf("%s: no resource of the template needs %s", why, action)
			}
			delete(needed, action)
		}
	}
	for _, action := range byCommand {
		needed[action] = true
	}
	out := make(map[string][]string)
	for _, action := range slices.Sorted(maps.Keys(needed)) {
		i := slices.IndexFunc(deployedResources, func(r struct {
			action    string
			resources []string
		},
		) bool {
			return regexp.MustCompile("^(" + r.action + ")$").MatchString(action)
		})
		if i < 0 {
			t.Fatalf("no entry of deployedResources matches %s", action)
		}
		on := strings.Join(deployedResources[i].resources, " ")
		out[on] = append(out[on], action)
	}
	return out
}

// document returns the policy in the form of docs/operations.md.
func document(t *testing.T) string {
	t.Helper()
	all := deployer(t)
	var b strings.Builder
	b.WriteString("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [")
	for i, on := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			b.WriteString(",")
		}
		resources, err := json.Marshal(strings.Fields(on))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n    {\"Effect\": \"Allow\", \"Resource\": %s, \"Action\": [", strings.ReplaceAll(string(resources), `","`, `", "`))
		width := 1000
		for j, action := range all[on] {
			if j > 0 {
				b.WriteString(",")
			}
			if width += len(action) + 4; width > 140 {
				b.WriteString("\n     ")
				width = len(action) + 10
			}
			fmt.Fprintf(&b, " %q", action)
		}
		b.WriteString("]}")
	}
	b.WriteString("\n  ]\n}")
	return b.String()
}

// TestDeployer checks that the policy in docs/operations.md has the permissions that the
// handlers of the resource types need for create, update, rollback and delete. UPDATE=1
// updates the document.
func TestDeployer(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "operations.md")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	_, after, _ := strings.Cut(text, "\n## Permissions of the deployer\n")
	_, after, _ = strings.Cut(after, "\n```json\n")
	got, _, ok := strings.Cut(after, "\n```\n")
	if !ok {
		t.Fatal("docs/operations.md has no policy under \"Permissions of the deployer\"")
	}
	want := document(t)
	if got != want && os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(strings.Replace(text, got, want, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("the policy in docs/operations.md is out of date; UPDATE=1 go test -run TestDeployer updates it:\n%s", want)
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	const most = 6144
	if n := len(strings.Join(strings.Fields(want), "")); n > most {
		t.Errorf("the policy has %d characters without whitespace, want at most %d", n, most)
	}
}

// TestDeployerIncludes checks for permissions needed by rollback and delete that an
// earlier, handwritten policy did not have.
func TestDeployerIncludes(t *testing.T) {
	t.Parallel()
	all := slices.Concat(slices.Collect(maps.Values(deployer(t)))...)
	for _, action := range []string{
		"iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListEntitiesForPolicy", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "kms:ScheduleKeyDeletion",
	} {
		if !slices.Contains(all, action) {
			t.Errorf("the deployer's policy has no %s", action)
		}
	}
}
