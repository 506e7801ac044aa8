package sweep

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

const (
	account = simulation.Account
	region  = simulation.Region
	bucket  = simulation.Bucket
)

// world is an account in virtual time, with an archive unless a scene creates it.
type world struct {
	*simulation.World
	testing.TB
	conn  *awsconn.Conn // its requests never fail
	users *ssm.Client
	swept *process

	// at is the time to restore or to revert from, then and now are the live parameters at that time and
	// before the restore, and id is that of the restore to undo.
	at        ssmbak.Time
	until     ssmbak.Time // of a revert
	undoes    bool        // only an undo heals the revert
	then, now map[string]string
	id        string
	signing   signing
	redacted  int           // versions
	lossy     atomic.Bool   // events are lost
	moments   []ssmbak.Time // before and after each change of a user
	answers   map[string]answer
}

func newWorld(t testing.TB, counts *simulation.Counts, kept int) *world {
	w := &world{TB: t, answers: make(map[string]answer)}
	w.World = simulation.NewWorld(1, counts, emulator.Options{SSM: ssmapi.Options{MaxVersions: kept}, Queue: emulator.QueueOptions{MaxReceive: 10, Copies: func(string) int {
		if w.lossy.Load() {
			return 0
		}
		return 1
	}}})
	w.conn = w.Connect(t.Context(), w.AWS.Client(), 1)
	w.users = w.conn.SSM()
	return w
}

// must ends the test if there is an error.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// open opens the archive. It need not exist.
func (w *world) open(ctx context.Context, conn *awsconn.Conn) (*archive.Archive, error) {
	o := archive.Options{Bucket: bucket, Account: account, Region: region}
	if w.signing.key != nil {
		o.PublicKey = w.signing.key.Public()
	}
	return archive.Open(ctx, conn.S3(), o)
}

// archive opens the archive with requests that never fail, as a reader who knows the public
// key if it is signed.
func (w *world) archive() *archive.Archive {
	w.Helper()
	a, err := w.open(w.Context(), w.conn)
	w.must(err)
	return a
}

// wait lets time pass after a change.
func (w *world) wait() {
	changed := ssmbak.TimeOf(time.Now())
	time.Sleep(20 * time.Second)
	w.moments = append(w.moments, changed-1, changed, changed+1, ssmbak.TimeOf(time.Now()))
}

// The changes of users, each with some time after it.

func (w *world) put(name, value string, change ...func(*ssm.PutParameterInput)) {
	w.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
	for _, f := range change {
		f(in)
	}
	_, err := w.users.PutParameter(w.Context(), in)
	w.must(err)
	w.wait()
}

func secret(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeSecureString }

func advanced(in *ssm.PutParameterInput) { in.Tier = types.ParameterTierAdvanced }

func (w *world) remove(name string) {
	w.Helper()
	_, err := w.users.DeleteParameter(w.Context(), &ssm.DeleteParameterInput{Name: &name})
	w.must(err)
	w.wait()
}

func (w *world) tag(name, value string) {
	w.Helper()
	_, err := w.users.AddTagsToResource(w.Context(), &ssm.AddTagsToResourceInput{
		ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: aws.String("team"), Value: &value}},
	})
	w.must(err)
	w.wait()
}

func (w *world) label(name string, number int64, label string) {
	w.Helper()
	_, err := w.users.LabelParameterVersion(w.Context(), &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: &number, Labels: []string{label}})
	w.must(err)
	w.wait()
}

// lambda is the Lambda function of the stack. If its process is killed, the next
// invocation starts another one.
type lambda struct {
	w        *world
	process  *process
	function *function.Function
}

func (w *world) lambda(p *process) *lambda { return &lambda{w: w, process: p} }

// calm is a process of which no request fails.
func (w *world) calm() *process { return w.newProcess("calm", fault{}) }

// invoke invokes the function as Lambda does.
func (l *lambda) invoke(payload []byte, limit time.Duration) (any, error) {
	if l.process.Dead() {
		l.process, l.function = l.w.calm(), nil
	}
	if l.function == nil {
		o := function.Options{Bucket: bucket, AWS: l.process.connection(), Logger: slog.New(slog.DiscardHandler)}
		if s := l.w.signing; s.arn != "" {
			o.SigningKey, o.SigningSince = s.arn, s.since.Format(time.RFC3339)
		}
		l.function = function.New(o)
	}
	ctx, cancel := context.WithTimeout(l.process.Context(), limit)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: "arn:aws:lambda:us-east-1:" + account + ":function:recorder"})
	answer, err := l.function.Handle(ctx, payload)
	if err == nil && l.process.Dead() {
		err = context.Canceled // there is no answer
	}
	return answer, err
}

// handle invokes the function for a batch of messages.
func (l *lambda) handle(_ context.Context, batch []emulator.Message) (failed []string) {
	answer, err := l.invoke(emulator.SQSEvent(region, account, batch), time.Minute)
	if err != nil {
		for _, m := range batch {
			failed = append(failed, m.ID)
		}
		return failed
	}
	for _, f := range answer.(events.SQSEventResponse).BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

// record delivers the messages of the queue to a function while changes are made, and
// until the queue is empty.
func (w *world) record(p *process, changes func()) { w.recordWith(w.lambda(p).handle, changes) }

func (w *world) recordWith(handle emulator.Handler, changes func()) {
	ctx, stop := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.AWS.Queue.Run(ctx, handle)
	}()
	changes()
	for range 200 {
		if w.AWS.Queue.Depth() == 0 {
			break
		}
		time.Sleep(10 * time.Second)
	}
	stop()
	<-done
	if n := w.AWS.Queue.Depth() + len(w.AWS.Queue.DeadLetters()); n > 0 {
		w.Problem("%d messages were never settled", n)
	}
}

// drain records what happened, without a fault.
func (w *world) drain() { w.record(w.calm(), func() { time.Sleep(5 * time.Second) }) }

// reconcile invokes the function for a reconcile.
func (w *world) reconcile(p *process) (function.Reconciled, error) {
	payload, err := json.Marshal(map[string]string{"ssmbak": "reconcile"})
	w.must(err)
	answer, err := w.lambda(p).invoke(payload, 15*time.Minute)
	report, _ := answer.(function.Reconciled)
	return report, err
}

// hide adds a delete marker to an object.
func (w *world) hide(key string) {
	w.Helper()
	_, err := w.conn.S3().DeleteObject(w.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key})
	w.must(err)
	time.Sleep(time.Second)
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }

// everything is the target of all parameters.
func (w *world) everything() ssmbak.Target { return testworld.Everything(w) }
