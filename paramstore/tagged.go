package paramstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/ssmbak/ssmbak"
)

// taggedPage is the most that a page of GetResources holds.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
const taggedPage = 100

// ErrNoTagging says that the store was made without the tagging API.
var ErrNoTagging = errors.New("the tagging API is not connected")

// Tagged is a parameter's tags as the tagging API knows them.
type Tagged struct {
	Name ssmbak.Name
	Tags map[string]string
}

// Tagged lists the tags of all parameters that have any, or had, 100 with one
// request. How far back the tagging API may answer is documented nowhere: what
// it says is a hint to look. An error is the last thing yielded.
func (s *Store) Tagged(ctx context.Context) iter.Seq2[Tagged, error] {
	return func(yield func(Tagged, error) bool) {
		if s.tagging == nil {
			yield(Tagged{}, ErrNoTagging)
			return
		}
		pages := resourcegroupstaggingapi.NewGetResourcesPaginator(s.tagging, &resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"ssm:parameter"}, ResourcesPerPage: aws.Int32(taggedPage),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Tagged{}, fmt.Errorf("list the tags of all parameters: %w", err))
				return
			}
			for _, r := range page.ResourceTagMappingList {
				_, text, found := strings.Cut(aws.ToString(r.ResourceARN), ":parameter/")
				name, err := ssmbak.ParseName("/" + text)
				if !found || err != nil {
					continue // not a parameter that can be recorded
				}
				t := Tagged{Name: name, Tags: make(map[string]string, len(r.Tags))}
				for _, tag := range r.Tags {
					t.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
				}
				if !yield(t, nil) {
					return
				}
			}
		}
	}
}
