package restore_test

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

// Each example runs on a separate account in this process, in which /app/url and /app/port
// got one value at 20:00 and another at 21:00.
func init() {
	exampleConfig = func() aws.Config {
		ctx := context.Background()
		clock := emulator.NewClock(time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC))
		world := emulator.New(emulator.Options{Clock: clock})
		world.S3.CreateBucket("ssmbak-local", true)
		cfg := testworld.Config(world)
		live := paramstore.New(ssm.NewFromConfig(cfg), paramstore.Options{})
		put := func(name ssmbak.Name, value string, overwrite bool) {
			_, err := live.Put(ctx, paramstore.Write{Name: name, Value: ssmbak.NewValue(value), Overwrite: overwrite, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
			must(err)
		}
		put("/app/port", "80", false)
		put("/app/url", "https://one.example", false)
		clock.Advance(time.Hour)
		put("/app/port", "443", true)
		put("/app/url", "https://two.example", true)
		clock.Set(time.Now())
		a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: "ssmbak-local", Account: account, Region: cfg.Region})
		must(err)
		must(a.Establish(ctx))
		rec := recorder.New(a, live, recorder.Options{Account: account, Region: cfg.Region})
		must(rec.Sync(ctx, "/app/port"))
		must(rec.Sync(ctx, "/app/url"))
		return cfg
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
