package paramstore

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
)

// noPolicies removes all policies of a parameter.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
const noPolicies = "[{}]"

// described returns the version in a response of DescribeParameters.
func described(p types.ParameterMetadata) ssmbak.Version {
	return ssmbak.Version{
		Number: p.Version, Time: millis(p.LastModifiedDate), User: aws.ToString(p.LastModifiedUser),
		Attributes: ssmbak.Attributes{
			Type: ssmbak.Type(p.Type), KeyID: aws.ToString(p.KeyId), Tier: string(p.Tier), DataType: aws.ToString(p.DataType),
			Description: aws.ToString(p.Description), AllowedPattern: aws.ToString(p.AllowedPattern), Policies: policies(p.Policies),
		},
	}
}

// kept returns a version in a response of GetParameterHistory.
func kept(p types.ParameterHistory) ssmbak.Version {
	return ssmbak.Version{
		Number: p.Version, Time: millis(p.LastModifiedDate), User: aws.ToString(p.LastModifiedUser),
		Attributes: ssmbak.Attributes{
			Type: ssmbak.Type(p.Type), KeyID: aws.ToString(p.KeyId), Tier: string(p.Tier), DataType: aws.ToString(p.DataType),
			Description: aws.ToString(p.Description), AllowedPattern: aws.ToString(p.AllowedPattern), Policies: policies(p.Policies),
		},
	}
}

// input returns the request of a write.
func (w Write) input() *ssm.PutParameterInput {
	in := &ssm.PutParameterInput{
		Name: aws.String(string(w.Name)), Type: types.ParameterType(w.Type), Value: aws.String(w.Value.Reveal()),
		Description: aws.String(w.Description), AllowedPattern: aws.String(w.AllowedPattern), Tier: types.ParameterTier(w.Tier),
		Overwrite: aws.Bool(w.Overwrite), Tags: tagList(w.Tags),
	}
	if w.DataType != "" {
		in.DataType = &w.DataType
	}
	if w.Type == ssmbak.TypeSecureString && w.KeyID != "" {
		in.KeyId = &w.KeyID
	}
	switch {
	case w.Policies != "":
		in.Policies = &w.Policies
	case w.ClearPolicies:
		in.Policies = aws.String(noPolicies)
	}
	return in
}

// millis rounds to milliseconds, the precision of Parameter Store's times. Responses
// contain them as decimal seconds, which binary numbers cannot represent exactly.
func millis(t *time.Time) ssmbak.Time {
	if t == nil {
		return 0
	}
	return ssmbak.TimeOf(t.Round(time.Millisecond))
}

// policies returns the JSON array of policies that PutParameter accepts, or "".
func policies(list []types.ParameterInlinePolicy) string {
	joined := ""
	for _, p := range list {
		if text := aws.ToString(p.PolicyText); text != "" {
			if joined != "" {
				joined += ","
			}
			joined += text
		}
	}
	if joined == "" {
		return ""
	}
	return "[" + joined + "]"
}
