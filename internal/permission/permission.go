// Package permission asks IAM and KMS whether a principal may do what a restore does, without
// doing it.
package permission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// Need is what a principal must be allowed: each action on each resource.
type Need struct {
	Actions   []string
	Resources []string // ARNs, or * for actions without resources
	// All is the pattern of all Resources, for people; "" if they have none.
	All     string
	Context map[string]string // the keys of a condition and their values
}

// Place is where a restore writes parameters.
type Place struct {
	Partition, Account, Region string
	// Target is the pattern of all parameters that are restored.
	Target string
}

func (p Place) parameter(name string) string {
	return fmt.Sprintf("arn:%s:ssm:%s:%s:parameter%s", p.Partition, p.Region, p.Account, name)
}

// LiveNeeds returns what a restore of parameters needs of Parameter Store, apart from keys,
// [Place.ReadNeeds] of the bucket with the archive that is restored, and [Place.RecordNeeds]
// of that with the archive that records the restore: the actions of the reader and the
// restorer policy of a stack (internal/stack/template.yaml) on them.
func (p Place) LiveNeeds(names []ssmbak.Name) []Need {
	parameters := make([]string, len(names))
	for i, name := range names {
		parameters[i] = p.parameter(string(name))
	}
	return []Need{
		{Actions: []string{"ssm:DescribeParameters"}, Resources: []string{fmt.Sprintf("arn:%s:ssm:%s:%s:*", p.Partition, p.Region, p.Account)}},
		{
			Actions: []string{
				"ssm:GetParameter", "ssm:GetParameterHistory", "ssm:ListTagsForResource", "ssm:PutParameter", "ssm:DeleteParameters",
				"ssm:AddTagsToResource", "ssm:RemoveTagsFromResource", "ssm:LabelParameterVersion", "ssm:UnlabelParameterVersion",
			},
			Resources: parameters, All: p.parameter(p.Target),
		},
	}
}

// ReadNeeds are part of what [Place.LiveNeeds] describes.
func (p Place) ReadNeeds(bucket string, names []ssmbak.Name) []Need {
	return p.bucketNeeds(bucket, names, nil)
}

// RecordNeeds are part of what [Place.LiveNeeds] describes, and include [Place.ReadNeeds].
func (p Place) RecordNeeds(bucket string, names []ssmbak.Name) []Need {
	return p.bucketNeeds(bucket, names, []string{"s3:PutObject"})
}

// bucketNeeds returns what is needed of a bucket. write are the actions that every object
// needs that is written, nil if the bucket is only read.
func (p Place) bucketNeeds(bucket string, names []ssmbak.Name, write []string) []Need {
	arn := fmt.Sprintf("arn:%s:s3:::%s", p.Partition, bucket)
	objects := func(prefix string, actions ...string) Need {
		n := Need{Actions: actions, All: arn + prefix + p.Target}
		for _, name := range names {
			n.Resources = append(n.Resources, arn+prefix+string(name))
		}
		return n
	}
	values, own := []string{"s3:GetObjectVersion", "s3:GetObjectVersionTagging"}, []string{arn + "/.ssmbak/archive"}
	if write != nil {
		values = append(values, "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject")
		own = append(own, arn+"/.ssmbak/restores/check")
	}
	needs := []Need{
		{Actions: []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning"}, Resources: []string{arn}},
		objects("/", values...), // keys of values begin with a slash
		objects("/.ssmbak/index", append([]string{"s3:GetObject", "s3:GetObjectVersion"}, write...)...),
		{Actions: append([]string{"s3:GetObject"}, write...), Resources: own, All: arn + "/.ssmbak/*"},
	}
	if write != nil {
		needs = append(needs, objects("/.ssmbak/names", write...))
	}
	return needs
}

// SignNeed returns what every writer of an archive needs that is signed with a key.
func SignNeed(key string) Need {
	return Need{Actions: []string{"kms:GetPublicKey", "kms:Sign"}, Resources: []string{key}}
}

// KeyNeed returns what a restore of a SecureString with a customer key needs. key is the
// ARN of the key.
// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
func (p Place) KeyNeed(key string, name ssmbak.Name) Need {
	return Need{
		Actions: []string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}, Resources: []string{key},
		Context: map[string]string{"kms:ViaService": "ssm." + p.Region + ".amazonaws.com", "kms:EncryptionContext:PARAMETER_ARN": p.parameter(string(name))},
	}
}

// Denial is an action that IAM denies.
type Denial struct {
	Action, Resource string
	Explicit         bool // by a policy that denies it, not for lack of one that allows it
}

// Simulator is the part of IAM that a check uses.
type Simulator interface {
	SimulatePrincipalPolicy(context.Context, *iam.SimulatePrincipalPolicyInput, ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error)
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
}

// atOnce is the number of resources of one request.
const atOnce = 50

// Denied returns what IAM denies a principal: each action with the resources, or once with
// [Need.All] if it is denied on each of several. It does not evaluate policies of the bucket
// and of keys. principal is the ARN of a user or a role.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func Denied(ctx context.Context, client Simulator, principal string, needs []Need) (all []Denial, err error) {
	for _, need := range needs {
		denied := make(map[string][]Denial)
		for resources := range slices.Chunk(need.Resources, atOnce) {
			if err := simulate(ctx, client, principal, need, resources, denied); err != nil {
				return nil, err
			}
		}
		for _, action := range need.Actions {
			of := denied[action]
			if len(of) > 1 && len(of) == len(need.Resources) {
				of = []Denial{{action, need.All, !slices.ContainsFunc(of, func(d Denial) bool { return !d.Explicit })}}
			}
			all = append(all, of...)
		}
	}
	return all, nil
}

// simulate adds the denials of an action to denied.
func simulate(ctx context.Context, client Simulator, principal string, need Need, resources []string, denied map[string][]Denial) error {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &principal, ActionNames: need.Actions, ResourceArns: resources, MaxItems: aws.Int32(1000)}
	for key, value := range need.Context {
		in.ContextEntries = append(in.ContextEntries, types.ContextEntry{ContextKeyName: &key, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{value}})
	}
	for pages := iam.NewSimulatePrincipalPolicyPaginator(client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("ask IAM about the permissions of %s: %w", principal, err)
		}
		for _, e := range page.EvaluationResults {
			if e.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
				action := aws.ToString(e.EvalActionName)
				denied[action] = append(denied[action], Denial{action, aws.ToString(e.EvalResourceName), e.EvalDecision == types.PolicyEvaluationDecisionTypeExplicitDeny})
			}
		}
	}
	return nil
}

// UnsupportedPrincipalError means that IAM does not simulate the policies of a principal.
type UnsupportedPrincipalError struct{ ARN string }

func (e *UnsupportedPrincipalError) Error() string {
	return "IAM simulates the policies of users and roles only, not of " + e.ARN
}

// Principal returns the ARN of the user or role whose policies apply to a caller, given as
// in [sts.GetCallerIdentity]: for the session of a role the role, whose path, which the ARN
// of the session lacks, is read from IAM. If the caller may not read it, the role is taken
// to have no path.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func Principal(ctx context.Context, client Simulator, caller string) (string, error) {
	if parts := strings.SplitN(caller, ":", 6); len(parts) == 6 && parts[2] == "iam" && strings.HasPrefix(parts[5], "user/") {
		return caller, nil
	}
	base, role, ok := awsconn.AssumedRole(caller)
	if !ok {
		return "", &UnsupportedPrincipalError{caller}
	}
	out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	switch {
	case err == nil:
		return aws.ToString(out.Role.Arn), nil
	case awsconn.IsDenied(err):
		return base + role, nil
	}
	return "", fmt.Errorf("read the ARN of role %s: %w", role, err)
}
