package awsconn

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"
)

// IsDenied reports whether AWS refused a request because the caller has no permission for
// it. The codes are AccessDenied and AccessDeniedException.
func IsDenied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && strings.HasPrefix(api.ErrorCode(), "AccessDenied")
}
