package awsconn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"
)

// sdkLog passes the SDK's messages to a logger. It uses level debug for all of them,
// because the SDK warns about normal conditions such as objects without a checksum.
// By default the SDK writes to standard error.
type sdkLog struct {
	ctx    context.Context
	logger *slog.Logger
}

// Logf logs one message of the SDK.
func (l sdkLog) Logf(class logging.Classification, format string, args ...any) {
	l.logger.DebugContext(l.ctx, "AWS SDK message", "class", string(class), "text", fmt.Sprintf(format, args...))
}

// WithContext returns a logger with the context of one request.
func (l sdkLog) WithContext(ctx context.Context) logging.Logger { return sdkLog{ctx, l.logger} }
