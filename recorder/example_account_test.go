package recorder_test

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ssmbak/ssmbak/internal/emulator"
)

// The examples run on an empty account of their own in this process.
func init() {
	exampleConfig = func() aws.Config {
		world := emulator.New(emulator.Options{Clock: emulator.NewClock(time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC))})
		world.S3.CreateBucket("ssmbak-local", true)
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1"), HTTPClient: world.Client(),
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}
	}
}
