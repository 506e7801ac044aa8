package stack

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/stack/code"
)

// upload puts the functions' zip into the archive's bucket, once for each
// content, and returns where it stands: its key and object version. The
// functions are pinned to both, and no role of the stack may write there.
func (s *Stack) upload(ctx context.Context, bucket string, zip code.Zip) (key, version string, err error) {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return "", "", err
	}
	client := s.conn.S3()
	key = ".ssmbak/lambda/" + zip.SHA256 + ".zip"
	sum, err := hex.DecodeString(zip.SHA256)
	if err != nil {
		return "", "", fmt.Errorf("read the digest of the functions' zip: %w", err)
	}
	out, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, ExpectedBucketOwner: &caller.Account, Body: bytes.NewReader(zip.Bytes), ContentType: aws.String("application/zip"),
		ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256, ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
		ServerSideEncryption: s3types.ServerSideEncryptionAes256, IfNoneMatch: aws.String("*"),
	})
	if err == nil {
		version = aws.ToString(out.VersionId)
	} else if status(err) == http.StatusPreconditionFailed || status(err) == http.StatusConflict {
		// It is there already, from an earlier try.
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: &caller.Account})
		if err != nil {
			return "", "", fmt.Errorf("look at %s in bucket %s: %w", key, bucket, err)
		}
		version = aws.ToString(head.VersionId)
	} else {
		return "", "", fmt.Errorf("upload the functions to bucket %s: %w", bucket, err)
	}
	if version == "" || version == "null" {
		return "", "", &BucketError{bucket, "is not versioned"}
	}
	return key, version, nil
}

// status returns the HTTP status that a service answered with, 0 if it did not.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
