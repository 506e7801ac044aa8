package restore_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// exampleConfig returns the configuration for the account of `ssmbak local`. For AWS,
// config.LoadDefaultConfig returns the configuration.
var exampleConfig = func() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:4566"),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// Preview the parameters below /app at half past eight, and restore them.
func ExamplePath() {
	ctx := context.Background()
	path, err := restore.OpenPath(ctx, exampleConfig(), restore.PathOptions{
		Bucket: "ssmbak-local", Path: "/app", Recursive: true, At: time.Date(2024, 6, 13, 20, 30, 0, 0, time.UTC),
	})
	if err != nil {
		log.Fatal(err)
	}
	snapshot, err := path.Preview(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range snapshot.States {
		fmt.Println(s.Name, s.Value.V.Reveal())
	}
	result, err := path.Restore(ctx)
	if err != nil {
		log.Fatal(err)
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

// A plan shows what a restore would do, and writes nothing.
func ExampleRestorer_Plan() {
	ctx := context.Background()
	cfg := exampleConfig()
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: "ssmbak-local", Account: "123456789012", Region: cfg.Region})
	if err != nil {
		log.Fatal(err)
	}
	live := paramstore.New(ssm.NewFromConfig(cfg), paramstore.Options{})
	rec := recorder.New(a, live, recorder.Options{Account: "123456789012", Region: cfg.Region})

	target, err := ssmbak.ParseTarget("/app/url", false)
	if err != nil {
		log.Fatal(err)
	}
	at, err := ssmbak.ParseTime("2024-06-13T20:30:00Z", time.Now())
	if err != nil {
		log.Fatal(err)
	}
	restorer := restore.New(a, live, rec, restore.Options{})
	p, err := restorer.Plan(ctx, target, at)
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range p.Items {
		fmt.Println(item.Action, item.Name)
		for _, d := range item.Differences {
			fmt.Println(d.Attribute, d.BeforeValue.Reveal(), "->", d.AfterValue.Reveal())
		}
	}
	if _, err := restorer.Apply(ctx, p); err != nil {
		log.Fatal(err)
	}
	// Output:
	// update /app/url
	// value https://two.example -> https://one.example
}
