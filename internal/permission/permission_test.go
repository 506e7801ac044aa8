package permission_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/permission"
)

// simulator denies resources, and counts requests.
type simulator struct {
	denied   []string
	role     error
	requests int
}

func (s *simulator) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	s.requests++
	var out iam.SimulatePrincipalPolicyOutput
	for _, action := range in.ActionNames {
		for _, resource := range in.ResourceArns {
			decision := types.PolicyEvaluationDecisionTypeAllowed
			if slices.Contains(s.denied, resource) && action == "a:b" {
				decision = types.PolicyEvaluationDecisionTypeExplicitDeny
			}
			out.EvaluationResults = append(out.EvaluationResults, types.EvaluationResult{EvalActionName: &action, EvalResourceName: &resource, EvalDecision: decision})
		}
	}
	return &out, nil
}

func (s *simulator) GetRole(_ context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	return &iam.GetRoleOutput{Role: &types.Role{Arn: aws.String("arn:aws:iam::123456789012:role/team/" + *in.RoleName)}}, s.role
}

// TestDenied checks that an action that is denied everywhere is named once, and any other
// with each resource.
func TestDenied(t *testing.T) {
	t.Parallel()
	many := make([]string, 120)
	for i := range many {
		many[i] = "r" + string(rune('a'+i))
	}
	need := permission.Need{Actions: []string{"a:b", "a:c"}, Resources: many, All: "r*"}
	for _, tt := range []struct {
		denied []string
		want   []permission.Denial
	}{
		{nil, nil},
		{many[100:102], []permission.Denial{{Action: "a:b", Resource: many[100], Explicit: true}, {Action: "a:b", Resource: many[101], Explicit: true}}},
		{many, []permission.Denial{{Action: "a:b", Resource: "r*", Explicit: true}}},
	} {
		s := &simulator{denied: tt.denied}
		got, err := permission.Denied(t.Context(), s, "arn:aws:iam::123456789012:user/me", []permission.Need{need})
		if diff := cmp.Diff(got, tt.want); diff != "" || err != nil || s.requests != 3 {
			t.Errorf("%d requests, %v, got -, want +\n%s", s.requests, err, diff)
		}
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	const session = "arn:aws-cn:sts::123456789012:assumed-role/deploy/alice"
	denied := &smithy.GenericAPIError{Code: "AccessDenied"}
	for _, tt := range []struct {
		caller string
		role   error
		want   string
	}{
		{"arn:aws:iam::123456789012:user/me", nil, "arn:aws:iam::123456789012:user/me"},
		{session, nil, "arn:aws:iam::123456789012:role/team/deploy"},
		{session, denied, "arn:aws-cn:iam::123456789012:role/deploy"},
		{session, &smithy.GenericAPIError{Code: "ServiceFailure"}, ""},
		{"arn:aws:iam::123456789012:root", nil, ""},
		{"arn:aws:sts::123456789012:federated-user/bob", nil, ""},
		{"nonsense", nil, ""},
	} {
		got, err := permission.Principal(t.Context(), &simulator{role: tt.role}, tt.caller)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: got %q, %v, want %q", tt.caller, got, err, tt.want)
		}
		if unsupported := new(permission.UnsupportedPrincipalError); tt.role == nil && err != nil && !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", tt.caller, err)
		}
	}
}
