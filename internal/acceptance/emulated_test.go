//go:build aws

package acceptance

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/recorded"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// emulated is an emulator in a testing/synctest bubble.
type emulated struct {
	aws    *emulator.AWS
	stacks bool // whether it has CloudFormation, and a recorder
	// loses says which events are lost; nil means none.
	loses func(ssmapi.Event) bool

	mu     sync.Mutex
	events []json.RawMessage
}

// emulatedBucket is the bucket of every stack of the emulator.
const emulatedBucket = "ssmbak-local"

// unlimited lifts the rates of an emulator.
func unlimited(o *emulator.Options, _ *emulated) { o.Limits = nil }

// newEmulated returns an emulator for a fact, whose background work ends with ctx. change
// changes its options, unless it is nil.
func newEmulated(ctx context.Context, t testing.TB, f *fact, change func(*emulator.Options, *emulated)) *emulated {
	t.Helper()
	e := &emulated{stacks: f.stack}
	o := emulator.Options{
		Limits:  emulator.StandardThroughput(),
		Latency: func(string, string) time.Duration { return 20 * time.Millisecond },
		SSM: ssmapi.Options{Emit: func(event ssmapi.Event) {
			if e.loses != nil && e.loses(event) {
				return
			}
			e.mu.Lock()
			e.events = append(e.events, event.JSON())
			e.mu.Unlock()
			e.aws.Queue.Send(event)
		}},
	}
	if f.stack {
		o.Stack.Bucket = emulatedBucket
	}
	if change != nil {
		change(&o, e)
	}
	e.aws = emulator.New(o)
	go e.expire(ctx)
	if f.stack {
		e.record(ctx, t)
	}
	return e
}

// expire runs the scans that delete expired parameters.
func (e *emulated) expire(ctx context.Context) {
	for wait(ctx, 30*time.Second) == nil {
		e.aws.SSM.Expire(time.Now())
	}
}

// record runs a recorder behind the queue.
func (e *emulated) record(ctx context.Context, t testing.TB) {
	t.Helper()
	e.aws.S3.CreateBucket(emulatedBucket, true)
	conn, err := awsconn.Load(ctx, testworld.Connection(e.aws.Client()))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: emulatedBucket, Account: testworld.Account, Region: testworld.Region})
	if err == nil {
		err = opened.Establish(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := recorder.New(opened, paramstore.New(conn.SSM(), paramstore.Options{}), recorder.Options{Account: testworld.Account, Region: testworld.Region})
	go e.aws.Queue.Run(ctx, testworld.Handler(r))
}

// place returns the account, whose requests a client sends; nil means one without faults.
func (e *emulated) place(ctx context.Context, client aws.HTTPClient) (*place, error) {
	if client == nil {
		client = e.aws.Client()
	}
	o := testworld.Connection(client)
	return newPlace(ctx, onEmulator, o, e)
}

// seen returns the events so far.
func (e *emulated) seen() []json.RawMessage {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events)
}

// leftovers returns what runs have created and not removed, as the emulator has it.
func (e *emulated) leftovers(ctx context.Context, t testing.TB) (all []string) {
	t.Helper()
	clean, err := e.place(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clean.connect(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	live, err := conn.SSM().DescribeParameters(ctx, &ssm.DescribeParametersInput{MaxResults: aws.Int32(50)})
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range live.Parameters {
		all = append(all, "the parameter "+aws.ToString(each.Name))
	}
	buckets, err := conn.S3().ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range buckets.Buckets {
		if name := aws.ToString(each.Name); name != emulatedBucket {
			all = append(all, "the bucket "+name)
		}
	}
	if !e.stacks {
		return all
	}
	stacks, err := cloudformation.NewFromConfig(conn.Config()).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range stacks.Stacks {
		all = append(all, "the stack "+aws.ToString(each.StackName))
	}
	return all
}

// TestEmulator plays each fact on an emulator, and its rows on another one.
func TestEmulator(t *testing.T) {
	t.Parallel()
	emulationsOnly(t)
	for _, f := range facts() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var v verdict
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
				defer cancel()
				e := newEmulated(ctx, t, &f, nil)
				p, err := e.place(ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				var rows *rows
				v, rows = p.settle(ctx, &f)
				if err := p.remove(ctx); err != nil {
					t.Errorf("remove: %v", err)
				}
				if left := e.leftovers(ctx, t); len(left) > 0 {
					t.Errorf("not removed: %q", left)
				}
				if rows != nil {
					replay(t, &f, rows)
				}
			})
			report(t, v)
		})
	}
}

// replay plays the rows of a fact, as the table's file has them, on a new emulator.
func replay(t *testing.T, f *fact, r *rows) {
	t.Helper()
	if f.once || len(r.one.Steps) == 0 {
		return
	}
	text, err := json.Marshal([]recorded.Case{r.one})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := recorded.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e := newEmulated(ctx, t, f, unlimited)
	p := &recorded.Player{Client: &http.Client{Transport: e.aws.Client().Transport}, Endpoint: "http://127.0.0.1", Events: e.seen}
	for step, how := range p.Play(t, cases[0], "replayed") {
		t.Errorf("step %d of the rows is answered otherwise: %s", step, how)
	}
}
