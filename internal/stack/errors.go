package stack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// NameError reports an invalid name of a stack.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("invalid stack name %q: must be a letter followed by letters, digits and hyphens, at most %d characters", e.Name, maxName)
}

// NotFoundError reports that a stack does not exist.
type NotFoundError struct{ Name, Region string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("the stack %s does not exist in %s", e.Name, e.Region)
}

// ExistsError reports that a stack to create already exists and is complete.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string { return fmt.Sprintf("the stack %s already exists", e.Name) }

// ForeignError reports that a stack was created by neither this ssmbak nor the legacy
// one.
type ForeignError struct{ Name string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("the stack %s was not created by ssmbak", e.Name)
}

// LegacyError reports that a stack was created by the legacy ssmbak.
type LegacyError struct{ Name string }

func (e *LegacyError) Error() string {
	return fmt.Sprintf("the stack %s was created by the legacy ssmbak", e.Name)
}

// StateError reports that the status of a stack does not allow an operation. Advice
// says what to do.
type StateError struct{ Name, Status, Advice string }

func (e *StateError) Error() string { return fmt.Sprintf("the stack %s is %s", e.Name, e.Status) }

// ProtectedError reports that a change set would replace or remove a resource whose
// data must not be lost. Action is "replace" or "remove".
type ProtectedError struct{ Resource, Action string }

func (e *ProtectedError) Error() string {
	return fmt.Sprintf("this would %s the resource %s, whose data must not be lost", e.Action, e.Resource)
}

// TerminationError reports that termination protection is enabled for a stack.
type TerminationError struct{ Name string }

func (e *TerminationError) Error() string {
	return fmt.Sprintf("termination protection is enabled for the stack %s", e.Name)
}

// BucketError reports why a bucket cannot hold the archive or the functions' code.
type BucketError struct{ Bucket, Why string }

func (e *BucketError) Error() string { return fmt.Sprintf("bucket %s %s", e.Bucket, e.Why) }

// VersioningError reports that versioning of a bucket is enabled but has not taken
// effect in time.
type VersioningError struct {
	Bucket string
	Waited time.Duration
}

func (e *VersioningError) Error() string {
	return fmt.Sprintf("versioning of bucket %s is enabled, but has not taken effect after %.0f minutes", e.Bucket, e.Waited.Minutes())
}

// PointerError reports that the parameter for the bucket's name already exists.
type PointerError struct{ Parameter, Bucket string }

func (e *PointerError) Error() string {
	return fmt.Sprintf("the parameter %s already exists, with the value %s", e.Parameter, e.Bucket)
}

// VersionError reports that a stack was last updated by a newer version of ssmbak.
type VersionError struct{ Have, Want string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the stack was deployed by ssmbak %s, but this is %s", e.Have, e.Want)
}

// WatchError reports that the outcome of an operation is unknown. CloudFormation
// continues it.
type WatchError struct {
	Name string
	// MayNotHaveStarted reports that the response to the request was lost, so that it
	// is unknown whether the operation has started.
	MayNotHaveStarted bool
	Err               error
}

func (e *WatchError) Error() string {
	if e.MayNotHaveStarted {
		return fmt.Sprintf("the stack %s may be changing: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("the stack %s is changing: %v", e.Name, e.Err)
}

func (e *WatchError) Unwrap() error { return e.Err }

// HeaderError reports that the stack is complete, but that the encryption headers of
// its functions could not be written into the archive.
type HeaderError struct{ Err error }

func (e *HeaderError) Error() string {
	return "write the encryption headers into the archive: " + e.Err.Error()
}

func (e *HeaderError) Unwrap() error { return e.Err }

// FailedError reports that an operation of CloudFormation failed.
type FailedError struct {
	Name, Status string
	Failures     []Event  // the events that say why, oldest first
	Permissions  []string // missing permissions, such as iam:CreateRole, if known
}

func (e *FailedError) Error() string {
	if len(e.Failures) == 0 {
		return fmt.Sprintf("the stack %s ended as %s", e.Name, e.Status)
	}
	first := e.Failures[0]
	return fmt.Sprintf("the stack %s ended as %s: %s: %s", e.Name, e.Status, first.Resource, first.Reason)
}

var unauthorized = form(`not authorized to perform:? \(?([a-zA-Z0-9-]+:[a-zA-Z0-9*]+)`)

// failed returns a [*FailedError] with the causes found in the events of an operation.
func failed(name, status string, events []Event) *FailedError {
	e := &FailedError{Name: name, Status: status}
	for _, x := range events {
		if !strings.HasSuffix(x.Status, "_FAILED") || strings.Contains(x.Reason, "cancelled") || x.Type == stackType {
			continue
		}
		e.Failures = append(e.Failures, x)
		for _, m := range unauthorized().FindAllStringSubmatch(x.Reason, -1) {
			if !slices.Contains(e.Permissions, m[1]) {
				e.Permissions = append(e.Permissions, m[1])
			}
		}
	}
	if len(e.Failures) == 0 {
		for _, x := range events {
			if x.Reason != "" && (strings.HasSuffix(x.Status, "_FAILED") || strings.Contains(x.Status, "ROLLBACK_IN_PROGRESS")) {
				e.Failures = append(e.Failures, x)
			}
		}
	}
	return e
}

// isAPIError reports whether err is an error of AWS with a code, and a message that
// contains text.
func isAPIError(err error, code, text string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code && strings.Contains(api.ErrorMessage(), text)
}

// UnpublishedError reports that a bucket does not have the template of this version of
// ssmbak next to the functions' code.
type UnpublishedError struct{ Bucket, Key, Version string }

func (e *UnpublishedError) Error() string {
	return fmt.Sprintf("bucket %s does not have the template of ssmbak %s under %s", e.Bucket, e.Version, e.Key)
}

// ZipError reports that the published zip of the functions is not the expected one, or, if
// Has is empty, that the bucket does not have it.
type ZipError struct {
	Bucket, Key, Version string // Version is "" for the current one
	Has, Want            string // hexadecimal SHA-256
}

func (e *ZipError) Error() string {
	at := e.Key
	if e.Version != "" {
		at += " (object version " + e.Version + ")"
	}
	if e.Has == "" {
		return fmt.Sprintf("bucket %s does not have %s", e.Bucket, at)
	}
	return fmt.Sprintf("%s in bucket %s has SHA-256 %s, not %s", at, e.Bucket, e.Has, e.Want)
}
