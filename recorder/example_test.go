package recorder_test

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

// One event is recorded, here of a local AWS. With AWS itself the two clients
// come from s3.NewFromConfig and ssm.NewFromConfig, and the event from an
// EventBridge rule.
func ExampleRecorder_Handle() {
	ctx := context.Background()
	aws := emulator.New(emulator.Options{Clock: emulator.NewClock(time.Date(2024, 6, 13, 20, 10, 54, 0, time.UTC))})
	aws.S3.CreateBucket("archive", true)
	conn, err := awsconn.Load(ctx, awsconn.Options{Anonymous: true, Region: "us-east-1", EndpointURL: "http://127.0.0.1", HTTPClient: aws.Client()})
	if err != nil {
		log.Fatal(err)
	}

	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: "archive", Account: "123456789012", Region: "us-east-1"})
	if err != nil {
		log.Fatal(err)
	}
	if err := a.Establish(ctx); err != nil { // a writer makes it ready, once
		log.Fatal(err)
	}
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	r := recorder.New(a, live, recorder.Options{Account: "123456789012", Region: "us-east-1"})

	if _, err := live.Put(ctx, paramstore.Write{Name: "/app/db", Type: ssmbak.String, Value: ssmbak.NewValue("initial")}); err != nil {
		log.Fatal(err)
	}
	event := `{"id":"6a7e4feb","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012",
		"time":"2024-06-13T20:10:54Z","region":"us-east-1","detail":{"operation":"Create","name":"/app/db","type":"String"}}`
	failures := r.Handle(ctx, []recorder.Message{{ID: "1", Body: []byte(event), Receives: 1}})
	fmt.Println("to come again:", len(failures))

	snapshot, err := a.At(ctx, ssmbak.NameTarget("/app/db"), ssmbak.TimeOf(time.Now()), archive.AllValues)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range snapshot.States {
		fmt.Println(s.Name, "version", s.Version.Number, s.Value.Reveal(), s.Modified)
	}
	// Output:
	// to come again: 0
	// /app/db version 1 initial 2024-06-13T20:10:54.000Z
}
