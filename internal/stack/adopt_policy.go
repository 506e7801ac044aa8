package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Statements of the bucket's policy in the template.
const (
	statementConfigure = "AdminsConfigure"
	statementDelete    = "AdminsDelete"
	statementDeploy    = "AdminsDeploy"
	statementWrite     = "WritersWrite"
	statementMark      = "MarkersMark"
	statementRead      = "ReadersRead"
)

// keepPolicy names the roles and people of this stack in the policy that an
// earlier stack left on the bucket that this one adopted: it denies writes to all
// roles but those of the earlier stack. Other statements, and a policy without
// any of the template's, stay as they are.
func (s *Stack) keepPolicy(ctx context.Context, p parameters) error {
	bucket := p[parameterBucketName]
	if bucket == "" {
		return nil
	}
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return err
	}
	client := s.conn.S3()
	out, err := client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket, ExpectedBucketOwner: &caller.Account})
	if status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the policy of bucket %s: %w", bucket, err)
	}
	all, err := s.Resources(ctx)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(caller.ARN, ":")
	partition, _, _ := strings.Cut(rest, ":")
	base := "arn:" + partition + ":iam::" + caller.Account + ":"
	var roles []string
	for _, r := range all {
		if r.LogicalID == resourceFunctionRole || r.LogicalID == resourceReconcilerRole {
			roles = append(roles, base+"role/"+r.PhysicalID)
		}
	}
	lists := principals(base+"root", roles, p)
	text, changed, err := rename(aws.ToString(out.Policy), lists)
	if err != nil {
		return fmt.Errorf("read the policy of bucket %s: %w", bucket, err)
	}
	if !changed {
		return nil
	}
	if _, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &text, ExpectedBucketOwner: &caller.Account}); err != nil {
		return fmt.Errorf("let the stack %s write by the policy of bucket %s: %w", s.o.Name, bucket, err)
	}
	s.o.Note(fmt.Sprintf("the policy of bucket %s, of an earlier stack, names the roles and people of this one now", bucket))
	return nil
}

// principals are whom each statement of the template excepts, by its name.
func principals(root string, roles []string, p parameters) map[string][]string {
	admins := append([]string{root}, arns(p[parameterAdminArns])...)
	restorers := arns(p[parameterRestorerArns])
	return map[string][]string{
		statementConfigure: admins, statementDelete: admins, statementDeploy: admins,
		statementWrite: slices.Concat(admins, roles, restorers),
		statementMark:  slices.Concat(admins, restorers, arns(p[parameterMarkerArns])),
		statementRead:  slices.Concat(admins, arns(p[parameterReaderArns]), restorers, arns(p[parameterDecryptArns])),
	}
}

func arns(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(a string) bool { return a == "" })
}

// rename puts the principals into the statements of a policy that have their
// names, and reports whether that changed anything.
func rename(policy string, lists map[string][]string) (text string, changed bool, err error) {
	var document map[string]any
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return "", false, err
	}
	statements, _ := document["Statement"].([]any)
	for _, x := range statements {
		statement, _ := x.(map[string]any)
		sid, _ := statement["Sid"].(string)
		condition, _ := statement["Condition"].(map[string]any)
		keys, _ := condition["ArnNotLike"].(map[string]any)
		if lists[sid] == nil || keys["aws:PrincipalArn"] == nil {
			continue
		}
		want := make([]any, 0, len(lists[sid]))
		for _, arn := range lists[sid] {
			want = append(want, arn)
		}
		if !reflect.DeepEqual(keys["aws:PrincipalArn"], want) {
			keys["aws:PrincipalArn"], changed = want, true
		}
	}
	out, err := json.Marshal(document)
	return string(out), changed, err
}
