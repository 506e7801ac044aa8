// Package function is the recorder as a Lambda function: it tells the kinds of
// invocations apart and answers each as Lambda expects it.
//
// It takes a batch of an SQS queue and reports the messages that failed, one
// bare EventBridge event, and {"ssmbak":"reconcile"}.
package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/recorder"
)

// margin is kept of an invocation's time for its answer. Without it the
// messages that were done would come again too.
const margin = 2 * time.Second

// Options configure a [Function].
type Options struct {
	// Bucket holds the archive.
	Bucket string
	// Exclude are patterns of names that are not recorded, see package pattern.
	Exclude []string
	// ValueHeader and IndexHeader are the encryption headers with which values, and
	// the objects under .ssmbak/, are written, see [archive.Header]. Where both are
	// empty, the archive says it.
	ValueHeader, IndexHeader string
	// AWS says how AWS is reached; its zero value is the function's own role
	// and region.
	AWS awsconn.Options
	// Logger takes JSON lines without values.
	Logger *slog.Logger
}

// Function handles invocations. It connects at the first one and keeps what it
// learned for the next.
type Function struct {
	o Options

	mu       sync.Mutex
	recorder *recorder.Recorder
}

// Patterns reads patterns with commas between them; commas within braces are
// part of a pattern.
func Patterns(text string) []string {
	all := []string{}
	depth, begin := 0, 0
	add := func(p string) {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	for i, r := range text {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ',' && depth <= 0:
			add(text[begin:i])
			begin = i + 1
		}
	}
	add(text[begin:])
	return all
}

// New returns a function that has made no request yet.
func New(o Options) *Function { return &Function{o: o} }

// invocation holds what tells the kinds of invocations apart.
type invocation struct {
	Ssmbak     string            `json:"ssmbak"`
	Records    []json.RawMessage `json:"Records"`
	DetailType string            `json:"detail-type"`
}

// Reconciled is the answer to {"ssmbak":"reconcile"}: counts of parameters.
type Reconciled struct {
	Checked, Recorded, Deleted, Gaps, Unreadable, Failed, Left, Excluded int
	Complete                                                             bool
}

// Handle answers one invocation.
func (f *Function) Handle(ctx context.Context, payload json.RawMessage) (any, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	var i invocation
	if err := json.Unmarshal(payload, &i); err != nil {
		return nil, errors.New("the payload is neither an SQS batch, nor an event, nor {\"ssmbak\":\"reconcile\"}")
	}
	r, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case i.Ssmbak == "reconcile":
		return f.reconcile(ctx, r)
	case i.Ssmbak != "":
		return nil, fmt.Errorf("%q is nothing that this function does, only \"reconcile\" is", i.Ssmbak)
	case i.Records != nil:
		return f.batch(ctx, r, payload)
	case i.DetailType != "":
		failures := r.Handle(ctx, []recorder.Message{{ID: "event", Body: payload, Sent: time.Now(), Receives: 1}})
		if len(failures) > 0 {
			return nil, failures[0].Err
		}
		return struct{}{}, nil
	}
	return nil, errors.New("the payload is neither an SQS batch, nor an event, nor {\"ssmbak\":\"reconcile\"}")
}

// message is what is needed of a queue's record. Its id and body are; an attribute
// of an odd type costs no more than itself.
type message struct {
	MessageID  string          `json:"messageId"`
	Body       string          `json:"body"`
	Attributes json.RawMessage `json:"attributes"`
}

// attribute returns an attribute's text, "" if there is none.
func (m message) attribute(name string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(m.Attributes, &all) != nil {
		return ""
	}
	return strings.Trim(string(all[name]), `"`)
}

// batch records the messages of a queue and reports those that must come
// again.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (f *Function) batch(ctx context.Context, r *recorder.Recorder, payload json.RawMessage) (events.SQSEventResponse, error) {
	var batch struct{ Records []message }
	if err := json.Unmarshal(payload, &batch); err != nil {
		return events.SQSEventResponse{}, errors.New("the payload's records are not those of an SQS queue")
	}
	messages := make([]recorder.Message, len(batch.Records))
	for i, m := range batch.Records {
		receives, _ := strconv.Atoi(m.attribute("ApproximateReceiveCount")) // 0 if it is missing: then nothing is assumed
		sent, _ := strconv.ParseInt(m.attribute("SentTimestamp"), 10, 64)
		messages[i] = recorder.Message{ID: m.MessageID, Body: []byte(m.Body), Sent: time.UnixMilli(sent), Receives: receives}
	}
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, failure := range r.Handle(ctx, messages) {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: failure.ID})
	}
	return response, nil
}

func (f *Function) reconcile(ctx context.Context, r *recorder.Recorder) (Reconciled, error) {
	everything, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		return Reconciled{}, err
	}
	report, err := r.Reconcile(ctx, everything, recorder.ReconcileOptions{})
	for _, failed := range report.Failed {
		f.o.Logger.ErrorContext(ctx, "parameter not reconciled", "name", string(failed.Name), "error", failed.Err.Error())
	}
	answer := Reconciled{
		Checked: report.Checked, Recorded: len(report.Recorded), Deleted: len(report.Deleted),
		Gaps: len(report.Gaps), Unreadable: len(report.Unreadable), Failed: len(report.Failed), Left: report.Left, Excluded: report.Excluded, Complete: report.Complete,
	}
	if report.TagsUnchecked != nil {
		f.o.Logger.WarnContext(ctx, "tags of unchanged parameters not compared", "error", report.TagsUnchecked.Error())
	}
	f.o.Logger.InfoContext(ctx, "reconciled", "checked", answer.Checked, "recorded", answer.Recorded, "deleted", answer.Deleted,
		"gaps", answer.Gaps, "unreadable", answer.Unreadable, "failed", answer.Failed, "left", answer.Left, "excluded", answer.Excluded, "complete", answer.Complete)
	if err == nil && len(report.Failed) > 0 {
		// Only an error makes Lambda's own metric, and the alarm on it, tell.
		err = fmt.Errorf("%d of %d parameters could not be reconciled, the first is %s: %w", answer.Failed, answer.Checked, report.Failed[0].Name, report.Failed[0].Err)
	}
	return answer, err
}

// connect opens the archive at the first invocation.
func (f *Function) connect(ctx context.Context) (*recorder.Recorder, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.recorder != nil {
		return f.recorder, nil
	}
	if f.o.Bucket == "" {
		return nil, errors.New("SSMBAK_BUCKET is not set: it names the archive's bucket")
	}
	if err := pattern.Check(f.o.Exclude...); err != nil {
		return nil, fmt.Errorf("SSMBAK_EXCLUDE: %w", err)
	}
	reach := f.o.AWS
	reach.Logger = f.o.Logger
	conn, err := awsconn.Load(ctx, reach)
	if err != nil {
		return nil, err
	}
	account, err := f.account(ctx, conn)
	if err != nil {
		return nil, err
	}
	o := archive.Options{Bucket: f.o.Bucket, Account: account, Region: conn.Region(), Logger: f.o.Logger}
	if f.o.ValueHeader != "" || f.o.IndexHeader != "" {
		o.Encryption = &archive.Encryption{Values: archive.Header(f.o.ValueHeader), Indexes: archive.Header(f.o.IndexHeader)}
	}
	a, err := archive.Open(ctx, conn.S3(), o)
	if err != nil {
		return nil, err
	}
	if err := a.Establish(ctx); err != nil {
		return nil, err
	}
	f.recorder = recorder.New(a, paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging(), Logger: f.o.Logger}), recorder.Options{
		Account: account, Region: conn.Region(), Exclude: append([]string{}, f.o.Exclude...), Logger: f.o.Logger,
	})
	return f.recorder, nil
}

// account is the function's own, as its ARN says, which spares a request; where
// there is none, AWS is asked.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-context.html
func (f *Function) account(ctx context.Context, conn *awsconn.Conn) (string, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		if parts := strings.Split(lc.InvokedFunctionArn, ":"); len(parts) > 5 && len(parts[4]) == 12 {
			return parts[4], nil
		}
	}
	return conn.Account(ctx)
}
