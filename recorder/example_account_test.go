package recorder_test

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// The examples run on an empty account of their own in this process.
func init() {
	exampleConfig = func() aws.Config {
		world := emulator.New(emulator.Options{Clock: emulator.NewClock(time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC))})
		world.S3.CreateBucket("ssmbak-local", true)
		return testworld.Config(world)
	}
}
