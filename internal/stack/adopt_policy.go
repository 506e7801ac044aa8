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

// Statements of the bucket's policy in the template, except TLSOnly.
const (
	statementConfigure = "AdminsConfigure"
	statementDelete    = "AdminsDelete"
	statementDeploy    = "AdminsDeploy"
	statementWrite     = "WritersWrite"
	statementMark      = "MarkersMark"
	statementVerify    = "VerifiersVerify"
	statementCheck     = "ReconcilerChecks"
	statementRead      = "ReadersRead"
)

// renewPolicy updates the policy of an adopted bucket, if an earlier stack created
// it, to name the functions' roles and the principals of this stack: otherwise it
// would deny their writes. Statements that are not from the template stay unchanged.
func (s *Stack) renewPolicy(ctx context.Context, p parameters) error {
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
	role := func(id string) (roles []string) {
		for _, r := range all {
			if r.LogicalID == id {
				roles = append(roles, base+"role/"+r.PhysicalID)
			}
		}
		return roles
	}
	lists := principals(base+"root", role(resourceFunctionRole), role(resourceReconcilerRole), role(resourceVerifierRole), p)
	text, changed, err := setPrincipals(aws.ToString(out.Policy), lists)
	if err != nil {
		return fmt.Errorf("read the policy of bucket %s: %w", bucket, err)
	}
	if !changed {
		return nil
	}
	if _, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &text, ExpectedBucketOwner: &caller.Account}); err != nil {
		return fmt.Errorf("update the policy of bucket %s: %w", bucket, err)
	}
	s.o.Note(fmt.Sprintf("updated the policy of bucket %s, which was created by an earlier stack, to name the roles and principals of this one", bucket))
	return nil
}

// principals returns the principals that each statement of the template exempts, by
// the statement's Sid. verifier is empty if the stack has none.
func principals(root string, recorder, reconciler, verifier []string, p parameters) map[string][]string {
	admins := append([]string{root}, arns(p[parameterAdminArns])...)
	restorers := arns(p[parameterRestorerArns])
	return map[string][]string{
		statementConfigure: admins, statementDelete: admins, statementDeploy: admins,
		statementWrite:  slices.Concat(admins, recorder, reconciler, restorers),
		statementCheck:  reconciler,
		statementMark:   slices.Concat(admins, restorers, arns(p[parameterMarkerArns])),
		statementVerify: slices.Concat(admins, restorers, verifier),
		statementRead:   slices.Concat(admins, verifier, arns(p[parameterReaderArns]), restorers, arns(p[parameterDecryptArns])),
	}
}

func arns(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(a string) bool { return a == "" })
}

// setPrincipals sets the exempted principals of the statements with the Sids in lists,
// and reports whether that changed the policy.
func setPrincipals(policy string, lists map[string][]string) (text string, changed bool, err error) {
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
