// Package function implements the stack's Lambda functions.
//
// They handle four kinds of invocations: a batch of SQS messages, for which the recorder
// returns the messages that failed, a single EventBridge event, {"ssmbak":"reconcile"}, and
// {"ssmbak":"verify"}.
package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/signkey"
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
	// SigningKey is the ARN of the KMS key with which the function signs, and SigningSince
	// when the stack began to, in RFC 3339. If SigningKey is empty, nothing is signed.
	SigningKey, SigningSince string
	// Stack is the name of the stack, the dimension of the metrics that are written to
	// Metrics, one line in CloudWatch's embedded metric format for each invocation. If
	// either is empty, there are no metrics.
	Stack   string
	Metrics io.Writer
	// VerifyShare is the share of the parameters that one {"ssmbak":"verify"} verifies, 1 for
	// all of them, and Version the version of the program, for its record.
	VerifyShare float64
	Version     string
	// ReadRate limits the reads of Parameter Store per second, see [Share]. 0 means
	// unlimited.
	ReadRate float64
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

	mu        sync.Mutex
	connected *connection
}

// connection is a recorder and the archive to which it writes.
type connection struct {
	*recorder.Recorder
	archive *archive.Archive
}

// The settings of a stack that sets neither.
const (
	defaultRate      = 10
	defaultRecorders = 2
)

// Share returns the reads per second of one function: rate is that of the stack, and
// recorders the maximum number of concurrent recorders, next to which there is one
// reconciler. Each is a positive number or, for the stack's default, "".
func Share(rate, recorders string) (float64, error) {
	reads, functions := float64(defaultRate), defaultRecorders+1
	if rate != "" {
		var err error
		if reads, err = strconv.ParseFloat(rate, 64); err != nil || !(reads > 0) || math.IsInf(reads, 0) {
			return 0, fmt.Errorf("the rate of reads %q is not a positive number", rate)
		}
	}
	if recorders != "" {
		n, err := strconv.Atoi(recorders)
		if err != nil || n < 1 {
			return 0, fmt.Errorf("the number of recorders %q is not a positive integer", recorders)
		}
		functions = n + 1
	}
	return reads / float64(functions), nil
}

// New returns a function. It sends no requests.
func New(o Options) *Function { return &Function{o: o} }

// invocation holds the members that distinguish the kinds of invocations.
type invocation struct {
	Ssmbak     string            `json:"ssmbak"`
	Records    []json.RawMessage `json:"Records"`
	DetailType string            `json:"detail-type"`
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
		return nil, errors.New("the payload is neither an SQS batch, nor an event, nor {\"ssmbak\":\"reconcile\"} or {\"ssmbak\":\"verify\"}")
	}
	if i.Ssmbak == "verify" {
		return f.verify(ctx)
	}
	c, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case i.Ssmbak == "reconcile":
		return f.reconcile(ctx, c)
	case i.Ssmbak != "":
		return nil, fmt.Errorf("unknown value %q of \"ssmbak\": use {\"ssmbak\":\"reconcile\"} or {\"ssmbak\":\"verify\"}", i.Ssmbak)
	case i.Records != nil:
		return f.batch(ctx, c, payload)
	case i.DetailType != "":
		if err := c.SyncEvent(ctx, payload); err != nil {
			return nil, err
		}
		return struct{}{}, nil
	}
	return nil, errors.New("the payload is neither an SQS batch, nor an event, nor {\"ssmbak\":\"reconcile\"} or {\"ssmbak\":\"verify\"}")
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
func (f *Function) batch(ctx context.Context, c *connection, payload json.RawMessage) (events.SQSEventResponse, error) {
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
	done := c.Process(ctx, messages)
	for _, failure := range done.Failures {
		failed(failure.ID)
	}
	f.measureBatch(ctx, done)
	return response, nil
}

// measureBatch writes the metrics of a batch. It writes Unreadable and Forged only if they
// are not zero: zero would say that the values of all parameters are available.
func (f *Function) measureBatch(ctx context.Context, b recorder.Batch) {
	returned := 0
	for _, failure := range b.Failures {
		if _, pending := errors.AsType[*recorder.NotSettledError](failure.Err); !pending {
			returned++
		}
	}
	all := []metric{{metricLag, b.Lag.Seconds()}, {metricHandedBack, float64(returned)}, {metricGaps, float64(len(b.Gaps))}}
	if len(b.Unreadable) > 0 {
		all = append(all, metric{metricUnreadable, float64(len(b.Unreadable))})
	}
	if len(b.Forged) > 0 {
		all = append(all, metric{metricForged, float64(len(b.Forged))})
	}
	f.measure(ctx, all...)
}

func (f *Function) measure(ctx context.Context, all ...metric) {
	if f.o.Stack == "" || f.o.Metrics == nil {
		return
	}
	if err := writeMetrics(f.o.Metrics, f.o.Stack, time.Now(), all...); err != nil {
		f.o.Logger.ErrorContext(ctx, "cannot write metrics", "error", err.Error())
	}
}

// connect returns the recorder, which it creates during the first invocation.
func (f *Function) connect(ctx context.Context) (*connection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.connected != nil {
		return f.connected, nil
	}
	if err := pattern.Check(f.o.Exclude...); err != nil {
		return nil, fmt.Errorf("SSMBAK_EXCLUDE: %w", err)
	}
	conn, o, err := f.reach(ctx)
	if err != nil {
		return nil, err
	}
	if o.Signing, err = f.signing(); err != nil {
		return nil, err
	}
	o.Writes = true
	var key *signkey.Key
	var a *archive.Archive
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		key, err = f.signingKey(gctx, conn)
		return err
	})
	g.Go(func() (err error) {
		a, err = archive.Open(gctx, conn.S3(), o)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if key != nil {
		a.SignWith(key)
	}
	if err := a.Establish(ctx); err != nil {
		return nil, err
	}
	r := recorder.New(a, paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging(), MaxReadRate: f.o.ReadRate, Logger: f.o.Logger}), recorder.Options{
		Account: o.Account, Region: o.Region, Exclude: append([]string{}, f.o.Exclude...), CheckEvery: checkEvery, Checkpoints: key != nil, Logger: f.o.Logger,
	})
	f.connected = &connection{r, a}
	return f.connected, nil
}

// reach connects to AWS, and returns the options with which the archive is opened.
func (f *Function) reach(ctx context.Context) (*awsconn.Conn, archive.Options, error) {
	if f.o.Bucket == "" {
		return nil, archive.Options{}, errors.New("SSMBAK_BUCKET is not set: set it to the archive's bucket")
	}
	reach := f.o.AWS
	reach.Logger = f.o.Logger
	conn, err := awsconn.Load(ctx, reach)
	if err != nil {
		return nil, archive.Options{}, err
	}
	account, err := f.account(ctx, conn)
	if err != nil {
		return nil, archive.Options{}, err
	}
	o := archive.Options{Bucket: f.o.Bucket, Account: account, Region: conn.Region(), Budget: f.o.Budget, Logger: f.o.Logger}
	if f.o.ValueHeader != "" || f.o.IndexHeader != "" {
		o.Encryption = &archive.Encryption{Values: archive.Header(f.o.ValueHeader), Indexes: archive.Header(f.o.IndexHeader)}
	}
	return conn, o, nil
}

// signing returns how the stack signs, the zero value if it does not.
func (f *Function) signing() (*archive.Signing, error) {
	if f.o.SigningKey == "" {
		return &archive.Signing{}, nil
	}
	since, err := time.Parse(time.RFC3339, f.o.SigningSince)
	if err != nil {
		return nil, fmt.Errorf("SSMBAK_SIGN_SINCE is %q: set it to the time from which the archive is signed", f.o.SigningSince)
	}
	return &archive.Signing{Key: f.o.SigningKey, Bucket: f.o.Bucket, Since: since.UTC()}, nil
}

// signingKey returns the key with which the stack signs, nil if it does not. A key that
// cannot be read fails the invocation, so that its messages return to the queue.
func (f *Function) signingKey(ctx context.Context, conn *awsconn.Conn) (*signkey.Key, error) {
	if f.o.SigningKey == "" {
		return nil, nil
	}
	return signkey.Load(ctx, kms.NewFromConfig(conn.Config()), f.o.SigningKey)
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
