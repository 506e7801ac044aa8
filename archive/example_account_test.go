package archive_test

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// The examples run on an account of their own in this process, in which /app/db
// has been recorded.
func init() {
	exampleConfig = func() aws.Config {
		world := emulator.New(emulator.Options{Clock: emulator.NewClock(time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC))})
		cfg := testworld.Config(world)
		if err := recordSomething(context.Background(), world, cfg); err != nil {
			panic(err)
		}
		return cfg
	}
}

// recordSomething makes the bucket and records /app/db in it.
func recordSomething(ctx context.Context, world *emulator.AWS, cfg aws.Config) error {
	const bucket = "ssmbak-local"
	world.S3.CreateBucket(bucket, true)
	live := paramstore.New(ssm.NewFromConfig(cfg), paramstore.Options{})
	if _, err := live.Put(ctx, paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue("hunter2"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeSecureString}}); err != nil {
		return err
	}
	world.Clock.Set(time.Now())
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: bucket, Account: "123456789012", Region: cfg.Region})
	if err != nil {
		return err
	}
	if err := a.Establish(ctx); err != nil {
		return err
	}
	return recorder.New(a, live, recorder.Options{Account: "123456789012", Region: cfg.Region}).Sync(ctx, "/app/db")
}
