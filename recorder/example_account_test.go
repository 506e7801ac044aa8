package recorder_test

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// The examples run on an empty account of their own in this process.
func init() {
	exampleConfig = func() aws.Config {
		world := emulator.New(emulator.Options{})
		world.S3.CreateBucket("ssmbak-local", true)
		return testworld.Config(world)
	}
}
