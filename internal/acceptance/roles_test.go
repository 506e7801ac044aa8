//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// deployerPolicy returns the policy of the deployer that docs/operations.md ships, for a
// stack of this account.
func deployerPolicy(account, region, stack string) (string, error) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		return "", err
	}
	_, after, found := strings.Cut(string(text), "\n## Permissions of the deployer\n")
	_, after, block := strings.Cut(after, "\n```json\n")
	policy, _, end := strings.Cut(after, "\n```\n")
	if !found || !block || !end {
		return "", errors.New("docs/operations.md has no policy of the deployer")
	}
	var document any
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return "", fmt.Errorf("the policy of the deployer in docs/operations.md: %w", err)
	}
	compact, err := json.Marshal(document)
	if err != nil {
		return "", err
	}
	partition := "aws"
	for prefix, other := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov"} {
		if strings.HasPrefix(region, prefix) {
			partition = other
		}
	}
	return strings.NewReplacer(
		"arn:aws:", "arn:"+partition+":", "123456789012", account,
		"stack/ssmbak/", "stack/"+stack+"/", "rule/ssmbak\"", "rule/"+stack+"\"", "parameter/newvoll/ssmbak/", "parameter/newvoll/ssmbak/", "ssmbak-", stack+"-",
	).Replace(string(compact)), nil
}

// newRole creates a role that the account's principals may assume, and returns its ARN. The
// error is an *unsettled if the caller may not create roles.
func (p *place) newRole(ctx context.Context, conn *awsconn.Conn, suffix string) (arn string, err error) {
	caller, err := conn.Caller(ctx)
	if err != nil {
		return "", err
	}
	partition, _, _ := strings.Cut(strings.TrimPrefix(caller.ARN, "arn:"), ":")
	out, err := iam.NewFromConfig(conn.Config()).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String(p.resource(suffix)), Path: aws.String(rolePath), Description: aws.String("acceptance test of ssmbak: it may be deleted"),
		AssumeRolePolicyDocument: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"sts:AssumeRole"}]}`, partition, p.account)),
	})
	if strings.HasPrefix(codeOf(err), "AccessDenied") {
		return "", notSettled("the credentials may not create a role: %v", err)
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Role.Arn), nil
}

// as returns a connection as a role, as soon as it can be assumed and its policies have
// effect, which takes seconds.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency
func (p *place) as(ctx context.Context, conn *awsconn.Conn, role string) (*awsconn.Conn, error) {
	if p.kind == onAWS {
		if err := wait(ctx, 15*time.Second); err != nil {
			return nil, err
		}
	}
	client := conn.STS()
	for began := time.Now(); ; {
		out, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("acceptance")})
		if err == nil {
			o, c := p.options, out.Credentials
			o.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken))
			return awsconn.Load(ctx, o)
		}
		if time.Since(began) > time.Minute {
			return nil, notSettled("the role %s cannot be assumed: %v", role, err)
		}
		if err := wait(ctx, 2*time.Second); err != nil {
			return nil, err
		}
	}
}

// testRoles creates, on moto, the role of a deployer with the policy that is shipped, and
// assumes it.
func testRoles(ctx context.Context, t *testing.T, p *place) {
	t.Helper()
	conn, err := p.connect(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	deployer, err := p.deployer(ctx, conn, p.resource("stack"))
	if err != nil {
		t.Fatal(err)
	}
	caller, err := deployer.Caller(ctx)
	if want := ":assumed-role/" + p.resource("deployer") + "/acceptance"; err != nil || !strings.HasSuffix(caller.ARN, want) {
		t.Errorf("the caller is %s, %v, and not %s", caller.ARN, err, want)
	}
	policy, err := deployerPolicy(p.account, "cn-north-1", "other")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"arn:aws-cn:cloudformation:*:123456789012:stack/other/*"`, `"arn:aws-cn:iam::123456789012:role/other-*"`, `"arn:aws-cn:events:*:123456789012:rule/other"`, `"arn:aws-cn:ssm:*:123456789012:parameter/newvoll/ssmbak/*"`} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy of the deployer lacks %s:\n%s", want, policy)
		}
	}
	if strings.Contains(policy, "ssmbak-") || strings.Contains(policy, "arn:aws:") {
		t.Errorf("the policy of the deployer is about another stack:\n%s", policy)
	}
}

// deployer returns a connection as a role that has only the shipped policy of a deployer.
func (p *place) deployer(ctx context.Context, conn *awsconn.Conn, stack string) (*awsconn.Conn, error) {
	policy, err := deployerPolicy(p.account, p.region, stack)
	if err != nil {
		return nil, err
	}
	role, err := p.newRole(ctx, conn, "deployer")
	if err != nil {
		return nil, err
	}
	if _, err := iam.NewFromConfig(conn.Config()).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String(p.resource("deployer")), PolicyName: aws.String("deployer"), PolicyDocument: &policy,
	}); err != nil {
		return nil, err
	}
	return p.as(ctx, conn, role)
}
