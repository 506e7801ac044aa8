//go:build aws

package acceptance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const deleteParameter = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html"

// versionFacts are about the numbers, times and values of versions, and about writes that are
// refused.
func versionFacts() []fact {
	return []fact{
		{
			name: "version of a recreated parameter", assumed: "it is 1, and the history has only it",
			source: deleteParameter, depends: "timeline: a version 1 begins another life of a name",
			settle: recreated,
		},
		{
			name: "white space around a value", assumed: "it is kept",
			source:  "https://github.com/aws/aws-cli/issues/2742",
			depends: "restore compares values byte by byte, and writes them as recorded",
			settle: func(ctx context.Context, s *scratch) (string, error) {
				for i, value := range []string{" a", "a ", "a\n", "\ta\r\n", "\n a \n"} {
					name := s.name(fmt.Sprint(i))
					if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Value: &value}); err != nil {
						return "", err
					}
					v, err := s.version(ctx, name, 1)
					if err != nil {
						return "", err
					}
					if got := aws.ToString(v.Value); got != value {
						return "", differs("%q becomes %q", value, got)
					}
				}
				return "", nil
			},
		},
		{
			name: "data type changed in place", assumed: "text to aws:ec2:image is refused with ValidationException",
			source:  "https://github.com/hashicorp/terraform-provider-aws/issues/35959",
			depends: "plan replaces a parameter to change such a data type; internal/emulator/ssmapi/datatype.go",
			lacks:   map[string]string{onMoto: "moto changes it"},
			settle: func(ctx context.Context, s *scratch) (string, error) {
				name := s.name("a")
				if err := s.create(ctx, ssm.PutParameterInput{Name: &name, DataType: aws.String("text"), Value: aws.String("ami-0123456789abcdef0")}); err != nil {
					return "", err
				}
				err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name, DataType: aws.String("aws:ec2:image"), Value: aws.String("ami-0123456789abcdef0")})
				return "", refusal(err, "it", "ValidationException")
			},
		},
		{
			name: "data type integer changed to text in place", assumed: "it is accepted",
			source:  "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html",
			depends: "plan overwrites a parameter to change such a data type",
			lacks:   map[string]string{onMoto: "moto has no data type integer"},
			settle: func(ctx context.Context, s *scratch) (string, error) {
				name := s.name("a")
				if err := s.create(ctx, ssm.PutParameterInput{Name: &name, DataType: aws.String("integer"), Value: aws.String("1")}); err != nil {
					return "", err
				}
				err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name, DataType: aws.String("text")})
				if codeOf(err) != "" {
					err = differs("it is refused with %v", err)
				}
				return "", err
			},
		},
		{
			name: "Expiration that has passed", assumed: "it is refused with InvalidPolicyAttributeException",
			source:  "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html",
			depends: "plan.Unexpired never sends one, either way; PassedExpirations in internal/emulator/ssmapi",
			lacks:   map[string]string{onMoto: "moto accepts it"},
			settle: func(ctx context.Context, s *scratch) (string, error) {
				name, passed := s.name("a"), clock(time.Now().Add(-time.Hour))
				s.rows.replace(passed, "passed")
				err := s.create(ctx, ssm.PutParameterInput{Name: &name, Tier: types.ParameterTierAdvanced, Policies: expiration(passed)})
				return "", refusal(err, "it", "InvalidPolicyAttributeException")
			},
		},
		{
			name: "times of versions written one after another", assumed: "they never step back", once: true,
			source:  "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterHistory.html",
			depends: "timeline is right either way, but calls the answers around such times last known instead of proved",
			settle:  increasingTimes,
		},
		{
			name: "tags of an overwrite", assumed: "they are refused with ValidationException",
			source:  "https://github.com/hashicorp/terraform-provider-aws/issues/18550",
			depends: "paramstore.Write has tags for new parameters only",
			settle: func(ctx context.Context, s *scratch) (string, error) {
				name := s.name("a")
				if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
					return "", err
				}
				err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
				return "", refusal(err, "it", "ValidationException")
			},
		},
		{
			name: "advanced parameter made standard in place", assumed: "it is refused with ValidationException",
			source:  "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ssm/parameter.go",
			depends: "plan replaces a parameter to make it standard only where the options say so",
			lacks:   map[string]string{onMoto: "moto accepts it"},
			settle: func(ctx context.Context, s *scratch) (string, error) {
				name := s.name("a")
				if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Tier: types.ParameterTierAdvanced}); err != nil {
					return "", err
				}
				return "", refusal(s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Tier: types.ParameterTierStandard}), "it", "ValidationException")
			},
		},
		{
			name: "removed tag of a deleted parameter", assumed: "a parameter that is created again has only its new tags, and is created within two minutes",
			source:  "https://github.com/awslabs/aws-orbit-workbench/issues/1170",
			depends: "paramstore/busy.go retries TooManyUpdates for two minutes",
			settle:  staleTags,
		},
	}
}

// recreation is how long AWS asks to wait before a name is created again.
const recreation = 30 * time.Second

// remake deletes a parameter and creates it again.
func (s *scratch) remake(ctx context.Context, name string) error {
	if _, err := s.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name}); err != nil {
		return err
	}
	if s.kind != onMoto {
		if err := wait(ctx, recreation); err != nil {
			return err
		}
	}
	return s.eventually(ctx, 2*time.Minute, func() (bool, error) {
		err := s.create(ctx, ssm.PutParameterInput{Name: &name, Value: aws.String("third")})
		return codeOf(err) != "TooManyUpdates", err
	})
}

func recreated(ctx context.Context, s *scratch) (learned string, err error) {
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return "", err
	}
	if err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return "", err
	}
	if err := s.remake(ctx, name); err != nil {
		return "", err
	}
	return "", s.eventually(ctx, late, func() (bool, error) {
		out, err := s.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return codeOf(err) != "ParameterNotFound", err
		}
		if n := len(out.Parameters); n != 1 || out.Parameters[0].Version != 1 {
			return false, differs("its history has %d versions, and begins with version %d", n, out.Parameters[0].Version)
		}
		return true, nil
	})
}

func increasingTimes(ctx context.Context, s *scratch) (learned string, err error) {
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return "", err
	}
	const n = 10
	for i := 2; i <= n; i++ {
		if err := s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Value: aws.String(fmt.Sprint("value ", i))}); err != nil {
			return "", err
		}
	}
	if _, err := s.version(ctx, name, n); err != nil {
		return "", err
	}
	out, err := s.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	equal := 0
	for i := range out.Parameters[1:] {
		before, after := out.Parameters[i], out.Parameters[i+1]
		switch step := after.LastModifiedDate.Sub(*before.LastModifiedDate); {
		case after.Version < before.Version:
			return "", differs("the history is not in the order of the versions: %d comes before %d", before.Version, after.Version)
		case step < 0:
			return "", differs("version %d is %s earlier than version %d", after.Version, -step, before.Version)
		case step == 0:
			equal++
		}
	}
	return fmt.Sprintf("%d of %d have the time of the version before", equal, n-1), nil
}

func staleTags(ctx context.Context, s *scratch) (learned string, err error) {
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Tags: []types.Tag{{Key: aws.String("old"), Value: aws.String("yes")}}}); err != nil {
		return "", err
	}
	began := time.Now()
	if err := s.remake(ctx, name); err != nil {
		if strings.Contains(err.Error(), "stale tags") {
			err = differs("it is still refused after %s: %v", time.Since(began).Round(time.Second), err)
		}
		return "", err
	}
	return "", s.eventually(ctx, late, func() (bool, error) {
		out, err := s.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
		if err != nil {
			return codeOf(err) != "InvalidResourceId", err
		}
		for _, each := range out.TagList {
			if aws.ToString(each.Key) == "old" {
				return false, differs("it has the tag of the deleted parameter")
			}
		}
		return true, nil
	})
}
