package permission

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// Describer is the part of KMS that a check uses.
type Describer interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
}

// Key is what KMS says about a key.
type Key struct {
	ARN string // "" if it is not known
	// Problem is why it cannot be used, in one clause, or "".
	Problem string
	// Unknown says that the caller may not ask.
	Unknown bool
}

// Describe asks KMS about a key, given as key ID, ARN or alias.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
func Describe(ctx context.Context, client Describer, id string) (Key, error) {
	out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	var missing *types.NotFoundException
	switch {
	case errors.As(err, &missing):
		return Key{Problem: "the key does not exist"}, nil
	case awsconn.IsDenied(err):
		key := Key{Unknown: true}
		if strings.Contains(id, ":key/") {
			key.ARN = id
		}
		return key, nil
	case err != nil:
		return Key{}, fmt.Errorf("ask KMS about key %s: %w", id, err)
	}
	key := Key{ARN: aws.ToString(out.KeyMetadata.Arn)}
	if state := out.KeyMetadata.KeyState; state != types.KeyStateEnabled {
		key.Problem = "the key is " + string(state)
	}
	return key, nil
}
