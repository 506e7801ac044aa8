package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/function"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

const (
	account = testworld.Account
	region  = testworld.Region
)

// lambda is a function with an emulated AWS account.
type lambda struct {
	*testworld.World
	function *function.Function
	logs     *bytes.Buffer
}

func newLambda(t *testing.T, bucket string) *lambda {
	t.Helper()
	l := &lambda{World: testworld.Bare(t, testworld.Options{}), logs: &bytes.Buffer{}}
	l.AWS.S3.CreateBucket("unversioned", false)
	reach := testworld.Connection(l.AWS.Client())
	reach.MaxAttempts = 2
	l.function = function.New(function.Options{Bucket: bucket, AWS: reach, Logger: slog.New(slog.NewJSONHandler(l.logs, nil))})
	return l
}

// invoke gives the function a payload as Lambda does.
func (l *lambda) invoke(t *testing.T, payload string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: "arn:aws:lambda:us-east-1:" + account + ":function:recorder"})
	answer, err := l.function.Handle(ctx, json.RawMessage(payload))
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

func (l *lambda) put(t *testing.T, name, value string, kind types.ParameterType) {
	t.Helper()
	if _, err := l.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
}

// TestBatch invokes the function as an event source mapping does. Only failed messages
// are delivered again.
func TestBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLambda(t, "archive")
		l.put(t, "/app/text", "hunter1", types.ParameterTypeString)
		l.put(t, "/app/secret", "hunter2", types.ParameterTypeSecureString)
		err := l.AWS.Queue.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
			batch = append(batch, emulator.Message{ID: "poison", Body: []byte("hunter3")})
			text, err := l.invoke(t, string(emulator.SQSEvent(region, account, batch)))
			if err != nil {
				t.Fatal(err)
			}
			var response events.SQSEventResponse
			if err := json.Unmarshal([]byte(text), &response); err != nil {
				t.Fatal(err)
			}
			if len(response.BatchItemFailures) != 1 || response.BatchItemFailures[0].ItemIdentifier != "poison" {
				t.Errorf("answered %s, want the poison alone", text)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"/app/text": "hunter1", "/app/secret": "hunter2"} {
			if v := l.AWS.S3.Versions("archive", key); len(v) != 1 || string(v[0].Body) != want {
				t.Errorf("%s is recorded as %+v", key, v)
			}
		}
		if strings.Contains(l.logs.String(), "hunter") {
			t.Errorf("the log contains a value or a message body: %s", l.logs)
		}
		for line := range strings.Lines(l.logs.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("the log has a line that is no JSON: %s", line)
			}
		}
		if l.AWS.Counts()["sts:GetCallerIdentity"] != 0 {
			t.Error("the account was asked for, though the function's ARN says it")
		}
	})
}

func TestOtherInvocations(t *testing.T) {
	t.Parallel()
	const event = `{"id":"1","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","time":"2000-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{"operation":"Create","name":"/app/db"}}`
	tests := []struct {
		name, bucket, payload string
		want, fail            string
	}{
		{"bare event", "archive", event, `{}`, ""},
		{"bare event of a parameter that does not exist", "archive", strings.ReplaceAll(event, "/app/db", "/none"), `{}`, ""},
		{"bare event of another account", "archive", strings.ReplaceAll(event, "123456789012", "210987654321"), "", "event is from account 210987654321"},
		{"reconcile", "archive", `{"ssmbak":"reconcile"}`, `{"Checked":1,"Recorded":1,"Deleted":0,"Gaps":0,"Unreadable":0,"Failed":0,"Left":0,"Excluded":0,"Forged":0,"Complete":true}`, ""},
		{"odd attributes", "archive", `{"Records":[{"messageId":"m","body":` + strconv.Quote(event) + `,"attributes":{"ApproximateReceiveCount":1,"SentTimestamp":{}},"messageAttributes":3}]}`, `{"batchItemFailures":[]}`, ""},
		{"a bad record fails alone", "archive", `{"Records":[{"messageId":"bad","body":7},{"messageId":"m","body":` + strconv.Quote(event) + `}]}`, `{"batchItemFailures":[{"itemIdentifier":"bad"}]}`, ""},
		{"empty batch", "archive", `{"Records":[]}`, `{"batchItemFailures":[]}`, ""},
		{"unknown word", "archive", `{"ssmbak":"dance"}`, "", `unknown value "dance"`},
		{"empty object", "archive", `{}`, "", "neither an SQS batch"},
		{"not JSON", "archive", `hunter2`, "", "neither an SQS batch"},
		{"no bucket named", "", event, "", "SSMBAK_BUCKET"},
		{"no such bucket", "none", event, "", "does not exist"},
		{"bucket without versions", "unversioned", event, "", "not versioned"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLambda(t, test.bucket)
				l.put(t, "/app/db", "v", types.ParameterTypeString)
				got, err := l.invoke(t, test.payload)
				if test.fail != "" {
					if err == nil || !strings.Contains(err.Error(), test.fail) || strings.Contains(err.Error(), "hunter2") {
						t.Errorf("error %v, want one that says %q", err, test.fail)
					}
					return
				}
				if err != nil || got != test.want {
					t.Errorf("answered %s, %v, want %s", got, err, test.want)
				}
			})
		})
	}
}

// TestDeadline checks that the function returns before Lambda's timeout, with the
// unfinished messages as failures.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLambda(t, "archive")
		l.put(t, "/app/db", "v", types.ParameterTypeString)
		if _, err := l.invoke(t, `{"Records":[]}`); err != nil { // connected
			t.Fatal(err)
		}
		l.AWS.Faults.Add(emulator.Rule{Service: "ssm", Op: "GetParameterHistory", Fault: emulator.Fault{Hang: true}})
		begin := time.Now()
		err := l.AWS.Queue.Drain(t.Context(), func(_ context.Context, batch []emulator.Message) []string {
			text, err := l.invoke(t, string(emulator.SQSEvent(region, account, batch)))
			if err != nil || !strings.Contains(text, batch[0].ID) {
				t.Errorf("got %s, %v, want the message as a failure", text, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took >= time.Minute {
			t.Errorf("answered after %v, when Lambda had stopped the function", took)
		}
	})
}

// unchecked answers as S3 does for objects that were written without a checksum.
type unchecked struct{ aws.HTTPClient }

func (c unchecked) Do(r *http.Request) (*http.Response, error) {
	answer, err := c.HTTPClient.Do(r)
	if err == nil {
		maps.DeleteFunc(answer.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-Amz-Checksum-") })
	}
	return answer, err
}

// TestSDKLogIsJSON checks that SDK messages are JSON lines in the function's log.
func TestSDKLogIsJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLambda(t, "archive")
		if _, err := l.invoke(t, `{"ssmbak":"reconcile"}`); err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		l.function = function.New(function.Options{
			Bucket: "archive", Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			AWS: testworld.Connection(unchecked{l.AWS.Client()}),
		})
		if _, err := l.invoke(t, `{"ssmbak":"reconcile"}`); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(logs.String(), "Response has no supported checksum") {
			t.Errorf("it is missing in\n%s", logs.String())
		}
		for line := range strings.Lines(logs.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	})
}
