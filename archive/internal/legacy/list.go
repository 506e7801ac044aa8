package legacy

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak"
)

// stored is one object version or delete marker.
type stored struct {
	key, id  string
	modified ssmbak.Time
	latest   bool
	marker   bool
}

// list yields what is stored under prefix: keys in the order of their bytes,
// and within a key the newest first. An error is the last thing it yields, and
// a caller that stops early stops the paging.
func (r *reader) list(ctx context.Context, prefix string) iter.Seq2[stored, error] {
	input := &s3.ListObjectVersionsInput{Bucket: &r.o.Bucket, ExpectedBucketOwner: r.owner()}
	if prefix != "" {
		input.Prefix = &prefix
	}
	return func(yield func(stored, error) bool) {
		pages := s3.NewListObjectVersionsPaginator(r.client, input)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(stored{}, fmt.Errorf("list object versions: %w", err))
				return
			}
			for _, s := range interleave(page.Versions, page.DeleteMarkers) {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// owner is the account that must own the bucket, nil to send none.
func (r *reader) owner() *string {
	if r.o.Owner == "" {
		return nil
	}
	return &r.o.Owner
}

// interleave brings the two halves of one page into one order. S3 answers with
// a single list, newest first within a key
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/list-obj-version-enabled-bucket.html);
// the SDK splits it by kind (https://github.com/aws/aws-sdk-go-v2/issues/3164)
// and LastModified, in whole seconds, cannot always put it together again. Of
// a version and a marker in one second the latest of its key comes first, else
// the marker. What stood on an earlier page is newer, whatever its kind, which
// is why pages are put together one by one.
func interleave(versions []types.ObjectVersion, markers []types.DeleteMarkerEntry) []stored {
	all := make([]stored, 0, len(versions)+len(markers))
	for len(versions)+len(markers) > 0 {
		var v, m stored
		if len(versions) > 0 {
			v = newStored(versions[0].Key, versions[0].VersionId, versions[0].LastModified, versions[0].IsLatest)
		}
		if len(markers) > 0 {
			m = newStored(markers[0].Key, markers[0].VersionId, markers[0].LastModified, markers[0].IsLatest)
			m.marker = true
		}
		if len(versions) == 0 || len(markers) > 0 && m.before(v) {
			all, markers = append(all, m), markers[1:]
		} else {
			all, versions = append(all, v), versions[1:]
		}
	}
	return all
}

// before reports whether the marker m stands before the version v in a listing.
func (m stored) before(v stored) bool {
	switch {
	case m.key != v.key:
		return m.key < v.key
	case m.latest || v.latest:
		return m.latest
	}
	return m.modified >= v.modified
}

func newStored(key, id *string, modified *time.Time, latest *bool) stored {
	return stored{
		key: aws.ToString(key), id: aws.ToString(id),
		modified: ssmbak.TimeOf(aws.ToTime(modified)), latest: aws.ToBool(latest),
	}
}
