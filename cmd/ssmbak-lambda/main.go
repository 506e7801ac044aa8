// Command ssmbak-lambda is the recorder as a Lambda function. Its environment
// says what it does:
//
//	SSMBAK_BUCKET     the archive's bucket
//	SSMBAK_EXCLUDE    patterns of names that are not recorded, with commas between
//	SSMBAK_LOG_LEVEL  DEBUG, INFO, WARN or ERROR; INFO if it is not set
//	SSMBAK_VALUE_HEADER, SSMBAK_INDEX_HEADER
//	                  encryption headers of values, and of what is under .ssmbak/:
//	                  none, AES256, or the ARN of a KMS key
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/version"
)

func main() {
	var level slog.Level
	wrong := level.UnmarshalText([]byte(os.Getenv("SSMBAK_LOG_LEVEL")))
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if text := os.Getenv("SSMBAK_LOG_LEVEL"); wrong != nil && text != "" {
		log.Warn("SSMBAK_LOG_LEVEL is none of DEBUG, INFO, WARN and ERROR", "level", text)
	}
	log.Info("started", "version", version.String())
	lambda.Start(function.New(function.Options{
		Bucket: os.Getenv("SSMBAK_BUCKET"), Exclude: function.Patterns(os.Getenv("SSMBAK_EXCLUDE")), Logger: log,
		ValueHeader: os.Getenv("SSMBAK_VALUE_HEADER"), IndexHeader: os.Getenv("SSMBAK_INDEX_HEADER"),
	}).Handle)
}
