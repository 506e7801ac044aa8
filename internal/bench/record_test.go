package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// reads are all reads of Parameter Store by the functions, with one common limit.
const reads = "ssm:GetParameter,GetParameters,GetParametersByPath,GetParameterHistory,DescribeParameters,ListTagsForResource"

// put writes a version of a parameter as a user does.
func put(b *Bed, name, value string) {
	b.Helper()
	_, err := b.SSM.PutParameter(b.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
	b.Must(err)
}

// fill writes the first version of n parameters below 20 paths.
func fill(b *Bed, n int) {
	b.Helper()
	for i := range n {
		put(b, parameter(i), "value")
	}
}

// parameter returns the name of a parameter of [fill].
func parameter(i int) string { return fmt.Sprintf("/app/%02d/%05d", i%20, i) }

// lambda returns a function of the stack and a context of its invocations.
func lambda(b *Bed, rate float64) (*function.Function, context.Context) {
	ctx := lambdacontext.NewContext(b.Context(), &lambdacontext.LambdaContext{InvokedFunctionArn: "arn:aws:lambda:us-east-1:" + b.Account + ":function:recorder"})
	return function.New(function.Options{
		Bucket: "archive", Exclude: []string{}, ReadRate: rate, AWS: testworld.Connection(b.Counted(b.AWS.Client())), Logger: slog.New(slog.DiscardHandler),
	}), ctx
}

// TestBurst delivers events of many changes of few parameters to two recorders, which may
// send 40 reads a second together, in batches of ten.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{10, 40} {
		t.Run(fmt.Sprint(rate, " reads a second"), func(t *testing.T) {
			t.Parallel()
			events, names := Size(500, 10_000), Size(25, 500)
			o := Options{Limits: map[string]float64{reads: rate}, World: testworld.Options{Emulator: emulator.Options{Queue: emulator.QueueOptions{Copies: func(string) int { return 1 }, Visibility: 20 * time.Minute}}}}
			Run(t, o, func(b *Bed) {
				for i := range events {
					put(b, fmt.Sprintf("/app/%03d", i%names), fmt.Sprint("value ", i))
				}
				time.Sleep(time.Minute)
				var last time.Time // a drain waits longer, for messages that the other one has
				var mu sync.Mutex
				began := time.Now()
				recorded := b.Measure(func() {
					var recorders sync.WaitGroup
					for range 2 {
						f, ctx := lambda(b, rate/2)
						recorders.Go(func() {
							b.Must(b.AWS.Queue.Drain(ctx, func(ctx context.Context, batch []emulator.Message) []string {
								answer, err := f.Handle(ctx, emulator.SQSEvent(b.Region, b.Account, batch))
								b.Must(err)
								mu.Lock()
								last = time.Now()
								mu.Unlock()
								return failed(b, answer)
							}))
						})
					}
					recorders.Wait()
				})
				recorded.Took = last.Sub(began)
				looks := 0
				for _, op := range []string{"GetParameter", "GetParameterHistory", "ListTagsForResource", "DescribeParameters"} {
					looks += recorded.Operations["ssm:"+op]
				}
				if looks > 3*names { // two recorders may read a parameter at the same time
					t.Errorf("%d reads of %d parameters, want 2 of each, and at most 3", looks, names)
				}
				recorded.Row(t, fmt.Sprintf("Burst/events=%d/names=%d/reads=%g", events, names, rate), fmt.Sprintf("%.2f", float64(looks)/float64(events)), "reads/event", fmt.Sprintf("%.1f", float64(events)/recorded.Took.Seconds()), "events/s")
			})
		})
	}
}

// failed returns the messages that a function did not record.
func failed(b *Bed, answer any) (ids []string) {
	text, err := json.Marshal(answer)
	b.Must(err)
	var response struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	b.Must(json.Unmarshal(text, &response))
	for _, f := range response.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// TestOneChange records one change of a parameter that is recorded already, two seconds after
// it, by a function that is connected, and by one at its first invocation. It also records a
// new parameter, with one version and with 100.
func TestOneChange(t *testing.T) {
	t.Parallel()
	Run(t, Options{}, func(b *Bed) {
		invoke := func(f *function.Function, ctx context.Context) func() {
			var batch []emulator.Message
			time.Sleep(2 * time.Second)
			b.Must(b.AWS.Queue.Drain(ctx, func(_ context.Context, got []emulator.Message) []string {
				batch = append(batch, got...)
				return nil
			}))
			return func() {
				answer, err := f.Handle(ctx, emulator.SQSEvent(b.Region, b.Account, batch))
				b.Must(err)
				if ids := failed(b, answer); len(ids) > 0 || len(batch) == 0 {
					b.Errorf("%d of %d messages failed", len(ids), len(batch))
				}
			}
		}
		bound := func(m Measurement, depth int, took time.Duration) Measurement {
			t.Helper()
			if m.Depth > depth || m.Took > took {
				t.Errorf("%d requests follow each other, in %v, want at most %d in %v:\n%s", m.Depth, m.Took, depth, took, strings.Join(m.Sequence, "\n"))
			}
			return m
		}
		f, ctx := lambda(b, 0)
		put(b, "/app/db", "one")
		invoke(f, ctx)()
		put(b, "/app/db", "two")
		bound(b.Measure(invoke(f, ctx)), 3, 60*time.Millisecond).Row(t, "OneChange")
		put(b, "/app/db", "three")
		first, ctx := lambda(b, 0)
		bound(b.Measure(invoke(first, ctx)), 4, 80*time.Millisecond).Row(t, "FirstInvocation")
		put(b, "/app/new", "one")
		bound(b.Measure(invoke(f, ctx)), 7, 140*time.Millisecond).Row(t, "FirstSight/versions=1")
		for i := range 100 {
			put(b, "/app/many", fmt.Sprint("value ", i))
		}
		time.Sleep(time.Minute)
		bound(b.Measure(func() { b.Must(b.Recorder.Sync(ctx, "/app/many")) }), 12, 400*time.Millisecond).Row(t, "FirstSight/versions=100")
	})
}

// TestDeepReconcile reads every parameter again.
func TestDeepReconcile(t *testing.T) {
	t.Parallel()
	n := Size(300, 11_000)
	o := Options{World: testworld.Options{Emulator: emulator.Options{Queue: emulator.QueueOptions{Copies: func(string) int { return 0 }}}}}
	o.World.Emulator.SSM.MaxStandard = n
	Run(t, o, func(b *Bed) {
		fill(b, n)
		time.Sleep(time.Minute)
		live := paramstore.New(b.Conn.SSM(), paramstore.Options{Tagging: b.Conn.Tagging()})
		r := recorder.New(b.Archive, live, recorder.Options{Account: b.Account, Region: b.Region, Exclude: []string{}})
		reconcile := func(deep bool) {
			report, err := r.Reconcile(b.Context(), testworld.Everything(b), recorder.ReconcileOptions{Deep: deep})
			b.Must(err)
			if !report.Complete {
				b.Errorf("%+v", report)
			}
		}
		first := b.Measure(func() { reconcile(false) })
		first.Row(t, fmt.Sprintf("FirstReconcile/parameters=%d", n), fmt.Sprintf("%.2f", float64(first.Requests)/float64(n)), "requests/parameter")
		time.Sleep(time.Hour)
		deep := b.Measure(func() { reconcile(true) })
		if deep.Requests > 2*n+n/5 {
			t.Errorf("%d requests for %d parameters, want at most 2.2 for each", deep.Requests, n)
		}
		deep.Row(t, fmt.Sprintf("DeepReconcile/parameters=%d", n), fmt.Sprintf("%.2f", float64(deep.Requests)/float64(n)), "requests/parameter")
	})
}
