package paramstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
)

// Write is one PutParameter. Every attribute is sent, empty ones too, because
// what an overwrite does with one that is left out differs from one to the
// next and is partly undocumented. Without a KeyID a SecureString gets the
// account's default key alias/aws/ssm, without a Tier a parameter the account's
// setting; without a DataType it is text.
type Write struct {
	Name ssmbak.Name
	ssmbak.Attributes
	Value ssmbak.Value
	// ClearPolicies takes away the policies that the parameter has now.
	ClearPolicies bool
	// Overwrite must be set if, and only if, the parameter is there.
	Overwrite bool
	// Tags go with the call that creates a parameter; Parameter Store refuses
	// them together with Overwrite.
	Tags map[string]string
}

// Put writes a new version and returns its number. It is not known to have
// failed where the error is neither [ErrExists] nor a [*RefusedError].
func (s *Store) Put(ctx context.Context, w Write) (number int64, err error) {
	out, err := s.writer.PutParameter(ctx, w.input(), revocably)
	if err = translate(err); err != nil {
		if errors.Is(err, ErrExists) {
			return 0, fmt.Errorf("create %s: %w", w.Name, ErrExists)
		}
		return 0, fmt.Errorf("put %s: %w", w.Name, refused(w.Name, "PutParameter", w.Value, err))
	}
	return out.Version, nil
}

// AddTags sets tags of a parameter and leaves the others.
func (s *Store) AddTags(ctx context.Context, name ssmbak.Name, tags map[string]string) error {
	_, err := s.writer.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(string(name)), Tags: tagList(tags),
	}, revocably)
	if err != nil {
		return fmt.Errorf("tag %s: %w", name, refused(name, "AddTagsToResource", ssmbak.Value{}, translate(err)))
	}
	return nil
}

// RemoveTags takes tags away from a parameter by their keys.
func (s *Store) RemoveTags(ctx context.Context, name ssmbak.Name, keys []string) error {
	_, err := s.writer.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(string(name)), TagKeys: keys,
	}, revocably)
	if err != nil {
		return fmt.Errorf("take tags from %s: %w", name, refused(name, "RemoveTagsFromResource", ssmbak.Value{}, translate(err)))
	}
	return nil
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag // nil is left out of the request
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}
