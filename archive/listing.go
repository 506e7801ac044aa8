package archive

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
)

// Listed is what a listing shows of one parameter's index, or of its current
// value object.
type Listed struct {
	Name ssmbak.Name
	// ETag stands for the content of an index; it is empty for a value object,
	// where it could be a digest of the value.
	ETag string
	// Modified is when S3 got the object, in whole seconds.
	Modified time.Time
}

// Names lists the parameters below the target's path that have an index, in
// the order of their names' bytes.
func (a *Archive) Names(ctx context.Context, target ssmbak.Target) iter.Seq2[ssmbak.Name, error] {
	return func(yield func(ssmbak.Name, error) bool) {
		for x, err := range a.Indexes(ctx, target) {
			if !yield(x.Name, err) {
				return
			}
		}
	}
}

// Indexes lists the indexes below the target's path, 1,000 with one request, in
// the order of their names' bytes. An error is the last thing yielded.
func (a *Archive) Indexes(ctx context.Context, target ssmbak.Target) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for o, err := range a.list(ctx, indexPrefix, target, nameOfIndex) {
			if !yield(o, err) {
				return
			}
		}
	}
}

// Tops lists the parameters below the target's path whose key has a current
// value object: those on which a delete marker lies are not shown. Otherwise it
// is like [Archive.Indexes].
func (a *Archive) Tops(ctx context.Context, target ssmbak.Target) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for o, err := range a.list(ctx, "", target, nameOfValue) {
			o.ETag = ""
			if !yield(o, err) {
				return
			}
		}
	}
}

func (a *Archive) list(ctx context.Context, prefix string, target ssmbak.Target, nameOf func(key string) (ssmbak.Name, bool)) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &a.o.Bucket, ExpectedBucketOwner: a.owner(), Prefix: aws.String(prefix + target.Prefix())}
		if !target.Recursive() {
			in.Delimiter = aws.String("/")
		}
		pages := s3.NewListObjectsV2Paginator(a.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Listed{}, fmt.Errorf("list %s of bucket %s: %w", prefix+target.Prefix(), a.o.Bucket, translate(err)))
				return
			}
			for _, o := range page.Contents {
				if name, ok := nameOf(aws.ToString(o.Key)); ok && target.Below(name) &&
					!yield(Listed{Name: name, ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
		}
	}
}

// nameOfValue returns the parameter whose value objects stand at the key.
func nameOfValue(key string) (ssmbak.Name, bool) {
	name, err := ssmbak.ParseName(key)
	return name, err == nil && string(name) == key
}
