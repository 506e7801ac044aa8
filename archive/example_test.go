package archive_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// An archive is asked what a path held at a time, here on a local AWS. With AWS
// itself the client comes from s3.NewFromConfig.
func ExampleArchive_At() {
	ctx := context.Background()
	aws := emulator.New(emulator.Options{})
	conn, err := awsconn.Load(ctx, awsconn.Options{Anonymous: true, Region: "us-east-1", EndpointURL: "http://127.0.0.1", HTTPClient: aws.Client()})
	if err != nil {
		log.Fatal(err)
	}
	if err := recordSomething(ctx, aws, conn); err != nil {
		log.Fatal(err)
	}

	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: "archive", Account: "123456789012", Region: "us-east-1"})
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
		fmt.Println(s.Name, s.Certainty, s.Value.Reveal(), "and printed:", s.Value)
	}
	// Output:
	// /app/db last-known hunter2 and printed: ********
}

// recordSomething stands for the recorder that runs in AWS.
func recordSomething(ctx context.Context, aws *emulator.AWS, conn *awsconn.Conn) error {
	aws.S3.CreateBucket("archive", true)
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: "archive", Account: "123456789012", Region: "us-east-1"})
	if err != nil {
		return err
	}
	if err := a.Establish(ctx); err != nil {
		return err
	}
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	if _, err := live.Put(ctx, paramstore.Write{Name: "/app/db", Type: ssmbak.SecureString, Value: ssmbak.NewValue("hunter2")}); err != nil {
		return err
	}
	return recorder.New(a, live, recorder.Options{Account: "123456789012", Region: "us-east-1"}).Sync(ctx, "/app/db")
}
