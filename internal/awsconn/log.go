package awsconn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"
)

// sdkLog hands what the SDK says to a logger, at level debug whatever it calls it:
// it warns of what is usual, such as objects without a checksum. Left alone it
// writes to standard error.
type sdkLog struct {
	ctx    context.Context
	logger *slog.Logger
}

// Logf takes one message of the SDK.
func (l sdkLog) Logf(class logging.Classification, format string, args ...any) {
	l.logger.DebugContext(l.ctx, "said by the AWS SDK", "class", string(class), "text", fmt.Sprintf(format, args...))
}

// WithContext returns the same for one request.
func (l sdkLog) WithContext(ctx context.Context) logging.Logger { return sdkLog{ctx, l.logger} }
