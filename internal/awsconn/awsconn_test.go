package awsconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// answers is a client that gives the same answer to every request.
type answers struct {
	status  int
	header  http.Header
	body    string
	err     error
	request *http.Request
	count   int
}

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	a.request = r
	a.count++
	if a.err != nil {
		return nil, a.err
	}
	header := a.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func load(t *testing.T, o awsconn.Options) *awsconn.Conn {
	t.Helper()
	o.Anonymous = true
	if o.Region == "" {
		o.Region = "eu-west-1"
	}
	conn, err := awsconn.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func getObject(t *testing.T, conn *awsconn.Conn) error {
	t.Helper()
	_, err := conn.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("/app/db")})
	return err
}

// TestLoopbackPutsTheBucketIntoThePath checks that keys with a leading slash
// reach a local endpoint unchanged.
func TestLoopbackPutsTheBucketIntoThePath(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, endpoint, want string }{
		{"address", "http://127.0.0.1:4566", "http://127.0.0.1:4566/bucket//app/db?x-id=GetObject"},
		{"IPv6", "http://[::1]:4566", "http://[::1]:4566/bucket//app/db?x-id=GetObject"},
		{"name", "http://localhost:1", "http://localhost:1/bucket//app/db?x-id=GetObject"},
		{"elsewhere", "https://s3.example.com", "https://bucket.s3.example.com//app/db?x-id=GetObject"},
		{"AWS", "", "https://bucket.s3.eu-west-1.amazonaws.com//app/db?x-id=GetObject"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := &answers{status: http.StatusOK}
			if err := getObject(t, load(t, awsconn.Options{EndpointURL: test.endpoint, HTTPClient: client})); err != nil {
				t.Fatal(err)
			}
			if got := client.request.URL.String(); got != test.want {
				t.Errorf("asked %s, want %s", got, test.want)
			}
		})
	}
}

func TestNoRegion(t *testing.T) {
	t.Parallel()
	_, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true})
	var none *awsconn.NoRegionError
	if !errors.As(err, &none) {
		t.Errorf("error %v, want a NoRegionError", err)
	}
}

// TestRetriesOutlastThrottling counts tries in virtual time.
func TestRetriesOutlastThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := &answers{status: http.StatusServiceUnavailable, body: "<Error><Code>SlowDown</Code></Error>"}
		begin := time.Now()
		err := getObject(t, load(t, awsconn.Options{HTTPClient: client}))
		if client.count != 10 {
			t.Errorf("%d tries, want 10", client.count)
		}
		if took := time.Since(begin); took < 5*time.Second || took > 4*time.Minute {
			t.Errorf("gave up after %v", took)
		}
		if message, _, ok := shell.ExplainAWS(err); !ok || !strings.Contains(message, "throttled") {
			t.Errorf("explained as %q", message)
		}
	})
}

// TestConnectionRefused checks that a wrong endpoint is reported without retries.
func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	client := &answers{err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	err := getObject(t, load(t, awsconn.Options{EndpointURL: "http://127.0.0.1:1", HTTPClient: client}))
	if message, _, ok := shell.ExplainAWS(err); client.count != 1 || !ok || !strings.Contains(message, "no connection") {
		t.Errorf("%d tries, explained as %q", client.count, message)
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	client := &answers{status: http.StatusOK, body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`}
	conn := load(t, awsconn.Options{HTTPClient: client})
	for range 3 {
		account, err := conn.Account(t.Context())
		if err != nil || account != "123456789012" {
			t.Fatalf("account %q, %v", account, err)
		}
	}
	if client.count != 1 {
		t.Errorf("asked %d times, want once", client.count)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	ssmCall := func(a *answers) error {
		conn := load(t, awsconn.Options{HTTPClient: a, MaxAttempts: 1})
		_, err := conn.SSM().GetParameterHistory(context.Background(), &ssm.GetParameterHistoryInput{Name: aws.String("/a")})
		return err
	}
	s3Call := func(a *answers) error {
		return getObject(t, load(t, awsconn.Options{HTTPClient: a, MaxAttempts: 1}))
	}
	tests := []struct {
		name          string
		err           error
		message, hint string
	}{
		{"no region", &awsconn.NoRegionError{}, "no region", "--region"},
		{"denied by S3", s3Call(&answers{status: 403, body: "<Error><Code>AccessDenied</Code></Error>"}), "S3 GetObject", "s3:GetObject and s3:GetObjectVersion"},
		{"denied by S3 with a reason", s3Call(&answers{status: 403, body: "<Error><Code>AccessDenied</Code><Message>User: me is not authorized to perform: s3:GetObject with an explicit deny in a resource control policy</Message></Error>"}), "refused the request: User: me is not authorized to perform: s3:GetObject with an explicit deny in a resource control policy", "change the policy that denies it"},
		{"read denied by the bucket's policy", s3Call(&answers{status: 403, body: "<Error><Code>AccessDenied</Code><Message>User: me is not authorized to perform: s3:GetObject with an explicit deny in a resource-based policy</Message></Error>"}), "S3 GetObject", "`ssmbak-stack NAME update --reader ARN`, with --reader ARN again for each existing reader"},
		{"denied by SSM", ssmCall(&answers{status: 400, body: `{"__type":"AccessDeniedException"}`}), "SSM GetParameterHistory", "ssm:GetParameterHistory"},
		{"expired", ssmCall(&answers{status: 400, body: `{"__type":"ExpiredTokenException"}`}), "expired", "aws sso login"},
		{"unknown credentials", ssmCall(&answers{status: 400, body: `{"__type":"UnrecognizedClientException"}`}), "does not recognize", "get-caller-identity"},
		{"other region", s3Call(&answers{status: 301, body: "<Error><Code>PermanentRedirect</Code></Error>"}), "another region", "--region"},
		{"connection refused", s3Call(&answers{err: &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}}), "no connection", "ssmbak local"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			message, hint, ok := shell.ExplainAWS(test.err)
			if !ok || !strings.Contains(message, test.message) || !strings.Contains(hint, test.hint) {
				t.Errorf("%v is explained as %q, hint %q", test.err, message, hint)
			}
		})
	}
	if _, _, ok := shell.ExplainAWS(errors.New("something else")); ok {
		t.Error("explained an error that is not from the SDK")
	}
}

// TestNoCredentials uses the configuration of an empty machine.
func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Account(t.Context())
	if message, hint, ok := shell.ExplainAWS(err); !ok || !strings.Contains(message, "no AWS credentials") || hint == "" {
		t.Errorf("%v is explained as %q, hint %q", err, message, hint)
	}
	if _, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", Profile: "absent"}); err == nil {
		t.Error("a profile that is not there was accepted")
	} else if message, _, ok := shell.ExplainAWS(err); !ok || !strings.Contains(message, `"absent"`) {
		t.Errorf("%v is explained as %q", err, message)
	}
}
