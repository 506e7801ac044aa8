package legacy

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
)

// The keys of the original's tags.
const (
	tagTime        = "ssmbakTime"
	tagType        = "ssmbakType"
	tagDescription = "ssmbakDescription"
)

// lastSecond is the end of the year 9999, the last that the original's own
// type for times can hold.
const lastSecond = 253402300799

// fill reads the tags of an object version into its entry.
func (r *reader) fill(ctx context.Context, key string, e *entry) error {
	out, err := r.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{
		Bucket: &r.o.Bucket, Key: &key, VersionId: &e.fact.ID, ExpectedBucketOwner: r.owner(),
	})
	if isGone(err) {
		e.missing = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the tags of version %s of %s: %w", e.fact.ID, key, err)
	}
	t, ok := decodeTags(out.TagSet)
	e.missing = !ok
	e.fact.Second, e.fact.Type, e.fact.Description = t.second, t.kind, t.description
	return nil
}

// isGone reports that the object version is no longer there: a lifecycle rule
// may remove one at any time.
func isGone(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && (e.ErrorCode() == "NoSuchVersion" || e.ErrorCode() == "NoSuchKey")
}

// tags are what the original recorded beside a value.
type tags struct {
	second      int64
	kind        ssmbak.Type
	description string
}

// decodeTags reads the original's tags out of a tag set and reports whether
// they are there: whether ssmbakTime is a time. A type that is missing or
// unknown is handed on as it is, since leaving out the record would give an
// older value the time of this one.
func decodeTags(set []types.Tag) (t tags, ok bool) {
	for _, tag := range set {
		value := aws.ToString(tag.Value)
		switch aws.ToString(tag.Key) {
		case tagTime:
			second, err := strconv.ParseInt(value, 10, 64)
			if err != nil || second <= 0 || second > lastSecond {
				return tags{}, false
			}
			t.second = second
		case tagType:
			t.kind = ssmbak.Type(value)
		case tagDescription:
			t.description = value
		}
	}
	if t.second == 0 {
		return tags{}, false
	}
	return t, true
}
