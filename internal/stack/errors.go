package stack

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// NameError says that a stack cannot have a name.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("%q is no name for the stack: a letter, then letters, digits and hyphens, %d at most", e.Name, maxName)
}

// NotFoundError says that there is no stack of a name.
type NotFoundError struct{ Name, Region string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no stack %s in %s", e.Name, e.Region)
}

// ExistsError says that a stack is complete already.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string { return fmt.Sprintf("the stack %s is there already", e.Name) }

// ForeignError says that a stack is neither of ssmbak nor of the original.
type ForeignError struct{ Name string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("the stack %s is not one of ssmbak", e.Name)
}

// OriginalError says that a stack is one of the original ssmbak.
type OriginalError struct{ Name string }

func (e *OriginalError) Error() string {
	return fmt.Sprintf("the stack %s is one of the original ssmbak", e.Name)
}

// StateError says that a stack cannot be worked on as it is.
type StateError struct{ Name, Status, Advice string }

func (e *StateError) Error() string { return fmt.Sprintf("the stack %s is %s", e.Name, e.Status) }

// ProtectedError says that a change set would replace or remove what is never to
// be lost.
type ProtectedError struct{ Resource, Action string }

func (e *ProtectedError) Error() string {
	return fmt.Sprintf("this would %s %s, which holds what must not be lost", e.Action, e.Resource)
}

// ProtectionError says that a stack is protected from deletion.
type ProtectionError struct{ Name string }

func (e *ProtectionError) Error() string {
	return fmt.Sprintf("the stack %s is protected from deletion", e.Name)
}

// BucketError says why a bucket cannot hold the archive.
type BucketError struct{ Bucket, Why string }

func (e *BucketError) Error() string { return fmt.Sprintf("bucket %s %s", e.Bucket, e.Why) }

// VersioningError says that a bucket keeps no versions though its versioning is
// enabled.
type VersioningError struct {
	Bucket string
	Waited time.Duration
}

func (e *VersioningError) Error() string {
	return fmt.Sprintf("versioning of bucket %s is enabled, and still does not work after %.0f minutes", e.Bucket, e.Waited.Minutes())
}

// PointerError says that the parameter for the bucket's name is taken.
type PointerError struct{ Parameter, Bucket string }

func (e *PointerError) Error() string {
	return fmt.Sprintf("the parameter %s is there already and names the bucket %s", e.Parameter, e.Bucket)
}

// VersionError says that a newer ssmbak wrote the stack.
type VersionError struct{ Have, Want string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the stack is of ssmbak %s, and this is %s", e.Have, e.Want)
}

// WatchError says that an operation of CloudFormation was sent and that this
// process no longer knows how it ends: CloudFormation continues without it.
type WatchError struct {
	Name string
	// Unsure says that the answer to the request itself was lost, so that the
	// operation may not have begun.
	Unsure bool
	Err    error
}

func (e *WatchError) Error() string {
	if e.Unsure {
		return fmt.Sprintf("the stack %s may be changing: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("the stack %s is changing: %v", e.Name, e.Err)
}

func (e *WatchError) Unwrap() error { return e.Err }

// HeaderError says that the stack is complete, and that the archive does not yet
// tell the command lines which encryption headers its functions use.
type HeaderError struct{ Err error }

func (e *HeaderError) Error() string {
	return "write the encryption headers into the archive: " + e.Err.Error()
}

func (e *HeaderError) Unwrap() error { return e.Err }

// FailedError says that CloudFormation did not get through.
type FailedError struct {
	Name, Status string
	// Failures are the events that tell why, oldest first; Permissions what is
	// missing, such as iam:CreateRole, as far as they say it.
	Failures    []Event
	Permissions []string
}

func (e *FailedError) Error() string {
	if len(e.Failures) == 0 {
		return fmt.Sprintf("the stack %s ended as %s", e.Name, e.Status)
	}
	first := e.Failures[0]
	return fmt.Sprintf("the stack %s ended as %s: %s: %s", e.Name, e.Status, first.Resource, first.Reason)
}

var unauthorized = regexp.MustCompile(`not authorized to perform:? \(?([a-zA-Z0-9-]+:[a-zA-Z0-9*]+)`)

// failed collects why an operation failed from its events.
func failed(name, status string, events []Event) *FailedError {
	e := &FailedError{Name: name, Status: status}
	for _, x := range events {
		if !strings.HasSuffix(x.Status, "_FAILED") || strings.Contains(x.Reason, "cancelled") || x.Type == stackType {
			continue
		}
		e.Failures = append(e.Failures, x)
		for _, m := range unauthorized.FindAllStringSubmatch(x.Reason, -1) {
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

// says reports whether AWS answered with a code and a text.
func says(err error, code, text string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code && strings.Contains(api.ErrorMessage(), text)
}
