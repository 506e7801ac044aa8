// Package function implements the recorder's Lambda function.
//
// It handles three kinds of invocations: a batch of SQS messages, for which it
// returns the messages that failed, a single EventBridge event, and
// {"ssmbak":"reconcile"}.
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

// margin is the part of an invocation's time that is reserved for its response.
// Without a response, the messages that were done would be delivered again too.
const margin = 2 * time.Second

// checkEvery is the time in which the reconciler reads each parameter at least once,
// whatever the reconcile cache says.
const checkEvery = 7 * 24 * time.Hour

// Options configure a [Function].
type Options struct {
	// Bucket holds the archive.
	Bucket string
	// Budget is the memory, in bytes, that the contents of the bucket may take; see
	// [archive.Options].
	Budget int64
	// Exclude lists patterns, as in package pattern, of parameters that are not
	// recorded.
	Exclude []string
	// ValueHeader and IndexHeader are the encryption headers, as in
	// [archive.Header], of values and of the objects under .ssmbak/. If both are
	// empty, the archive's own setting applies.
	ValueHeader, IndexHeader string
	// AWS configures the connection. The zero value uses the function's role and
	// region.
	AWS awsconn.Options
	// Logger receives log records, which never contain values. It must not be nil.
	Logger *slog.Logger
}

// Function handles invocations. It connects to AWS during the first one and reuses
// the connection.
type Function struct {
	o Options

	mu       sync.Mutex
	recorder *recorder.Recorder
}

// Patterns splits text into patterns at commas that are not inside braces. The result
// is never nil.
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

// New returns a function. It sends no requests.
func New(o Options) *Function { return &Function{o: o} }

// invocation holds the members that distinguish the kinds of invocations.
type invocation struct {
	Ssmbak     string            `json:"ssmbak"`
	Records    []json.RawMessage `json:"Records"`
	DetailType string            `json:"detail-type"`
}

// Reconciled is the response to {"ssmbak":"reconcile"}. Its numbers count parameters.
type Reconciled struct {
	Checked, Recorded, Deleted, Gaps, Unreadable, Failed, Left, Excluded int
	Complete                                                             bool
}

// Handle handles one invocation.
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
		return nil, fmt.Errorf("unknown value %q of \"ssmbak\": use {\"ssmbak\":\"reconcile\"}", i.Ssmbak)
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

// message is a record of an SQS batch. Only its ID and body are required: an
// attribute of an unexpected type is ignored.
type message struct {
	MessageID  string          `json:"messageId"`
	Body       string          `json:"body"`
	Attributes json.RawMessage `json:"attributes"`
}

// attribute returns the text of an attribute, or "".
func (m message) attribute(name string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(m.Attributes, &all) != nil {
		return ""
	}
	return strings.Trim(string(all[name]), `"`)
}

// batch records the messages of a queue and returns those that must be delivered
// again.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (f *Function) batch(ctx context.Context, r *recorder.Recorder, payload json.RawMessage) (events.SQSEventResponse, error) {
	var batch struct{ Records []json.RawMessage }
	if err := json.Unmarshal(payload, &batch); err != nil {
		return events.SQSEventResponse{}, errors.New("the payload's Records are not SQS messages")
	}
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	failed := func(id string) {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	messages := make([]recorder.Message, 0, len(batch.Records))
	for _, record := range batch.Records {
		var m message
		if err := json.Unmarshal(record, &m); err != nil {
			// One bad record does not fail the others. SQS gives each an ID.
			f.o.Logger.ErrorContext(ctx, "not an SQS message", "message", m.MessageID)
			if m.MessageID != "" {
				failed(m.MessageID)
			}
			continue
		}
		receives, _ := strconv.Atoi(m.attribute("ApproximateReceiveCount"))
		sent, _ := strconv.ParseInt(m.attribute("SentTimestamp"), 10, 64)
		messages = append(messages, recorder.Message{ID: m.MessageID, Body: []byte(m.Body), Sent: time.UnixMilli(sent), Receives: receives})
	}
	for _, failure := range r.Handle(ctx, messages) {
		failed(failure.ID)
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
		// Lambda's Errors metric, and the alarm on it, count errors only.
		err = fmt.Errorf("%d of %d parameters could not be reconciled, first %s: %w", answer.Failed, answer.Checked, report.Failed[0].Name, report.Failed[0].Err)
	}
	return answer, err
}

// connect returns the recorder, which it creates during the first invocation.
func (f *Function) connect(ctx context.Context) (*recorder.Recorder, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.recorder != nil {
		return f.recorder, nil
	}
	if f.o.Bucket == "" {
		return nil, errors.New("SSMBAK_BUCKET is not set: set it to the archive's bucket")
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
	o := archive.Options{Bucket: f.o.Bucket, Account: account, Region: conn.Region(), Budget: f.o.Budget, Logger: f.o.Logger}
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
		Account: account, Region: conn.Region(), Exclude: append([]string{}, f.o.Exclude...), CheckEvery: checkEvery, Logger: f.o.Logger,
	})
	return f.recorder, nil
}

// account returns the account in the function's ARN or, if there is no ARN, that of
// the credentials.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-context.html
func (f *Function) account(ctx context.Context, conn *awsconn.Conn) (string, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		if parts := strings.Split(lc.InvokedFunctionArn, ":"); len(parts) > 5 && len(parts[4]) == 12 {
			return parts[4], nil
		}
	}
	return conn.Account(ctx)
}
