//go:build aws

package acceptance

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	objectsBucket     = "objects"
	conditionalWrites = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"
)

// objectFacts are about S3.
func objectFacts() []fact {
	const swaps = "archive/internal/bucket: each index is replaced by a compare-and-swap, so that no recorder loses the facts of another"
	return []fact{
		{
			name: "50 parallel writes with one If-Match", assumed: "one succeeds, and the others get 412 or 409", source: conditionalWrites, depends: swaps,
			settle: func(ctx context.Context, s *scratch) (string, error) {
				return swap(ctx, s, func(bucket, key string) (*s3.PutObjectInput, error) {
					out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("begin")})
					if err != nil {
						return nil, err
					}
					return &s3.PutObjectInput{IfMatch: out.ETag}, nil
				})
			},
		},
		{
			name: "50 parallel writes with If-None-Match", assumed: "one succeeds, and the others get 412 or 409", source: conditionalWrites, depends: swaps,
			settle: func(ctx context.Context, s *scratch) (string, error) {
				return swap(ctx, s, func(string, string) (*s3.PutObjectInput, error) {
					return &s3.PutObjectInput{IfNoneMatch: aws.String("*")}, nil
				})
			},
		},
		{
			name: "conditional writes over a delete marker", assumed: "If-Match gets 404, and If-None-Match succeeds",
			source:  "https://github.com/localstack/localstack/blob/main/tests/aws/services/s3/test_s3_api.py",
			depends: "archive: an index that a delete marker hides is restored, and not taken for a new one",
			settle:  overMarker,
		},
		{
			name: "order of versions stored within one second", assumed: "a listing has the newest first",
			source:  "https://docs.aws.amazon.com/AmazonS3/latest/userguide/list-obj-version-enabled-bucket.html",
			depends: "archive/internal/bucket: History, by which damaged objects are replaced by their newest intact version",
			settle:  sameSecond,
		},
		{
			name: "read and listing after a write", assumed: "they show it at once",
			source:  "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel",
			depends: "archive: readers list and read what a recorder has just written",
			settle:  readAfterPut,
		},
		{
			name: "keys with empty segments", assumed: "/a, a, and /a//b are different objects",
			source:  "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html",
			depends: "archive: the key of a value is the parameter's name, with its leading slash",
			settle:  emptySegments,
		},
	}
}

// bucket returns the run's bucket, which it creates and whose versioning it enables.
func (s *scratch) bucket(ctx context.Context) (string, error) {
	s.buckets.Lock()
	defer s.buckets.Unlock()
	name := s.resource(objectsBucket)
	if s.hasBucket {
		return name, nil
	}
	client, in := s.plain.S3(), &s3.CreateBucketInput{Bucket: &name}
	if s.kind == onAWS && s.region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.region)}
	}
	if _, err := client.CreateBucket(ctx, in); err != nil {
		if strings.HasPrefix(codeOf(err), "AccessDenied") {
			err = notSettled("the credentials may not create a bucket: %v", err)
		}
		return "", err
	}
	if _, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		return "", err
	}
	// It takes effect later, after 15 minutes at most.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
	err := s.eventually(ctx, 15*time.Minute, func() (bool, error) {
		out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: aws.String("versioned"), Body: strings.NewReader("?")})
		return err != nil || aws.ToString(out.VersionId) != "", err
	})
	s.hasBucket = err == nil
	return name, err
}

// key returns the key of an object of the fact.
func (s *scratch) key() string { return strings.TrimPrefix(s.name("object"), "/"+s.rootName()) }

// swap sends 50 writes at once.
func swap(ctx context.Context, s *scratch, prepare func(bucket, key string) (*s3.PutObjectInput, error)) (learned string, err error) {
	bucket, err := s.bucket(ctx)
	if err != nil {
		return "", err
	}
	key := s.key()
	condition, err := prepare(bucket, key)
	if err != nil {
		return "", err
	}
	const writers = 50
	from, errs := s.rows.steps(), make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		in := *condition
		in.Bucket, in.Key, in.Body = &bucket, &key, strings.NewReader(fmt.Sprintf("writer %02d", i))
		all.Go(func() { _, errs[i] = s.s3.PutObject(ctx, &in) })
	}
	all.Wait()
	s.rows.winnersFirst(from)
	outcomes := map[string]int{}
	for _, err := range errs {
		if err != nil && codeOf(err) == "" {
			return "", err
		}
		outcomes[codeOf(err)]++
	}
	refused := outcomes["PreconditionFailed"] + outcomes["ConditionalRequestConflict"]
	if outcomes[""] != 1 || refused != writers-1 {
		return "", differs("of %d, %d succeeded, and the others got %v", writers, outcomes[""], outcomes)
	}
	return fmt.Sprintf("%d got 412, and %d 409", outcomes["PreconditionFailed"], outcomes["ConditionalRequestConflict"]), nil
}

func overMarker(ctx context.Context, s *scratch) (learned string, err error) {
	bucket, err := s.bucket(ctx)
	if err != nil {
		return "", err
	}
	key := s.key()
	out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("hidden")})
	if err != nil {
		return "", err
	}
	if _, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		return "", err
	}
	_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("swapped"), IfMatch: out.ETag})
	if err := refusal(err, "If-Match", "NoSuchKey"); err != nil {
		return "", err
	}
	_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("created"), IfNoneMatch: aws.String("*")})
	if codeOf(err) != "" {
		err = differs("If-None-Match is refused with %v", err)
	}
	return "", err
}

func sameSecond(ctx context.Context, s *scratch) (learned string, err error) {
	bucket, err := s.bucket(ctx)
	if err != nil {
		return "", err
	}
	key := s.key()
	const n = 8
	var stored []string
	for i := range n {
		out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(fmt.Sprint("version ", i))})
		if err != nil {
			return "", err
		}
		stored = append(stored, aws.ToString(out.VersionId))
	}
	list, err := s.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &key})
	if err != nil {
		return "", err
	}
	var listed []string
	seconds := map[int64]int{}
	for _, v := range list.Versions {
		listed = append(listed, aws.ToString(v.VersionId))
		seconds[v.LastModified.Unix()]++
	}
	slices.Reverse(listed)
	if len(seconds) == n {
		return "", notSettled("no two of the %d versions were stored within one second", n)
	}
	if !slices.Equal(stored, listed) {
		return "", differs("stored as %q, and listed in the reverse order of %q", stored, listed)
	}
	return fmt.Sprintf("%d versions within %d seconds", n, len(seconds)), nil
}

func readAfterPut(ctx context.Context, s *scratch) (learned string, err error) {
	bucket, err := s.bucket(ctx)
	if err != nil {
		return "", err
	}
	key := s.key()
	for i := range 10 {
		text := fmt.Sprint("version ", i)
		put, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)})
		if err != nil {
			return "", err
		}
		body, err := s.content(ctx, bucket, key)
		if err != nil {
			return "", err
		}
		if body != text {
			return "", differs("after %q was written, %q is read", text, body)
		}
		list, err := s.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &key})
		if err != nil {
			return "", err
		}
		if len(list.Versions) != i+1 || aws.ToString(list.Versions[0].VersionId) != aws.ToString(put.VersionId) {
			return "", differs("after %d writes, a listing has %d versions", i+1, len(list.Versions))
		}
	}
	return "", nil
}

// content reads an object.
func (s *scratch) content(ctx context.Context, bucket, key string) (string, error) {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	return string(body), err
}

func emptySegments(ctx context.Context, s *scratch) (learned string, err error) {
	bucket, err := s.bucket(ctx)
	if err != nil {
		return "", err
	}
	base := strings.Trim(s.key(), "/")
	keys := []string{base, "/" + base, "/" + base + "//b", "/" + base + "/b"}
	for _, key := range keys {
		if _, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)}); err != nil {
			return "", err
		}
	}
	for _, key := range keys {
		body, err := s.content(ctx, bucket, key)
		if err != nil {
			return "", err
		}
		if body != key {
			return "", differs("the object %s is that of %s", key, body)
		}
	}
	return "", nil
}
