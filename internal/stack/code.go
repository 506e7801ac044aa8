package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// Versioning can take up to 15 minutes to take effect after it was enabled, which the
// template does when it creates the bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
const (
	uploadEvery = time.Minute
	uploadFor   = 20 * time.Minute
)

// codePrefix is the prefix of the keys of the functions' zips and of the templates. It is
// followed by the SHA-256 of the contents.
const codePrefix = ".ssmbak/lambda/"

// content is what an object that only admins may write has to contain.
type content struct {
	what string // in a sentence, such as "the functions"
	kind string // the content type, and the suffix of the key
	body []byte
	sum  []byte // SHA-256 of the body
}

func (c content) name() string { return hex.EncodeToString(c.sum) + "." + c.kind }

// contentOf returns the contents of a zip.
func contentOf(zip code.Zip) (content, error) {
	sum, err := hex.DecodeString(zip.SHA256)
	if err != nil {
		return content{}, fmt.Errorf("read the digest of the functions' zip: %w", err)
	}
	return content{"the functions", "zip", zip.Bytes, sum}, nil
}

// templateContent returns the contents of the template.
func templateContent() content {
	sum := sha256.Sum256([]byte(body()))
	return content{"the template", "json", []byte(body()), sum[:]}
}

// upload uploads contents to a bucket, below a prefix of keys, unless they are already there, and
// returns their key and object version. The functions, and the change set of a template,
// are pinned to both, and no role of the stack may write to the key. If the key holds
// anything else, the contents are uploaded as a new object version, and a note says so. If
// again is set, they are always uploaded as a new object version.
//
// While S3 stores them without a version, because versioning has not taken effect yet,
// the upload is repeated every minute for at most 20 minutes. The error is a
// [*BucketError] if the bucket is not versioned, or a [*VersioningError] if
// versioning has still not taken effect then.
func (s *Stack) upload(ctx context.Context, bucket, prefix string, c content, e archive.Encryption, again bool) (key, version string, err error) {
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return "", "", err
	}
	u := s.newUpload(bucket, caller.Account, prefix, c, e)
	key = *u.in.Key
	for began, waiting := time.Now(), false; ; waiting = true {
		version, err = u.once(ctx, again || waiting)
		switch {
		case isAPIError(err, "NoSuchBucket", ""):
			return "", "", &BucketError{bucket, "does not exist"}
		case err != nil || version != "":
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
		case !waiting:
			s.o.Note(fmt.Sprintf("versioning of bucket %s has not taken effect yet, which can take 15 minutes for a new bucket: retrying the upload of %s every minute", bucket, c.what))
		}
		select {
		case <-ctx.Done():
			return "", "", fmt.Errorf("wait for versioning of bucket %s: %w", bucket, ctx.Err())
		case <-time.After(uploadEvery):
		}
	}
}

// stageTemplate uploads the template, and returns the URL at which CloudFormation reads
// that object version, with the permissions of the caller.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stack.html
func (s *Stack) stageTemplate(ctx context.Context, bucket, prefix string, e archive.Encryption) (string, error) {
	key, version, err := s.upload(ctx, bucket, prefix, templateContent(), e, false)
	if err != nil {
		return "", err
	}
	return s.url(ctx, bucket, key, version)
}

// url returns the URL of an object version in a bucket of this region.
func (s *Stack) url(ctx context.Context, bucket, key, version string) (string, error) {
	endpoint, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, s3.EndpointParameters{Region: aws.String(s.conn.Region()), Bucket: &bucket})
	if err != nil {
		return "", fmt.Errorf("find the URL of bucket %s: %w", bucket, err)
	}
	u := endpoint.URI.JoinPath(key)
	u.RawQuery = url.Values{"versionId": {version}}.Encode()
	return u.String(), nil
}

// upload is the upload of one object.
type upload struct {
	client *s3.Client
	in     s3.PutObjectInput
	content
	note func(text string)
}

// newUpload returns the upload of contents. owner is the account that must own the bucket,
// or "" for any.
func (s *Stack) newUpload(bucket, owner, prefix string, c content, e archive.Encryption) *upload {
	u := &upload{s.conn.S3(), s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String(prefix + c.name()), ContentType: aws.String("application/" + c.kind),
		ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256, ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(c.sum)),
	}, c, s.o.Note}
	if owner != "" {
		u.in.ExpectedBucketOwner = &owner
	}
	e.Set(&u.in, false)
	return u
}

// once uploads the object unless the bucket holds it as an object version, and
// returns the version ID, or "" if S3 stored it without one.
func (u *upload) once(ctx context.Context, again bool) (string, error) {
	in := u.in
	in.Body = bytes.NewReader(u.body)
	if !again {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := u.client.PutObject(ctx, &in)
	if code := status(err); !again && (code == http.StatusPreconditionFailed || code == http.StatusConflict) {
		version, err := u.stored(ctx)
		if err != nil || version != "" {
			return version, err
		}
		return u.once(ctx, true)
	}
	if err != nil {
		return "", fmt.Errorf("upload %s to bucket %s: %w", u.what, *in.Bucket, err)
	}
	return versionID(out.VersionId), nil
}

// stored returns the version ID of the object under the key if its content is the
// body, or "" if it is not or if the object has no version. The content is compared
// because anyone who may write to the bucket could have written something else under
// this key.
func (u *upload) stored(ctx context.Context) (string, error) {
	out, err := u.client.GetObject(ctx, &s3.GetObjectInput{Bucket: u.in.Bucket, Key: u.in.Key, ExpectedBucketOwner: u.in.ExpectedBucketOwner})
	if err != nil {
		return "", fmt.Errorf("read %s in bucket %s: %w", *u.in.Key, *u.in.Bucket, err)
	}
	defer out.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(out.Body, int64(len(u.body))+1)); err != nil {
		return "", fmt.Errorf("read %s in bucket %s: %w", *u.in.Key, *u.in.Bucket, err)
	}
	if !bytes.Equal(hash.Sum(nil), u.sum) {
		u.note(fmt.Sprintf("%s in bucket %s does not contain %s (object version %s): uploading again; find out who wrote that version",
			*u.in.Key, *u.in.Bucket, u.what, aws.ToString(out.VersionId)))
		return "", nil
	}
	return versionID(out.VersionId), nil
}

// versionID returns a version ID, or "" for an object without a version, for which S3
// returns no ID or "null".
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
func versionID(id *string) string {
	if version := aws.ToString(id); version != "null" {
		return version
	}
	return ""
}

// versioned reports whether versioning of the bucket is enabled, even if it has not
// taken effect yet.
func (u *upload) versioned(ctx context.Context) (bool, error) {
	out, err := u.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: u.in.Bucket, ExpectedBucketOwner: u.in.ExpectedBucketOwner})
	if err != nil {
		return false, fmt.Errorf("read the versioning of bucket %s: %w", *u.in.Bucket, err)
	}
	return out.Status == s3types.BucketVersioningStatusEnabled, nil
}

// status returns the HTTP status code of an error, or 0 if there was no response.
func status(err error) int {
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}
