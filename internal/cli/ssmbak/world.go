package ssmbakcli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// The account and region of local and demo: AWS's example account.
const (
	localAccount = "123456789012"
	localRegion  = "us-east-1"
)

// world is an emulated AWS in this process, with an archive and a recorder.
type world struct {
	aws      *emulator.AWS
	conn     *awsconn.Conn
	recorder *recorder.Recorder
	handle   Recorder
}

// connection returns options that connect to aws without a socket.
func connection(aws *emulator.AWS) awsconn.Options {
	return awsconn.Options{Region: localRegion, EndpointURL: "http://127.0.0.1", HTTPClient: aws.Client(), Anonymous: true}
}

func (a *app) newWorld(ctx context.Context, bucket string, o emulator.Options) (*world, error) {
	o.Account, o.Region, o.Clock = localAccount, localRegion, emulator.RealClock()
	// AWS documents the event, but not the name of its operation.
	o.SSM.UnlabelOperation = "UnlabelParameterVersion"
	w := &world{aws: emulator.New(o)}
	w.aws.S3.CreateBucket(bucket, true)
	var err error
	reach := connection(w.aws)
	reach.Logger = a.Log
	if w.conn, err = awsconn.Load(ctx, reach); err != nil {
		return nil, err
	}
	opened, err := archive.Open(ctx, w.conn.S3(), archive.Options{Bucket: bucket, Account: localAccount, Region: localRegion, Logger: a.Log})
	if err != nil {
		return nil, err
	}
	if err := opened.Establish(ctx); err != nil {
		return nil, err
	}
	log := a.Log
	if o.Stack.Bucket != "" && !a.Flags.Verbose { // like that of the function
		log = slog.New(slog.NewJSONHandler(w.aws.Logs, nil))
	}
	live := paramstore.New(w.conn.SSM(), paramstore.Options{Tagging: w.conn.Tagging(), Logger: log})
	w.recorder = recorder.New(opened, live, recorder.Options{Account: localAccount, Region: localRegion, Logger: log})
	w.handle = w.recorder.Handle
	if a.env.WrapRecorder != nil {
		w.handle = a.env.WrapRecorder(w.handle)
	}
	return w, nil
}

// batch passes messages to the recorder, and returns the IDs of those that failed.
func (w *world) batch(ctx context.Context, batch []emulator.Message) (failed []string) {
	messages := make([]recorder.Message, len(batch))
	for i, m := range batch {
		messages[i] = recorder.Message(m)
	}
	for _, f := range w.handle(ctx, messages) {
		failed = append(failed, f.ID)
	}
	return failed
}

// reconcile runs a complete reconcile.
func (w *world) reconcile(ctx context.Context) error {
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return err
	}
	report, err := w.recorder.Reconcile(ctx, everything, recorder.ReconcileOptions{})
	if err != nil {
		return err
	}
	if n := len(report.Failed); n > 0 {
		return fmt.Errorf("reconcile: %s not be recorded, %s among them: %w", shell.Count(n, "parameter could", "parameters could"), report.Failed[0].Name, report.Failed[0].Err)
	}
	return nil
}
