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
	// ErrNotFound: there is no such parameter, or no such version of it.
	ErrNotFound = errors.New("there is no such parameter")
	// ErrExists: a parameter that was to be created is there already.
	ErrExists = errors.New("the parameter exists already")
	// ErrCredentials: the caller's credentials have expired or are not known, so
	// that nothing more can succeed.
	ErrCredentials = errors.New("the credentials are not valid any more")
	// ErrChanged: the parameter was changed while it was read, again and again.
	ErrChanged = errors.New("the parameter was deleted and made anew while it was read")
)

// UnreadableError says that one version is there and its value cannot be had:
// its key is disabled, deleted, or closed to the caller.
type UnreadableError struct {
	Name   ssmbak.Name
	Number int64
	Reason string // AWS's error code and what it means; never a value
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("the value of %s version %d cannot be read: %s", e.Name, e.Number, e.Reason)
}

// RefusedError is a write that Parameter Store refused for what it asked, so
// that the same write would be refused again.
type RefusedError struct {
	Name   ssmbak.Name
	Op     string // the operation, such as PutParameter
	Code   string // AWS's error code
	Reason string // AWS's message, without any value
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s refused %s: %s: %s", e.Op, e.Name, e.Code, e.Reason)
}

// BusyError is a write that Parameter Store went on refusing with TooManyUpdates
// through every retry: either writes of the parameter met all the time, or it is
// created after its deletion while something of the old one is left.
type BusyError struct {
	Name    ssmbak.Name
	Op      string // the operation, such as PutParameter
	Message string // AWS's message, without any value; "" for none
}

func (e *BusyError) Error() string {
	message := e.Message
	if message == "" {
		message = "other writes of it are under way"
	}
	return fmt.Sprintf("%s went on refusing %s with TooManyUpdates: %s", e.Op, e.Name, message)
}

// translate gives AWS's answers the package's own errors.
func translate(err error) error {
	var api smithy.APIError
	if err == nil || !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired", "UnrecognizedClientException", "InvalidClientTokenId":
		// https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	case (*types.ParameterNotFound)(nil).ErrorCode(), (*types.ParameterVersionNotFound)(nil).ErrorCode(), "InvalidResourceId":
		// ListTagsForResource answers InvalidResourceId for a name that is not
		// there: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case (*types.ParameterAlreadyExists)(nil).ErrorCode():
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return err
}

// unreadable returns an [*UnreadableError] if err says that the key of a
// SecureString cannot be used: InvalidKeyId for one that is not enabled, and
// AccessDeniedException in KMS's words for one that the caller may not use or
// that is gone.
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

// echoed is how AWS's model validation quotes what was sent.
var echoed = regexp.MustCompile(`(?s)Value '.*?' at '`)

// refused turns the answer to a write into a [*RefusedError] where the request
// itself is at fault. AWS's message may quote what was sent, so the value is
// taken out of it, and the cause, which holds the message too, is not kept.
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
