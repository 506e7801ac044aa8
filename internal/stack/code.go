package stack

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// Versioning of a bucket takes up to 15 minutes to take effect after it was
// enabled, which a template does together with creating the bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
const (
	uploadEvery = time.Minute
	uploadFor   = 20 * time.Minute
)

// upload puts the functions' zip into the archive's bucket, once for each
// content, and returns its key and object version. The functions are pinned to
// both, and no role of the stack may write there.
//
// Where S3 stores it without a version, since versioning does not work yet, it
// is uploaded again every minute, for 20 minutes at most. The error is a
// [*BucketError] if the bucket is not versioned, and a [*VersioningError] if
// versioning still does not work by then.
func (s *Stack) upload(ctx context.Context, bucket string, zip code.Zip, e archive.Encryption) (key, version string, err error) {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return "", "", err
	}
	key = ".ssmbak/lambda/" + zip.SHA256 + ".zip"
	u, err := newUpload(s.conn.S3(), bucket, caller.Account, key, zip, e)
	if err != nil {
		return "", "", err
	}
	for began, again := time.Now(), false; ; again = true {
		version, err = u.once(ctx, again)
		if err != nil || version != "" {
			return key, version, err
		}
		enabled, err := u.versioned(ctx)
		switch {
		case err != nil:
			return "", "", err
		case !enabled:
			return "", "", &BucketError{bucket, "is not versioned"}
		case time.Since(began) >= uploadFor:
			return "", "", &VersioningError{bucket, time.Since(began)}
		case !again:
			s.o.Note(fmt.Sprintf("versioning of bucket %s does not work yet, which takes up to 15 minutes for a new bucket: uploading the functions again every minute", bucket))
		}
		select {
		case <-ctx.Done():
			return "", "", fmt.Errorf("wait for versioning of bucket %s: %w", bucket, ctx.Err())
		case <-time.After(uploadEvery):
		}
	}
}

// upload is one object that is to be in a bucket.
type upload struct {
	client *s3.Client
	in     s3.PutObjectInput
	body   []byte
}

func newUpload(client *s3.Client, bucket, owner, key string, zip code.Zip, e archive.Encryption) (*upload, error) {
	sum, err := hex.DecodeString(zip.SHA256)
	if err != nil {
		return nil, fmt.Errorf("read the digest of the functions' zip: %w", err)
	}
	u := &upload{client, s3.PutObjectInput{
		Bucket: &bucket, Key: &key, ExpectedBucketOwner: &owner, ContentType: aws.String("application/zip"),
		ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256, ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
	}, zip.Bytes}
	e.Set(&u.in, false)
	return u, nil
}

// once uploads the object unless the bucket holds it as a version, and returns
// that version: "" if S3 stored it without one. What is there without one is
// replaced.
func (u *upload) once(ctx context.Context, again bool) (string, error) {
	in := u.in
	in.Body = bytes.NewReader(u.body)
	if !again {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := u.client.PutObject(ctx, &in)
	if code := status(err); !again && (code == http.StatusPreconditionFailed || code == http.StatusConflict) {
		// It is there already, from an earlier try.
		head, err := u.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key, ExpectedBucketOwner: in.ExpectedBucketOwner})
		if err != nil {
			return "", fmt.Errorf("look at %s in bucket %s: %w", *in.Key, *in.Bucket, err)
		}
		if version := versionID(head.VersionId); version != "" {
			return version, nil
		}
		return u.once(ctx, true)
	}
	if err != nil {
		return "", fmt.Errorf("upload the functions to bucket %s: %w", *in.Bucket, err)
	}
	return versionID(out.VersionId), nil
}

// versionID returns a version id, "" for an object that is no version: S3 answers no
// id, or the one that all such objects have.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
func versionID(id *string) string {
	if version := aws.ToString(id); version != "null" {
		return version
	}
	return ""
}

// versioned reports whether versioning of the bucket is enabled, whether or not
// it works yet.
func (u *upload) versioned(ctx context.Context) (bool, error) {
	out, err := u.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: u.in.Bucket, ExpectedBucketOwner: u.in.ExpectedBucketOwner})
	if err != nil {
		return false, fmt.Errorf("read the versioning of bucket %s: %w", *u.in.Bucket, err)
	}
	return out.Status == s3types.BucketVersioningStatusEnabled, nil
}

// status returns the HTTP status that a service answered with, 0 if it did not.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
