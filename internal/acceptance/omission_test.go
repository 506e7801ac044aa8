//go:build aws

package acceptance

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// omission is what an overwrite that omits an attribute, or sends it empty, does to it.
type omission struct {
	name, assumed, source string
	lacks                 map[string]string
	create, overwrite     ssm.PutParameterInput
	// attribute returns the attribute of a version, and want is what it is after the overwrite.
	attribute func(types.ParameterHistory) string
	want      string
}

const (
	terraformTests = "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ssm/parameter_test.go"
	putParameter   = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"
)

// expiration returns an Expiration policy.
func expiration(at string) *string {
	return aws.String(fmt.Sprintf(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"%s"}}]`, at))
}

// clock returns a time as policies have it.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func omissionFacts() []fact {
	soon := clock(time.Now().Add(time.Hour)) // after the run
	description := func(v types.ParameterHistory) string { return aws.ToString(v.Description) }
	pattern := func(v types.ParameterHistory) string { return aws.ToString(v.AllowedPattern) }
	policies := func(v types.ParameterHistory) string { return fmt.Sprint(len(v.Policies)) }
	omissions := []omission{
		{
			name: "description", assumed: "it is kept", source: terraformTests, // TestAccSSMParameter_Overwrite_updateDescription
			create: ssm.PutParameterInput{Description: aws.String("described")}, attribute: description, want: "described",
		},
		{
			name: "allowed pattern", assumed: "it is kept", source: terraformTests,
			create: ssm.PutParameterInput{AllowedPattern: aws.String("[a-z]+")}, attribute: pattern, want: "[a-z]+",
		},
		{
			name: "data type", assumed: "it is kept", source: terraformTests,
			lacks:  map[string]string{onMoto: "moto has no data type integer"},
			create: ssm.PutParameterInput{DataType: aws.String("integer"), Value: aws.String("1")}, overwrite: ssm.PutParameterInput{Value: aws.String("2")},
			attribute: func(v types.ParameterHistory) string { return aws.ToString(v.DataType) }, want: "integer",
		},
		{
			name: "type", assumed: "it is kept", source: putParameter,
			create:    ssm.PutParameterInput{Type: types.ParameterTypeSecureString},
			attribute: func(v types.ParameterHistory) string { return string(v.Type) }, want: string(types.ParameterTypeSecureString),
		},
		{
			name: "policies", assumed: "they are kept", source: putParameter,
			lacks:  map[string]string{onMoto: "the SDK cannot decode the policies in moto's answer"},
			create: ssm.PutParameterInput{Tier: types.ParameterTierAdvanced, Policies: expiration(soon)}, overwrite: ssm.PutParameterInput{Tier: types.ParameterTierAdvanced},
			attribute: policies, want: "1",
		},
		{
			name: "policies, sent as [{}]", assumed: "they are removed", source: "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html",
			lacks:     map[string]string{onMoto: "the SDK cannot decode the policies in moto's answer"},
			create:    ssm.PutParameterInput{Tier: types.ParameterTierAdvanced, Policies: expiration(soon)},
			overwrite: ssm.PutParameterInput{Tier: types.ParameterTierAdvanced, Policies: aws.String("[{}]")},
			attribute: policies, want: "0",
		},
		{
			name: "description, sent empty", assumed: "it is removed", source: terraformTests,
			create: ssm.PutParameterInput{Description: aws.String("described")}, overwrite: ssm.PutParameterInput{Description: aws.String("")},
			attribute: description, want: "",
		},
		{
			name: "allowed pattern, sent empty", assumed: "it is removed", source: terraformTests,
			create: ssm.PutParameterInput{AllowedPattern: aws.String("[a-z]+")}, overwrite: ssm.PutParameterInput{AllowedPattern: aws.String("")},
			attribute: pattern, want: "",
		},
	}
	var all []fact
	for _, o := range omissions {
		all = append(all, fact{
			name: "omitted by an overwrite: " + o.name, assumed: o.assumed, source: o.source, lacks: o.lacks,
			depends: "paramstore/write.go sends every attribute, so only the emulator follows it: orOld and parsePolicies in internal/emulator/ssmapi",
			settle: func(ctx context.Context, s *scratch) (string, error) {
				s.rows.replace(soon, "soon")
				return omit(ctx, s, o)
			},
		})
	}
	return append(all, omittedKey(), omittedTier(), omittedTags())
}

func omit(ctx context.Context, s *scratch, o omission) (learned string, err error) {
	name := s.name("a")
	o.create.Name, o.overwrite.Name = &name, &name
	if err := s.create(ctx, o.create); err != nil {
		return "", err
	}
	if err := s.overwrite(ctx, o.overwrite); err != nil {
		if codeOf(err) != "" {
			err = differs("the overwrite is refused with %v", err)
		}
		return "", err
	}
	v, err := s.version(ctx, name, 2)
	if err == nil && o.attribute(v) != o.want {
		err = differs("it was %q before and is %q, not %q", s.before(ctx, name, o), o.attribute(v), o.want)
	}
	return "", err
}

func (s *scratch) before(ctx context.Context, name string, o omission) string {
	v, err := s.version(ctx, name, 1)
	if err != nil {
		return err.Error()
	}
	return o.attribute(v)
}

func omittedKey() fact {
	return fact{
		name: "omitted by an overwrite: key", assumed: "it becomes alias/aws/ssm", once: true,
		source:  "https://github.com/aws-devtools-labs/aws-blocks/issues/452",
		depends: "paramstore/write.go always sends KeyId; OmittedKeyKept in internal/emulator/ssmapi",
		lacks:   map[string]string{onMoto: "moto keeps it"},
		settle: func(ctx context.Context, s *scratch) (string, error) {
			keys, err := s.keyring(ctx)
			if err != nil {
				return "", err
			}
			key, err := keys.create(ctx)
			if err != nil {
				return "", err
			}
			name := s.name("a")
			if err := s.encrypted(ctx, name, key); err != nil {
				return "", err
			}
			if err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Type: types.ParameterTypeSecureString}); err != nil {
				return "", err
			}
			v, err := s.version(ctx, name, 2)
			switch got := aws.ToString(v.KeyId); {
			case err != nil:
				return "", err
			case got == key:
				return "", differs("it is kept")
			case got != "alias/aws/ssm":
				return "", differs("it becomes %s", got)
			}
			return "", nil
		},
	}
}

func omittedTier() fact {
	return fact{
		name: "omitted by an overwrite: tier of an advanced parameter", assumed: "it stays advanced, or the overwrite is refused",
		source:  putParameter,
		depends: "plan and paramstore/write.go send the tier of an advanced parameter; decideTier in internal/emulator/ssmapi",
		settle: func(ctx context.Context, s *scratch) (string, error) {
			name := s.name("a")
			if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Tier: types.ParameterTierAdvanced}); err != nil {
				return "", err
			}
			err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name})
			if codeOf(err) == "ValidationException" {
				return "it is refused", nil
			}
			if err != nil {
				return "", err
			}
			v, err := s.version(ctx, name, 2)
			if err == nil && v.Tier != types.ParameterTierAdvanced {
				err = differs("it becomes %s", v.Tier)
			}
			return "it stays advanced", err
		},
	}
}

func omittedTags() fact {
	return fact{
		name: "omitted by an overwrite: tags and labels", assumed: "tags are kept, and labels stay at the old version",
		source:  "https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html",
		depends: "timeline: a version takes over neither labels nor removes tags",
		settle: func(ctx context.Context, s *scratch) (string, error) {
			name := s.name("a")
			if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Tags: []types.Tag{{Key: aws.String("kept"), Value: aws.String("yes")}}}); err != nil {
				return "", err
			}
			if _, err := s.ssm.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: aws.Int64(1), Labels: []string{"first"}}); err != nil {
				return "", err
			}
			if err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
				return "", err
			}
			second, err := s.version(ctx, name, 2)
			if err != nil {
				return "", err
			}
			first, err := s.version(ctx, name, 1)
			if err != nil {
				return "", err
			}
			if len(second.Labels) != 0 || len(first.Labels) != 1 {
				return "", differs("version 1 has the labels %q, and version 2 %q", first.Labels, second.Labels)
			}
			return "", s.hasTags(ctx, name, 2)
		},
	}
}
