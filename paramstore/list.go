package paramstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
)

// DescribePage is the maximum number of parameters on a page of DescribeParameters,
// and of values in one of its filters: one request describes that many parameters
// by name.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
const DescribePage = 50

// Description is the newest version of a parameter as DescribeParameters shows it:
// everything except its value, tags and labels.
type Description struct {
	Name    ssmbak.Name
	Version ssmbak.Version
}

// Describe lists the live parameters below the target's path, in no particular
// order. It yields an error at most once, as the last element. A parameter that
// changes during the listing may be yielded twice.
func (s *Store) Describe(ctx context.Context, target ssmbak.Target) iter.Seq2[Description, error] {
	in := &ssm.DescribeParametersInput{MaxResults: aws.Int32(DescribePage)}
	if !target.Root() || !target.Recursive() {
		path, option := target.Prefix(), "OneLevel"
		if !target.Root() {
			path = path[:len(path)-1]
		}
		if target.Recursive() {
			option = "Recursive"
		}
		in.ParameterFilters = []types.ParameterStringFilter{{Key: aws.String("Path"), Option: &option, Values: []string{path}}}
	}
	return func(yield func(Description, error) bool) {
		for d, err := range s.describe(ctx, in) {
			if err != nil {
				yield(Description{}, fmt.Errorf("list the parameters below %s: %w", target.Prefix(), err))
				return
			}
			if target.Below(d.Name) && !yield(d, nil) {
				return
			}
		}
	}
}

// DescribeOne returns one live parameter, or [ErrNotFound].
func (s *Store) DescribeOne(ctx context.Context, name ssmbak.Name) (Description, error) {
	found, err := s.DescribeNamed(ctx, []ssmbak.Name{name})
	if err != nil {
		return Description{}, err
	}
	d, ok := found[name]
	if !ok {
		return Description{}, fmt.Errorf("describe %s: %w", name, ErrNotFound)
	}
	return d, nil
}

// DescribeNamed returns the named parameters that exist, [DescribePage] per request.
func (s *Store) DescribeNamed(ctx context.Context, names []ssmbak.Name) (map[ssmbak.Name]Description, error) {
	found := make(map[ssmbak.Name]Description, len(names))
	for part := range slices.Chunk(names, DescribePage) {
		values := make([]string, len(part))
		for i, name := range part {
			// A filter with a leading slash also matches a name of one level, which
			// AWS returns without it: https://github.com/hashicorp/terraform-provider-aws/pull/49339.
			values[i] = string(name)
		}
		in := &ssm.DescribeParametersInput{
			MaxResults:       aws.Int32(DescribePage),
			ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Option: aws.String("Equals"), Values: values}},
		}
		for d, err := range s.describe(ctx, in) {
			if err != nil {
				return nil, fmt.Errorf("describe %s: %w", part[0], err)
			}
			if slices.Contains(part, d.Name) {
				found[d.Name] = d
			}
		}
	}
	return found, nil
}

// describe pages through DescribeParameters, where an empty page may be followed by
// others. It skips names that cannot be recorded: parameters of AWS, and parameters
// shared by other accounts, whose names are ARNs.
func (s *Store) describe(ctx context.Context, in *ssm.DescribeParametersInput) iter.Seq2[Description, error] {
	return func(yield func(Description, error) bool) {
		pages := ssm.NewDescribeParametersPaginator(s.client, in)
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx)
			if err != nil {
				yield(Description{}, translate(err))
				return
			}
			for _, p := range out.Parameters {
				name, err := ssmbak.ParseName(aws.ToString(p.Name))
				if err != nil {
					s.log.WarnContext(ctx, "skipped a listed name", "name", aws.ToString(p.Name), "reason", err.Error())
					continue
				}
				if !yield(Description{Name: name, Version: described(p)}, nil) {
					return
				}
			}
		}
	}
}
