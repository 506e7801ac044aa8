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

// taggedPage is the maximum number of resources on a page of GetResources.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
const taggedPage = 100

// ErrNoTagging means that the store has no [Options.Tagging].
var ErrNoTagging = errors.New("no Resource Groups Tagging API client configured")

// Tagged holds the tags of a parameter according to the Resource Groups Tagging API.
type Tagged struct {
	Name ssmbak.Name
	Tags map[string]string
}

// Tagged lists the tags of all parameters that have or had tags, 100 per request. AWS
// documents no bound on how stale the Resource Groups Tagging API may be, so a
// difference only means that the parameter should be read. Tagged yields an error at
// most once, as the last element.
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
