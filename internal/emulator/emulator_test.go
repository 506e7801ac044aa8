package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, o awsconn.Options) *awsconn.Conn {
	t.Helper()
	o.Anonymous, o.Region, o.MaxAttempts = true, "us-east-1", 1
	if o.EndpointURL == "" {
		o.EndpointURL = "http://127.0.0.1"
	}
	conn, err := awsconn.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func put(ctx context.Context, conn *awsconn.Conn, name string) error {
	_, err := conn.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: types.ParameterTypeString})
	return err
}

func object(ctx context.Context, conn *awsconn.Conn, key string) error {
	_, err := conn.S3().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("v")})
	return err
}

// TestServices distinguishes the services on one address, in process and on a
// socket.
func TestServices(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{Account: "111122223333"})
	a.S3.CreateBucket("bucket", true)
	url, stop, err := a.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]*awsconn.Conn{
		"/in-process": connect(t, awsconn.Options{HTTPClient: a.Client()}),
		"/on-socket":  connect(t, awsconn.Options{EndpointURL: url, HTTPClient: http.DefaultClient}),
	} {
		if account, err := conn.Account(t.Context()); err != nil || account != "111122223333" {
			t.Errorf("%s: account %s, %v", name, account, err)
		}
		if err := errors.Join(put(t.Context(), conn, name), object(t.Context(), conn, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := map[string]int{"sts:GetCallerIdentity": 2, "ssm:PutParameter": 2, "s3:PutObject": 2}
	if diff := cmp.Diff(want, a.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if a.ResetCounts(); len(a.Counts()) != 0 || a.Queue.Depth() != 2 {
		t.Errorf("counts %v, %d events", a.Counts(), a.Queue.Depth())
	}
	http.DefaultClient.CloseIdleConnections()
	if err := errors.Join(stop(), stop()); err != nil {
		t.Error(err)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	url, stop, err := a.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = a.Listen(ctx, strings.TrimPrefix(url, "http://"))
	var taken *emulator.PortTakenError
	if !errors.As(err, &taken) || "http://"+taken.Address != url {
		t.Errorf("a taken port: %v, want a PortTakenError", err)
	}
	for _, open := range []string{"0.0.0.0:0", ":0", "192.168.0.1:0", "example.com:80", "nonsense"} {
		if _, _, err := a.Listen(ctx, open); err == nil {
			t.Errorf("it listens on %s", open)
		}
	}
	cancel()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestFaults injects every fault and checks the response and the effect.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  emulator.Fault
		effect bool
		code   string // of the service's error; "" for a cut connection
	}{
		{"throttled", emulator.Throttled, false, "ThrottlingException"},
		{"denied", emulator.DeniedBySSM, false, "AccessDeniedException"},
		{"cut before", emulator.Fault{LostBefore: true}, false, ""},
		{"cut after", emulator.Fault{LostAfter: true}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := emulator.New(emulator.Options{})
			conn := connect(t, awsconn.Options{HTTPClient: a.Client()})
			a.Faults.Add(emulator.Rule{Service: "ssm", Op: "PutParameter", Times: 1, Fault: test.fault})
			err := put(t.Context(), conn, "/a")
			var api smithy.APIError
			if test.code == "" && (err == nil || errors.As(err, &api)) || test.code != "" && (!errors.As(err, &api) || api.ErrorCode() != test.code) {
				t.Errorf("error %v, want %q", err, test.code)
			}
			if got := len(a.SSM.Truth("/a")) == 1; got != test.effect {
				t.Errorf("it took effect: %v, want %v", got, test.effect)
			}
			if err := put(t.Context(), conn, "/b"); err != nil {
				t.Errorf("the fault happened more often than asked for: %v", err)
			}
		})
	}
}

func TestFaultsOfS3(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{})
	a.S3.CreateBucket("bucket", true)
	asked := 0
	conn := connect(t, awsconn.Options{HTTPClient: a.ClientWith(func(service, op, key string) emulator.Fault {
		asked++
		if service == "s3" && op == "PutObject" && key == "/mine" {
			return emulator.Conflict
		}
		return emulator.Fault{}
	})})
	a.Faults.Add(emulator.Rule{KeyPrefix: "/slow", Fault: emulator.SlowDown})
	for key, want := range map[string]string{"/mine": "ConditionalRequestConflict", "/slow/x": "SlowDown", "/fine": ""} {
		err := object(t.Context(), conn, key)
		var api smithy.APIError
		if want == "" && err != nil || want != "" && (!errors.As(err, &api) || api.ErrorCode() != want) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
	a.Faults.Clear()
	if err := object(t.Context(), conn, "/slow/x"); err != nil || asked != 4 {
		t.Errorf("after clearing: %v, asked %d times", err, asked)
	}
}

// TestTime spends latency, delays and hangs in virtual time.
func TestTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := emulator.New(emulator.Options{Latency: func(service, _ string) time.Duration {
			return map[string]time.Duration{"ssm": 100 * time.Millisecond}[service]
		}})
		conn := connect(t, awsconn.Options{HTTPClient: a.Client()})
		begin := time.Now()
		if err := put(t.Context(), conn, "/a"); err != nil || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if at := a.SSM.Truth("/a")[0].Time; at.Sub(begin) != 50*time.Millisecond {
			t.Errorf("it took effect after %v, want half of the latency", at.Sub(begin))
		}
		a.Faults.Add(emulator.Rule{Times: 1, Fault: emulator.Fault{Hang: true}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin = time.Now()
		if err := put(ctx, conn, "/b"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Hour {
			t.Errorf("%v after %v, want to hang until the caller gives up", err, time.Since(begin))
		}
	})
}

// TestCutOnASocket ends the connection without an answer.
func TestCutOnASocket(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{})
	a.Faults.Add(emulator.Rule{Fault: emulator.Fault{LostBefore: true}})
	url, stop, err := a.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err == nil {
		body, _ := io.ReadAll(response.Body)
		t.Errorf("answered %s %s", response.Status, body)
		_ = response.Body.Close()
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	c := emulator.NewClock(start)
	c.Advance(time.Hour)
	c.Set(start) // never back
	if got := c.Now(); !got.Equal(start.Add(time.Hour)) {
		t.Errorf("it is %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("the machine's clock was moved")
		}
	}()
	emulator.RealClock().Advance(time.Hour)
}
