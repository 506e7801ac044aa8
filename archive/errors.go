package archive

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
)

// Errors that callers branch on.
var (
	// ErrNoBucket: the bucket does not exist.
	ErrNoBucket = errors.New("the bucket does not exist")
	// ErrExpired: every copy of a value has been removed from the bucket, by a
	// lifecycle rule or by hand. The version existed.
	ErrExpired = errors.New("the value object is no longer in the bucket")
	// ErrNothing: neither an index nor a value object of a parameter was ever
	// written, or nothing of them is left.
	ErrNothing = errors.New("the archive holds nothing of it")

	errNotFound = errors.New("there is no such object")
	errMarker   = errors.New("the object lies under a delete marker")
	errConflict = errors.New("another writer was faster")
)

// MismatchError refuses the archive of another account or region.
type MismatchError struct {
	Bucket          string
	Archive         Identity
	Account, Region string // the caller's, or an event's
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("bucket %s is the archive of account %s in %s, not of account %s in %s",
		e.Bucket, e.Archive.Account, e.Archive.Region, e.Account, e.Region)
}

// FormatError refuses an object that only a newer ssmbak can read. No other object
// is concerned.
type FormatError struct {
	Key    string
	Format int // that its reader must know
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s needs a reader of format %d, this ssmbak knows format %d: use a newer ssmbak", e.Key, e.Format, Format)
}

// NotVersionedError refuses to write to a bucket that does not keep versions.
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

// DamagedError names an object that is not what it should be.
type DamagedError struct {
	Name ssmbak.Name // "" if it belongs to no parameter
	Key  string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Key, e.Err) }

func (e *DamagedError) Unwrap() error { return e.Err }

// Index reports whether it is a parameter's index that is damaged, which
// [Archive.Reindex] rebuilds.
func (e *DamagedError) Index() bool { return e.Name != "" && e.Key == indexKey(e.Name) }

// LostIndexError refuses to begin a parameter afresh whose index is gone.
// [Archive.Reindex] rebuilds it.
type LostIndexError struct{ Name ssmbak.Name }

func (e *LostIndexError) Error() string {
	return fmt.Sprintf("the index of %s is missing though the archive has held the parameter: `ssmbak reindex %[1]s` rebuilds it", e.Name)
}

// translate gives S3's answers the package's own sentinels, keeping the cause.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var response *awshttp.ResponseError
	marker := errors.As(err, &response) && response.HTTPResponse() != nil && response.HTTPResponse().Header.Get("X-Amz-Delete-Marker") == "true"
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "NoSuchBucket":
		return fmt.Errorf("%w: %w", ErrNoBucket, err)
	case "NoSuchKey", "NoSuchVersion", "NotFound":
		if marker {
			return fmt.Errorf("%w: %w", errMarker, err)
		}
		return fmt.Errorf("%w: %w", errNotFound, err)
	case "MethodNotAllowed":
		return fmt.Errorf("%w: %w", errMarker, err)
	case "PreconditionFailed", "ConditionalRequestConflict":
		return fmt.Errorf("%w: %w", errConflict, err)
	}
	return err
}

func isNotFound(err error) bool {
	return errors.Is(err, errNotFound) || errors.Is(err, errMarker)
}

func isConflict(err error) bool { return errors.Is(err, errConflict) }

// isChecksum reports whether the SDK refused a body because its checksum is not
// the one that was stored with it. The SDK has no exported type for it.
func isChecksum(err error) bool {
	return err != nil && strings.Contains(err.Error(), "checksum did not match")
}

// errChecksum takes the place of the SDK's own error, which quotes the digest
// of what may be a secret.
var errChecksum = errors.New("its bytes are not those that were written")

// isDenied reports whether S3 refused a request since the caller may not make it.
// The answer to HEAD has no body, so its status alone tells.
func isDenied(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden
}

// answered reports whether S3 itself refused the request, so that it surely
// took no effect.
func answered(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorFault() == smithy.FaultClient
}
