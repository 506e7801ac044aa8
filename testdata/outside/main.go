// Command outside uses ssmbak as a module that is not part of it does: it records
// what EventBridge's events report, says what a path held at a time, and restores
// it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

const account = "123456789012"

func main() {
	ctx := context.Background()
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(os.Args[1]), Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
	if err := run(ctx, cfg, os.Args[2], []byte(os.Args[3])); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, cfg aws.Config, bucket string, event []byte) error {
	a, err := archive.Open(ctx, s3.NewFromConfig(cfg), archive.Options{Bucket: bucket, Account: account, Region: cfg.Region})
	if err != nil {
		return err
	}
	if err := a.Establish(ctx); err != nil {
		return err
	}
	live := paramstore.New(ssm.NewFromConfig(cfg), paramstore.Options{Tagging: resourcegroupstaggingapi.NewFromConfig(cfg), MaxRate: 100})
	rec := recorder.New(a, live, recorder.Options{Account: account, Region: cfg.Region})
	for _, f := range rec.Handle(ctx, []recorder.Message{{ID: "1", Body: event, Sent: time.Now(), Receives: 1}}) {
		return f.Err
	}

	at := time.Date(2024, 6, 13, 20, 30, 0, 0, time.UTC)
	target, err := ssmbak.ParseTarget("/app", true)
	if err != nil {
		return err
	}
	lines, err := a.Timelines(ctx, target)
	if err != nil {
		return err
	}
	for _, line := range lines.All {
		show(line, ssmbak.TimeOf(at))
	}

	path, err := restore.OpenPath(ctx, cfg, restore.PathOptions{Bucket: bucket, Path: "/app", Recursive: true, At: at})
	if err != nil {
		return err
	}
	snapshot, err := path.Preview(ctx)
	if err != nil {
		return err
	}
	for _, s := range snapshot.States {
		fmt.Println("preview", s.Name, s.Value.V.Reveal())
	}
	made, err := path.Plan(ctx)
	if err != nil {
		return err
	}
	for _, item := range made.Items {
		fmt.Println("plan", item.Action, item.Name)
	}
	result, err := path.Restore(ctx)
	if err != nil {
		return err
	}
	for _, o := range result.Outcomes {
		fmt.Println(o.Status, o.Item.Name, o.Version, o.Err)
	}
	secret, err := live.Secret(ctx, "/app/db", 3)
	if err != nil {
		return err
	}
	fmt.Println("live", secret.Value.Reveal())
	return takeBack(ctx, cfg, bucket, at)
}

// takeBack takes back the restore, and everything else since a time.
func takeBack(ctx context.Context, cfg aws.Config, bucket string, at time.Time) error {
	to := time.Now()
	reversal, err := restore.OpenReversal(ctx, cfg, restore.ReversalOptions{
		Bucket: bucket, Path: "/app", Recursive: true, From: at.Add(time.Hour), To: to,
		Restore: restore.Options{Options: plan.Options{KeyID: "alias/aws/ssm"}},
	})
	if err != nil {
		return err
	}
	todo, err := reversal.Plan(ctx)
	if err != nil {
		return err
	}
	fmt.Println("revert", todo.Changes(), todo.Conflicts())
	result, err := reversal.Revert(ctx)
	if err != nil {
		return err
	}
	for _, o := range result.Outcomes {
		fmt.Println(o.Status, o.Item.Name, o.Version, o.Err)
	}
	return nil
}

func show(line *timeline.Timeline, at ssmbak.Time) {
	state, objects := line.At(at)
	fmt.Println("timeline", state.Name, state.Version.Number, state.Certainty, len(objects))
}
