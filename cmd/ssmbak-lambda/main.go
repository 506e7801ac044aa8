// Command ssmbak-lambda is the recorder as a Lambda function. SSMBAK_BUCKET
// names the archive's bucket.
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/ssmbak/ssmbak/internal/function"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	lambda.Start(function.New(function.Options{Bucket: os.Getenv("SSMBAK_BUCKET"), Logger: log}).Handle)
}
