package bucket

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// Create writes an empty object unless the key has one already. wrote reports whether this
// call certainly wrote it: after a response that was lost, it may have been this call too.
// A key whose current version is a delete marker has no object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (b *Bucket) Create(ctx context.Context, key string) (wrote bool, err error) {
	for range maxSwaps {
		_, _, err = b.Put(ctx, Write{Key: key, ContentType: "application/octet-stream", Absent: true})
		if err == nil {
			return true, nil
		}
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "PreconditionFailed" {
			return false, nil
		}
		if !errors.Is(err, ErrConflict) {
			break
		}
		// Another write of the key is in progress, and may fail.
	}
	return false, fmt.Errorf("write %s of bucket %s: %w", key, b.Name, err)
}
