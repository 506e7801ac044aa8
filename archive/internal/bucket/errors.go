package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Errors that callers branch on.
var (
	// ErrNoBucket means that the bucket does not exist.
	ErrNoBucket = errors.New("the bucket does not exist")
	// ErrNotFound means that the object or object version does not exist.
	ErrNotFound = errors.New("the object does not exist")
	// ErrDeleted means that the current version of the key is a delete marker. It wraps
	// [ErrNotFound].
	ErrDeleted = fmt.Errorf("%w: its key has a delete marker", ErrNotFound)
	// ErrConflict means that a condition of a write is not met, or that another write of
	// the key is in progress.
	ErrConflict = errors.New("another writer was faster")
	// ErrChecksum means that the stored bytes do not match their checksum. It replaces
	// the SDK's error, which contains a digest of the bytes, and they may be a secret.
	ErrChecksum = errors.New("its bytes are corrupted")
)

// errMultipart refuses an object of a multipart upload.
var errMultipart = errors.New("it was stored by a multipart upload, which no writer of an archive uses")

// NotVersionedError refuses a write to a bucket that is not versioned.
type NotVersionedError struct {
	Bucket string
	Status string // "" if versioning was never enabled
}

func (e *NotVersionedError) Error() string {
	if e.Status == "" {
		return fmt.Sprintf("bucket %s is not versioned", e.Bucket)
	}
	return fmt.Sprintf("versioning of bucket %s is %s", e.Bucket, e.Status)
}

// translate wraps an error of S3 with the sentinel of this package that applies.
func translate(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	var response *awshttp.ResponseError
	marker := errors.As(err, &response) && response.HTTPResponse() != nil && response.HTTPResponse().Header.Get("X-Amz-Delete-Marker") == "true"
	var sentinel error
	switch api.ErrorCode() {
	case "NoSuchBucket":
		sentinel = ErrNoBucket
	case "NoSuchKey", "NoSuchVersion", "NotFound":
		if sentinel = ErrNotFound; marker {
			sentinel = ErrDeleted
		}
	case "MethodNotAllowed":
		sentinel = ErrDeleted
	case "PreconditionFailed", "ConditionalRequestConflict":
		sentinel = ErrConflict
	default:
		return err
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

// isChecksum reports whether the SDK found a checksum mismatch. The SDK has no exported
// error for that.
func isChecksum(err error) bool {
	return err != nil && strings.Contains(err.Error(), "checksum did not match")
}

// IsDenied reports whether S3 refused a request because the caller lacks a permission.
// It checks only the status, since the response to HEAD has no body.
func IsDenied(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden
}

// isRefusal reports whether S3 refused a request, which therefore had no effect.
func isRefusal(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorFault() == smithy.FaultClient
}
