package paramstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/ssmbak/ssmbak"
)

// Write is the input of [Store.Put]. Put sends every attribute, even if empty,
// because the effect of omitting one in an overwrite differs between attributes and
// is partly undocumented. An empty KeyID of a SecureString means the account's
// default key alias/aws/ssm, an empty Tier the account's default tier, and an empty
// DataType text.
type Write struct {
	Name ssmbak.Name
	ssmbak.Attributes
	Value ssmbak.Value
	// ClearPolicies removes the parameter's present policies.
	ClearPolicies bool
	// Overwrite must be set if and only if the parameter exists.
	Overwrite bool
	// Tags are set on a new parameter. Parameter Store rejects them together with
	// Overwrite.
	Tags map[string]string
}

// Written is the outcome of [Store.Put].
type Written struct {
	Number int64 // of the new version
	// Again reports whether the request was sent again after one without an answer,
	// which may have taken effect, too.
	Again bool
}

// Put writes a new version. If the error is neither [ErrExists] nor a [*RefusedError],
// the write may have taken effect.
func (s *Store) Put(ctx context.Context, w Write) (Written, error) {
	out, err := s.writer.PutParameter(ctx, w.input(), revocably)
	if err = translate(err); err != nil {
		if errors.Is(err, ErrExists) {
			return Written{}, fmt.Errorf("create %s: %w", w.Name, ErrExists)
		}
		return Written{}, fmt.Errorf("put %s: %w", w.Name, refused(w.Name, "PutParameter", w.Value, err))
	}
	return Written{Number: out.Version, Again: sentAgain(out.ResultMetadata)}, nil
}

// sentAgain reports whether an earlier attempt of a call may have taken effect: it
// failed without an answer, or by a fault of the service other than throttling.
func sentAgain(m middleware.Metadata) bool {
	attempts, _ := retry.GetAttemptResults(m)
	return slices.ContainsFunc(attempts.Results, func(r retry.AttemptResult) bool {
		if api, ok := errors.AsType[smithy.APIError](r.Err); ok {
			return api.ErrorFault() == smithy.FaultServer
		}
		return r.Err != nil
	})
}

// AddTags sets tags of a parameter and keeps its other tags.
func (s *Store) AddTags(ctx context.Context, name ssmbak.Name, tags map[string]string) error {
	_, err := s.writer.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(string(name)), Tags: tagList(tags),
	}, revocably)
	if err != nil {
		return fmt.Errorf("tag %s: %w", name, refused(name, "AddTagsToResource", ssmbak.Value{}, translate(err)))
	}
	return nil
}

// RemoveTags removes the tags with the given keys from a parameter.
func (s *Store) RemoveTags(ctx context.Context, name ssmbak.Name, keys []string) error {
	_, err := s.writer.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(string(name)), TagKeys: keys,
	}, revocably)
	if err != nil {
		return fmt.Errorf("remove tags from %s: %w", name, refused(name, "RemoveTagsFromResource", ssmbak.Value{}, translate(err)))
	}
	return nil
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag // nil is omitted from the request
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}
