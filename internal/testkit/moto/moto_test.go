package moto_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
)

// TestConditionalWrites has writers replace one object at once: of those that
// name the same ETag, one succeeds, as on S3.
func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true, Region: moto.Region, EndpointURL: moto.Start(t)})
	if err != nil {
		t.Fatal(err)
	}
	client, bucket := conn.S3(), aws.String("bucket")
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	key := aws.String("/a//b")
	var etag *string // nil before the first round
	for round := range 40 {
		const writers = 4
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				in := &s3.PutObjectInput{Bucket: bucket, Key: key, IfMatch: etag, Body: strings.NewReader(fmt.Sprint(round, " ", i))}
				if etag == nil {
					in.IfNoneMatch = aws.String("*")
				}
				if _, err := client.PutObject(t.Context(), in); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("round %d: %d of %d writers replaced the same object, want 1", round, n, writers)
		}
		object, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		etag = object.ETag
	}
}
