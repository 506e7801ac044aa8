package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Expiration is an enabled lifecycle rule that removes noncurrent object versions.
type Expiration struct {
	ID string `json:"id,omitempty"`
	// Prefix is that of the keys, "" for all.
	Prefix string `json:"prefix,omitempty"`
	// Days is how long a version is noncurrent at least before it is removed, and Newer how
	// many newer noncurrent versions of its key remain.
	Days  int32 `json:"days"`
	Newer int32 `json:"newer,omitempty"`
	// Filtered says that the rule applies only to some of the objects, by tags or size.
	Filtered bool `json:"filtered,omitempty"`
}

// Expirations returns the enabled lifecycle rules that remove noncurrent object versions.
// The result is not nil. No other rule removes a version of a versioned bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
func (b *Bucket) Expirations(ctx context.Context) ([]Expiration, error) {
	out, err := b.Client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.Name, ExpectedBucketOwner: b.owner()})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchLifecycleConfiguration" {
		return []Expiration{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lifecycle rules of bucket %s: %w", b.Name, translate(err))
	}
	all := []Expiration{}
	for _, rule := range out.Rules {
		if rule.Status != types.ExpirationStatusEnabled || rule.NoncurrentVersionExpiration == nil {
			continue
		}
		e := Expiration{
			ID: aws.ToString(rule.ID), Prefix: aws.ToString(rule.Prefix), //nolint:staticcheck // deprecated, and still returned for rules without a filter
			Days: aws.ToInt32(rule.NoncurrentVersionExpiration.NoncurrentDays), Newer: aws.ToInt32(rule.NoncurrentVersionExpiration.NewerNoncurrentVersions),
		}
		if f := rule.Filter; f != nil {
			e.Prefix = cmp.Or(aws.ToString(f.Prefix), e.Prefix)
			e.Filtered = f.Tag != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil
			if f.And != nil {
				e.Prefix = cmp.Or(aws.ToString(f.And.Prefix), e.Prefix)
				e.Filtered = len(f.And.Tags) > 0 || f.And.ObjectSizeGreaterThan != nil || f.And.ObjectSizeLessThan != nil
			}
		}
		all = append(all, e)
	}
	return all, nil
}
