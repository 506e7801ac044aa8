package restore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// exampleAccount returns the archive and the Parameter Store of an emulated
// account, in which /app/url and /app/port had one value at 20:00 and another at
// 21:00.
func exampleAccount(ctx context.Context) (*archive.Archive, *paramstore.Store, *recorder.Recorder) {
	clock := emulator.NewClock(time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC))
	world := emulator.New(emulator.Options{Account: "123456789012", Region: "us-east-1", Clock: clock})
	world.S3.CreateBucket("backup", true)
	conn, err := awsconn.Load(ctx, awsconn.Options{Region: "us-east-1", EndpointURL: "http://127.0.0.1", HTTPClient: world.Client(), Anonymous: true})
	must(err)
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: "backup", Account: "123456789012", Region: "us-east-1"})
	must(err)
	must(a.Establish(ctx))
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	rec := recorder.New(a, live, recorder.Options{Account: "123456789012", Region: "us-east-1"})

	put := func(name, value string) {
		_, err := conn.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
		must(err)
	}
	put("/app/port", "80")
	put("/app/url", "https://one.example")
	clock.Advance(time.Hour)
	put("/app/port", "443")
	put("/app/url", "https://two.example")
	must(rec.Sync(ctx, "/app/port"))
	must(rec.Sync(ctx, "/app/url"))
	return a, live, rec
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// What was below /app at half past eight is shown, and brought back.
func ExamplePath() {
	ctx := context.Background()
	a, live, rec := exampleAccount(ctx)

	path, err := restore.NewPath(a, live, rec, "/app/", true, time.Date(2024, 6, 13, 20, 30, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	states, err := path.Preview(ctx)
	if err != nil {
		panic(err)
	}
	for _, s := range states {
		fmt.Println(s.Name, s.Value.Reveal())
	}
	result, err := path.Restore(ctx)
	if err != nil {
		panic(err)
	}
	for _, o := range result.Outcomes {
		fmt.Println(o.Status, o.Item.Name, o.Version)
	}
	// Output:
	// /app/port 80
	// /app/url https://one.example
	// restored /app/port 3
	// restored /app/url 3
}

// A plan says what a restore would do before anything is written.
func ExampleRestorer_Plan() {
	ctx := context.Background()
	a, live, rec := exampleAccount(ctx)

	target, err := ssmbak.ParseTarget("/app/url", false)
	if err != nil {
		panic(err)
	}
	at, err := ssmbak.ParseTime("2024-06-13T20:30:00Z", time.Now())
	if err != nil {
		panic(err)
	}
	restorer := restore.New(a, live, rec, restore.Options{})
	plan, err := restorer.Plan(ctx, target, at)
	if err != nil {
		panic(err)
	}
	for _, item := range plan.Items {
		fmt.Println(item.Action, item.Name)
		for _, d := range item.Differences {
			fmt.Println(d.Attribute, d.LiveValue.Reveal(), "->", d.WantedValue.Reveal())
		}
	}
	if _, err := restorer.Apply(ctx, plan); err != nil {
		panic(err)
	}
	// Output:
	// update /app/url
	// value https://two.example -> https://one.example
}
