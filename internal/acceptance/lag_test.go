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

// read is one way to see what was written.
type read struct {
	name string
	// version returns the version that a read shows, 0 for none.
	version func(ctx context.Context, s *scratch, name string) (int64, error)
}

// reads are the reads that ssmbak sends.
func reads() []read {
	none := func(err error) error {
		if codeOf(err) == "ParameterNotFound" {
			return nil
		}
		return err
	}
	return []read{
		{"GetParameter", func(ctx context.Context, s *scratch, name string) (int64, error) {
			out, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
			if err != nil {
				return 0, none(err)
			}
			return out.Parameter.Version, nil
		}},
		{"GetParameterHistory", func(ctx context.Context, s *scratch, name string) (n int64, err error) {
			out, err := s.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: &name})
			if err != nil {
				return 0, none(err)
			}
			for _, v := range out.Parameters {
				n = max(n, v.Version)
			}
			return n, nil
		}},
		{"DescribeParameters", func(ctx context.Context, s *scratch, name string) (int64, error) {
			out, err := s.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Values: []string{name}}}})
			if err != nil || len(out.Parameters) == 0 {
				return 0, err
			}
			return out.Parameters[0].Version, nil
		}},
	}
}

// lagFacts are how soon reads show a write.
func lagFacts() (all []fact) {
	for _, r := range reads() {
		all = append(all, fact{
			name: "read after write: " + r.name, once: true, alone: true,
			assumed: fmt.Sprintf("it shows a creation, an overwrite and a deletion within %s", late),
			source:  "https://github.com/aws/aws-sdk-js/issues/4349",
			depends: "recorder: an event whose change reads do not show fails, and SQS delivers it again after 90 seconds or more, at most five times",
			settle:  func(ctx context.Context, s *scratch) (string, error) { return lag(ctx, s, r) },
		})
	}
	return append(all, fact{
		name: "read after write: ListTagsForResource", once: true, alone: true,
		assumed: fmt.Sprintf("it shows a tag within %s", late),
		source:  "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html",
		depends: "recorder: tags are observed when an event of a tag arrives",
		settle:  tagLag,
	})
}

// lag measures after how long a read shows each of three writes.
func lag(ctx context.Context, s *scratch, r read) (learned string, err error) {
	name := s.name("a")
	longest := time.Duration(0)
	for i, write := range []func() error{
		func() error { return s.create(ctx, ssm.PutParameterInput{Name: &name}) },
		func() error { return s.overwrite(ctx, ssm.PutParameterInput{Name: &name}) },
	} {
		if err := write(); err != nil {
			return "", err
		}
		took, err := s.shows(ctx, r, name, int64(i+1))
		if err != nil {
			return "", err
		}
		longest = max(longest, took)
	}
	if _, err := s.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name}); err != nil {
		return "", err
	}
	took, err := s.shows(ctx, r, name, 0)
	return fmt.Sprintf("the longest took %s", max(longest, took).Round(time.Millisecond)), err
}

// shows returns after how long a read shows a version, 0 for a deletion.
func (s *scratch) shows(ctx context.Context, r read, name string, want int64) (time.Duration, error) {
	for began := time.Now(); ; {
		got, err := r.version(ctx, s, name)
		took := time.Since(began)
		if err != nil || got == want {
			return took, err
		}
		if took > late {
			return 0, differs("after %s it still shows version %d, not %d", took.Round(time.Second), got, want)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func tagLag(ctx context.Context, s *scratch) (learned string, err error) {
	name := s.name("a")
	if err := s.create(ctx, ssm.PutParameterInput{Name: &name}); err != nil {
		return "", err
	}
	if _, err := s.ssm.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, Tags: []types.Tag{{Key: aws.String("late"), Value: aws.String("yes")}},
	}); err != nil {
		return "", err
	}
	tags := read{"ListTagsForResource", func(ctx context.Context, s *scratch, name string) (int64, error) {
		out, err := s.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
		if err != nil {
			if codeOf(err) == "InvalidResourceId" { // the creation does not show yet
				err = nil
			}
			return 0, err
		}
		return int64(len(out.TagList)), nil
	}}
	took, err := s.shows(ctx, tags, name, 2)
	return fmt.Sprintf("it took %s", took.Round(time.Millisecond)), err
}
