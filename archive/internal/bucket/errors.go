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
	// ErrNoBucket: the bucket does not exist.
	ErrNoBucket = errors.New("the bucket does not exist")
	// ErrNotFound: there is no such object or object version.
	ErrNotFound = errors.New("the object does not exist")
	// ErrDeleted: the current version of the key is a delete marker. It is an
	// [ErrNotFound] too.
	ErrDeleted = fmt.Errorf("%w: its key has a delete marker", ErrNotFound)
	// ErrConflict: the condition of a write does not hold, or another write of
	// the key is in progress.
	ErrConflict = errors.New("another writer was faster")
	// ErrChecksum: the stored bytes do not match their checksum. It replaces the
	// SDK's error, which quotes the digest of what may be a secret.
	ErrChecksum = errors.New("its bytes are corrupted")
)

// NotVersionedError refuses a write to a bucket that does not keep versions.
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

// translate adds the sentinel of this package to an error of S3.
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

// isChecksum reports whether the SDK refused a body because of its checksum. The
// SDK has no exported type for that.
func isChecksum(err error) bool {
	return err != nil && strings.Contains(err.Error(), "checksum did not match")
}

// IsDenied reports whether S3 refused a request because the caller lacks the
// permission. The answer to HEAD has no body, so only the status is looked at.
func IsDenied(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden
}

// isRefusal reports whether S3 itself refused a request, which therefore had no
// effect.
func isRefusal(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorFault() == smithy.FaultClient
}
