// Command ssmbak-lambda is the code of the stack's Lambda functions. Environment variables
// configure them:
//
//	SSMBAK_BUCKET     the archive's bucket
//	SSMBAK_EXCLUDE    comma-separated patterns of parameters that are not recorded
//	SSMBAK_LOG_LEVEL  DEBUG, INFO (the default), WARN or ERROR
//	SSMBAK_SSM_RATE, SSMBAK_RECORDERS
//	                  reads of Parameter Store per second, and the maximum number of
//	                  recorders, which share them with the reconciler
//	SSMBAK_SIGN_KEY, SSMBAK_SIGN_SINCE
//	                  the ARN of the KMS key with which the archive is signed, and the
//	                  time from which it is; not signed without a key
//	SSMBAK_STACK      the stack's name, the dimension of the metrics; none without it
//	SSMBAK_VERIFY_SHARE
//	                  the share of the parameters that one verification verifies, in
//	                  percent; all without it
//	SSMBAK_VALUE_HEADER, SSMBAK_INDEX_HEADER
//	                  encryption headers of values and of objects under .ssmbak/:
//	                  none, AES256, or the ARN of a KMS key
package main

import (
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/version"
	"github.com/ssmbak/ssmbak/pattern"
)

func main() {
	var level slog.Level
	err := level.UnmarshalText([]byte(os.Getenv("SSMBAK_LOG_LEVEL")))
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if text := os.Getenv("SSMBAK_LOG_LEVEL"); err != nil && text != "" {
		log.Warn("SSMBAK_LOG_LEVEL must be DEBUG, INFO, WARN or ERROR", "level", text)
	}
	memory := memory()
	debug.SetMemoryLimit(memory / 10 * 9)
	rate, err := function.Share(os.Getenv("SSMBAK_SSM_RATE"), os.Getenv("SSMBAK_RECORDERS"))
	if err != nil {
		log.Warn("using the default rate of reads", "error", err.Error())
		rate, _ = function.Share("", "") // the default is valid
	}
	share, err := function.VerifyShare(os.Getenv("SSMBAK_VERIFY_SHARE"))
	if err != nil {
		log.Warn("verifying all parameters", "error", err.Error())
		share = 1
	}
	log.Info("started", "version", version.String(), "revision", version.Revision(), "date", version.Date())
	lambda.Start(function.New(function.Options{
		Bucket: os.Getenv("SSMBAK_BUCKET"), Exclude: pattern.Split(os.Getenv("SSMBAK_EXCLUDE")), Logger: log,
		ValueHeader: os.Getenv("SSMBAK_VALUE_HEADER"), IndexHeader: os.Getenv("SSMBAK_INDEX_HEADER"),
		SigningKey: os.Getenv("SSMBAK_SIGN_KEY"), SigningSince: os.Getenv("SSMBAK_SIGN_SINCE"),
		VerifyShare: share, Version: version.String(),
		Budget: memory / 3,
		Stack:  os.Getenv("SSMBAK_STACK"), Metrics: os.Stderr, ReadRate: rate,
	}).Handle)
}

// memory returns the memory of the function in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func memory() int64 {
	mb, err := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 32)
	if err != nil {
		mb = 128 // the least
	}
	return mb << 20
}
