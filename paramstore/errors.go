package paramstore

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
)

// Errors that callers branch on.
var (
	// ErrNotFound means that the parameter, or the version of it, does not exist.
	ErrNotFound = errors.New("parameter not found")
	// ErrExists means that a parameter to be created already exists.
	ErrExists = errors.New("parameter already exists")
	// ErrCredentials means that the caller's credentials have expired or are
	// invalid, or that their source provides none, so that every further call fails.
	ErrCredentials = errors.New("credentials expired or invalid")
	// ErrChanged means that the parameter was deleted and recreated during each of
	// several attempts to read it.
	ErrChanged = errors.New("parameter was deleted and recreated while it was being read")
)

// UnreadableError means that a version exists but its value is unavailable: its key
// is disabled or deleted, or the caller may not use it.
type UnreadableError struct {
	Name   ssmbak.Name
	Number int64
	Reason string // AWS's error code and its meaning; never a value
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("cannot read the value of %s version %d: %s", e.Name, e.Number, e.Reason)
}

// RefusedError means that Parameter Store rejected a write because of its content.
// The same write would be rejected again.
type RefusedError struct {
	Name   ssmbak.Name
	Op     string // the operation, such as PutParameter
	Code   string // AWS's error code
	Reason string // AWS's message, without any value
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s refused %s: %s: %s", e.Op, e.Name, e.Code, e.Reason)
}

// BusyError means that a write failed with TooManyUpdates until its retries ran
// out. Either other writes of the parameter are in progress, or the parameter was
// deleted and AWS has not yet removed all of it.
type BusyError struct {
	Name    ssmbak.Name
	Op      string // the operation, such as PutParameter
	Message string // AWS's message, without any value; "" for none
}

func (e *BusyError) Error() string {
	message := e.Message
	if message == "" {
		message = "other writes of it are in progress"
	}
	return fmt.Sprintf("%s kept failing for %s with TooManyUpdates: %s", e.Op, e.Name, message)
}

// translate wraps AWS's errors in the package's own.
func translate(err error) error {
	var none interface{ NoCredentials() bool } // the provider's error
	if errors.As(err, &none) && none.NoCredentials() {
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	var api smithy.APIError
	if err == nil || !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired", "UnrecognizedClientException", "InvalidClientTokenId":
		// https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	case (*types.ParameterNotFound)(nil).ErrorCode(), (*types.ParameterVersionNotFound)(nil).ErrorCode(), "InvalidResourceId":
		// ListTagsForResource returns InvalidResourceId for a parameter that does
		// not exist: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case (*types.ParameterAlreadyExists)(nil).ErrorCode():
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return err
}

// unreadable returns an [*UnreadableError] if err means that the key of a
// SecureString cannot be used: InvalidKeyId for a key that is not enabled, and
// AccessDeniedException with a message from KMS for a key that was deleted or that
// the caller may not use. It returns nil for any other error.
// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
func unreadable(name ssmbak.Name, number int64, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return nil
	}
	switch code := api.ErrorCode(); code {
	case "InvalidKeyId":
		return &UnreadableError{Name: name, Number: number, Reason: code + ": its key is not enabled or does not exist"}
	case "AccessDeniedException":
		text := strings.ToLower(api.ErrorMessage())
		if strings.Contains(text, "kms") || strings.Contains(text, "ciphertext") {
			return &UnreadableError{Name: name, Number: number, Reason: code + ": its key does not exist or may not be used (kms:Decrypt)"}
		}
	}
	return nil
}

// echoed matches the input that AWS's model validation quotes.
var echoed = regexp.MustCompile(`(?s)Value '.*?' at '`)

// refused returns a [*RefusedError] or [*BusyError] for the error of a write, or err
// if it does not depend on the request. AWS's message may quote the request, so the
// value is masked in it, and err, which has the unmasked message, is not wrapped.
func refused(name ssmbak.Name, op string, value ssmbak.Value, err error) error {
	var api smithy.APIError
	var unsent *NotSentError
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCredentials) || errors.As(err, &unsent) || !errors.As(err, &api) {
		return err
	}
	text := echoed.ReplaceAllString(api.ErrorMessage(), "Value "+ssmbak.Mask+" at '")
	if v := value.Reveal(); v != "" {
		text = strings.ReplaceAll(text, v, ssmbak.Mask)
	}
	if api.ErrorCode() == (*types.TooManyUpdates)(nil).ErrorCode() {
		return &BusyError{Name: name, Op: op, Message: text}
	}
	passing := api.ErrorFault() == smithy.FaultServer || isThrottle(api.ErrorCode()) || strings.HasPrefix(api.ErrorCode(), "AccessDenied")
	if passing && text == api.ErrorMessage() {
		return err
	}
	return &RefusedError{Name: name, Op: op, Code: api.ErrorCode(), Reason: text}
}

func isThrottle(code string) bool {
	return strings.HasPrefix(code, "Throttling") || code == "RequestLimitExceeded"
}
