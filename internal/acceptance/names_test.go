//go:build aws

package acceptance

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const nameForms = "https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html"

// withRoot lets a fact use the root-level parameter, which it creates if there is none. It
// remains until the end of the run: a name should not be created again soon after its
// deletion.
func withRoot(try func(ctx context.Context, s *scratch, root string) error) func(context.Context, *scratch) (string, error) {
	return func(ctx context.Context, s *scratch) (string, error) {
		s.root.Lock()
		defer s.root.Unlock()
		root := s.rootName()
		if err := s.create(ctx, ssm.PutParameterInput{Name: &root}); err != nil && codeOf(err) != "ParameterAlreadyExists" {
			return "", err
		}
		if err := s.eventually(ctx, late, func() (bool, error) {
			_, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &root})
			return err == nil || codeOf(err) != "ParameterNotFound", err
		}); err != nil {
			return "", err
		}
		return "", try(ctx, s, root)
	}
}

// nameFacts are about the forms of names, /a and a above all.
func nameFacts() []fact {
	const canonical = "ssmbak.Name has a leading slash, and so have the keys of the archive"
	return []fact{
		{
			name: "root-level name: /a is a", assumed: "creating /a while a exists is refused with ParameterAlreadyExists", source: nameForms, depends: canonical,
			settle: withRoot(func(ctx context.Context, s *scratch, root string) error {
				_, err := s.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/" + root), Type: types.ParameterTypeString, Value: aws.String("other")})
				return refusal(err, "creating /a while a exists", "ParameterAlreadyExists")
			}),
		},
		{
			name: "root-level name: GetParameter", assumed: "it answers with the form that was asked for, and the ARN has one slash",
			source:  "https://github.com/localstack/localstack/blob/main/tests/aws/services/ssm/test_ssm.py",
			depends: "paramstore/read.go does not take the answer's name for the parameter's",
			lacks:   map[string]string{onMoto: "moto answers with the form of the creation"},
			settle: withRoot(func(ctx context.Context, s *scratch, root string) error {
				for _, form := range []string{root, "/" + root} {
					out, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &form})
					if err != nil {
						return err
					}
					if got := aws.ToString(out.Parameter.Name); got != form {
						return differs("asked for %s it answers %s", form, got)
					}
					if arn := aws.ToString(out.Parameter.ARN); !strings.HasSuffix(arn, ":parameter/"+root) {
						return differs("the ARN is %s", arn)
					}
				}
				return nil
			}),
		},
		{
			name: "root-level name: DescribeParameters", assumed: "a filter by either form finds it, and it is reported without a slash",
			source:  "https://github.com/hashicorp/terraform-provider-aws/pull/49339",
			depends: "paramstore/list.go and restore/find.go ask for /a alone, and take a for /a",
			settle: withRoot(func(ctx context.Context, s *scratch, root string) error {
				for _, form := range []string{root, "/" + root} {
					if err := s.eventually(ctx, late, func() (bool, error) { return s.described(ctx, form, root) }); err != nil {
						return err
					}
				}
				return nil
			}),
		},
		{
			name: "root-level name: tags, history and deletion", assumed: "they take either form",
			source:  "https://github.com/getmoto/moto/blob/master/tests/test_ssm/test_ssm.py", // test_list_parameter_tags_created_with_leading_slash
			depends: "paramstore sends names with a leading slash",
			settle: withRoot(func(ctx context.Context, s *scratch, root string) error {
				for _, form := range []string{root, "/" + root} {
					if err := s.hasTags(ctx, form, 1); err != nil {
						return err
					}
					if _, err := s.version(ctx, form, 1); err != nil {
						return differs("the history of %s: %v", form, err)
					}
				}
				return nil
			}),
		},
		{
			name: "name of two levels without a leading slash", assumed: "it is refused with ValidationException",
			source:  "https://github.com/hashicorp/terraform-provider-aws/issues/7251",
			depends: "name.go takes a/b for a mistake",
			lacks:   map[string]string{onMoto: "moto accepts it"},
			settle: func(ctx context.Context, s *scratch) (string, error) {
				return "", refusal(s.create(ctx, ssm.PutParameterInput{Name: aws.String(strings.TrimPrefix(s.name("a"), "/"))}), "it", "ValidationException")
			},
		},
		{
			name: "name with an empty level", assumed: "it is refused with ValidationException",
			source:  "https://github.com/localstack/localstack/blob/main/tests/aws/services/ssm/test_ssm.py",
			depends: "name.go and the keys of the archive, in which // separates nothing",
			lacks:   map[string]string{onMoto: "moto accepts it"},
			settle: func(ctx context.Context, s *scratch) (string, error) {
				return "", refusal(s.create(ctx, ssm.PutParameterInput{Name: aws.String(s.name("a//b"))}), "it", "ValidationException")
			},
		},
		{
			name: "outer spaces of a name", assumed: "they are trimmed, or the name is refused",
			source:  putParameter,
			depends: "name.go refuses spaces in names",
			lacks:   map[string]string{onMoto: "moto keeps them"},
			settle:  spacedName,
		},
	}
}

// described looks for a parameter by one form of its name.
func (s *scratch) described(ctx context.Context, form, want string) (found bool, err error) {
	out, err := s.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Values: []string{form}}}})
	switch {
	case err != nil:
		return true, err
	case len(out.Parameters) == 0:
		return false, differs("a filter by %s finds nothing", form)
	case aws.ToString(out.Parameters[0].Name) != want:
		return true, differs("it is reported as %s", *out.Parameters[0].Name)
	}
	return true, nil
}

// hasTags checks that a parameter has so many tags.
func (s *scratch) hasTags(ctx context.Context, name string, want int) error {
	return s.eventually(ctx, late, func() (bool, error) {
		out, err := s.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
		if err == nil && len(out.TagList) != want {
			return false, differs("%s has %d tags, not %d", name, len(out.TagList), want)
		}
		return true, err
	})
}

func spacedName(ctx context.Context, s *scratch) (learned string, err error) {
	name := s.name("spaced")
	err = s.create(ctx, ssm.PutParameterInput{Name: aws.String(" " + name + " ")})
	if codeOf(err) == "ValidationException" {
		return "it is refused", nil
	}
	if err != nil {
		return "", err
	}
	if _, err := s.version(ctx, name, 1); err != nil {
		return "", differs("the name is accepted, but %s does not exist: %v", name, err)
	}
	return "they are trimmed", nil
}
