package archive_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// exampleConfig is how the account is reached: here the one of `ssmbak local`. For AWS
// itself, config.LoadDefaultConfig returns the configuration.
var exampleConfig = func() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:4566"),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// An archive says what a path held at a time.
func ExampleArchive_At() {
	ctx := context.Background()
	cfg := exampleConfig()
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: "ssmbak-local", Account: "123456789012", Region: cfg.Region})
	if err != nil {
		log.Fatal(err)
	}
	target, err := ssmbak.ParseTarget("/app", true)
	if err != nil {
		log.Fatal(err)
	}
	at, err := ssmbak.ParseTime("now", time.Now())
	if err != nil {
		log.Fatal(err)
	}
	snapshot, err := a.At(ctx, target, at, archive.AllValues)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range snapshot.States {
		fmt.Println(s.Name, s.Certainty, s.Value.V.Reveal(), "and printed:", s.Value.V)
	}
	// Output:
	// /app/db last-known hunter2 and printed: ********
}

// A log names what changed, and what is known to be missing.
func ExampleArchive_Log() {
	ctx := context.Background()
	cfg := exampleConfig()
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: "ssmbak-local", Account: "123456789012", Region: cfg.Region})
	if err != nil {
		log.Fatal(err)
	}
	target, err := ssmbak.ParseTarget("/app", true)
	if err != nil {
		log.Fatal(err)
	}
	since := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
	found, err := a.Log(ctx, target, ssmbak.TimeOf(since), 0)
	if err != nil {
		log.Fatal(err)
	}
	for c := range found.Changes.All() {
		fmt.Println(c.Operation, c.Name, c.Version.Number)
	}
	// Output:
	// Create /app/db 1
}
