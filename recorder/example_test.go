package recorder_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// exampleConfig is how the account is reached: here the one of `ssmbak local`. For
// AWS itself, config.LoadDefaultConfig returns the configuration.
var exampleConfig = func() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:4566"),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// One event of an EventBridge rule is recorded.
func ExampleRecorder_Handle() {
	ctx := context.Background()
	cfg := exampleConfig()
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: "ssmbak-local", Account: "123456789012", Region: cfg.Region})
	if err != nil {
		log.Fatal(err)
	}
	if err := a.Establish(ctx); err != nil { // a writer makes it ready, once
		log.Fatal(err)
	}
	live := paramstore.New(ssm.NewFromConfig(cfg), paramstore.Options{Tagging: resourcegroupstaggingapi.NewFromConfig(cfg)})
	r := recorder.New(a, live, recorder.Options{Account: "123456789012", Region: cfg.Region})

	if _, err := live.Put(ctx, paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue("initial"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}}); err != nil {
		log.Fatal(err)
	}
	event := `{"id":"6a7e4feb","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012",
		"time":"2024-06-13T20:10:54Z","region":"us-east-1","detail":{"operation":"Create","name":"/app/db","type":"String"}}`
	failures := r.Handle(ctx, []recorder.Message{{ID: "1", Body: []byte(event), Receives: 1}})
	fmt.Println("failed:", len(failures))

	snapshot, err := a.At(ctx, ssmbak.NameTarget("/app/db"), ssmbak.TimeOf(time.Now()), archive.AllValues)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range snapshot.States {
		fmt.Println(s.Name, "version", s.Version.Number, s.Value.V.Reveal())
	}
	// Output:
	// failed: 0
	// /app/db version 1 initial
}
