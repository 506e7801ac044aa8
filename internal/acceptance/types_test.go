//go:build aws

package acceptance

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// typeFacts are what an overwrite with each type does to a parameter of each type.
func typeFacts() (all []fact) {
	for _, from := range types.ParameterType("").Values() {
		for _, to := range types.ParameterType("").Values() {
			f := fact{
				name:    fmt.Sprintf("overwrite of a %s by a %s", from, to),
				assumed: "it is a new version of the new type",
				source:  "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ssm/parameter_test.go", // TestAccSSMParameter_updateType
				depends: "restore/write.go: a restore overwrites a parameter in place, and replaces it only after HierarchyTypeMismatchException",
				settle:  func(ctx context.Context, s *scratch) (string, error) { return overwriteType(ctx, s, from, to) },
			}
			if from != to && (from == types.ParameterTypeStringList || to == types.ParameterTypeStringList) {
				f.assumed += ", or refused with HierarchyTypeMismatchException"
				f.source = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"
			}
			all = append(all, f)
		}
	}
	return all
}

func overwriteType(ctx context.Context, s *scratch, from, to types.ParameterType) (learned string, err error) {
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name, Type: from}); err != nil {
		return "", err
	}
	err = s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Type: to})
	list := from == types.ParameterTypeStringList || to == types.ParameterTypeStringList
	switch {
	case codeOf(err) == "HierarchyTypeMismatchException" && list && from != to:
		return "it is refused", nil
	case codeOf(err) != "":
		return "", differs("it is refused with %v", err)
	case err != nil:
		return "", err
	}
	v, err := s.version(ctx, name, 2)
	if err == nil && v.Type != to {
		err = differs("the type of version 2 is %s", v.Type)
	}
	return "it is accepted", err
}
