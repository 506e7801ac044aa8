package paramstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
)

// connection returns a connection to an emulated Parameter Store without credentials.
func connection(t *testing.T, o awsconn.Options) *awsconn.Conn {
	t.Helper()
	o.Anonymous, o.Region = true, "us-east-1"
	conn, err := awsconn.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// errorsOf is a client that answers with errors of Parameter Store: the n-th
// request, from 0, gets the code that it returns for n, "" being none.
type errorsOf struct {
	code func(n int) string

	mu   sync.Mutex
	sent []time.Time
}

func (e *errorsOf) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	code := e.code(len(e.sent))
	e.sent = append(e.sent, time.Now())
	e.mu.Unlock()
	status, body := http.StatusOK, `{"Version":1}`
	switch code {
	case "":
	case "InternalServerError":
		status, body = http.StatusInternalServerError, `{"__type":"`+code+`"}`
	default:
		status, body = http.StatusBadRequest, `{"__type":"`+code+`"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func write(ctx context.Context, client *ssm.Client) error {
	_, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/app/db"), Value: aws.String("v"), Type: types.ParameterTypeString})
	return err
}

func tag(ctx context.Context, client *ssm.Client) error {
	_, err := client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/app/db"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	return err
}

// TestWriterTries counts the attempts of one write for each kind of error.
func TestWriterTries(t *testing.T) {
	t.Parallel()
	const (
		slow   = "ThrottlingException"
		broken = "InternalServerError"
		denied = "AccessDeniedException"
	)
	tests := []struct {
		name  string
		code  func(n int) string
		tries int
		want  string // the error's code
	}{
		{"throttled 50 times", func(n int) string {
			if n < 50 {
				return slow
			}
			return ""
		}, 51, ""},
		{"broken for ever", func(int) string { return broken }, 10, broken},
		{"broken and throttled in turn", func(n int) string { return []string{slow, broken}[n%2] }, 20, broken},
		{"throttled 50 times, then broken nine times", func(n int) string {
			switch {
			case n < 50:
				return slow
			case n < 59:
				return broken
			}
			return ""
		}, 60, ""},
		{"denied", func(int) string { return denied }, 1, denied},
		{"throttled, then denied", func(n int) string {
			if n < 20 {
				return slow
			}
			return denied
		}, 21, denied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := &errorsOf{code: test.code}
				err := write(t.Context(), paramstore.Paced(connection(t, awsconn.Options{HTTPClient: client}).SSM(), 0))
				var api smithy.APIError
				got := ""
				if errors.As(err, &api) {
					got = api.ErrorCode()
				}
				if len(client.sent) != test.tries || got != test.want || (err == nil) != (test.want == "") {
					t.Errorf("%d tries, %v; want %d, %q", len(client.sent), err, test.tries, test.want)
				}
			})
		})
	}
}

// stale is AWS's message for a parameter that was deleted and recreated
// (awslabs/aws-orbit-workbench#1170).
const stale = "Failed to create the parameter since stale tags associated to the name detected"

// TestTooManyUpdates checks that a write that keeps failing is retried for ten
// minutes, reports the wait once, and then fails with AWS's message. Writes of other
// parameters are not affected.
func TestTooManyUpdates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sent := make(map[string]int)
		until := time.Now().Add(time.Hour)
		client := roundTripper(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			status, text := http.StatusOK, `{"Version":1}`
			for _, name := range []string{"/stale", "/hot", "/free"} {
				if strings.Contains(string(body), `"`+name+`"`) {
					sent[name]++
					switch {
					case name == "/stale" && time.Now().Before(until):
						status, text = http.StatusBadRequest, `{"__type":"TooManyUpdates","message":"`+stale+`"}`
					case name == "/hot" && sent[name] < 4:
						status, text = http.StatusBadRequest, `{"__type":"TooManyUpdates"}`
					}
				}
			}
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
		})
		var said []string
		writer := paramstore.PacedWaiting(connection(t, awsconn.Options{HTTPClient: client}).SSM(), 0, func(name, message string) { said = append(said, name+": "+message) })
		put := func(name string) error {
			_, err := writer.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: types.ParameterTypeString})
			return err
		}
		var g errgroup.Group
		g.Go(func() error { return put("/free") })
		g.Go(func() error { return put("/hot") })
		start := time.Now()
		err := put("/stale")
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "TooManyUpdates" || api.ErrorMessage() != stale {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("retried for %s, %d times", took, sent["/stale"])
		}
		if err := g.Wait(); err != nil || sent["/free"] != 1 || sent["/hot"] != 4 {
			t.Errorf("the others: %v, %v", err, sent)
		}
		// The other one may wait longer than two seconds, as the waits happen to be.
		said = slices.DeleteFunc(said, func(line string) bool { return line == "/hot: " })
		if !slices.Equal(said, []string{"/stale: " + stale}) {
			t.Errorf("said %q", said)
		}
		// The write that undoes it does not wait as long again.
		before := sent["/stale"]
		if err := put("/stale"); err == nil || sent["/stale"] != before+1 {
			t.Errorf("the next write: %v, tried %d times", err, sent["/stale"]-before)
		}
		time.Sleep(time.Hour)
		if err := put("/stale"); err != nil {
			t.Error(err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestWriterAndTheEnvironment checks that no setting of the SDK makes a write
// fail for throttling, and that the others count.
func TestWriterAndTheEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "local")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "local")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_MAX_ATTEMPTS", "3")
	for _, mode := range []string{"standard", "adaptive"} {
		for _, retries := range []string{"", "true"} {
			t.Setenv("AWS_RETRY_MODE", mode)
			t.Setenv("AWS_NEW_RETRIES_2026", retries)
			synctest.Test(t, func(t *testing.T) {
				client := &errorsOf{code: func(n int) string {
					if n < 50 {
						return "ThrottlingException"
					}
					return "InternalServerError"
				}}
				conn, err := awsconn.Load(t.Context(), awsconn.Options{Region: "us-east-1", HTTPClient: client})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if err = write(t.Context(), paramstore.Paced(conn.SSM(), 0)); err == nil || len(client.sent) != 53 {
					t.Errorf("%s, %q: %d tries, %v", mode, retries, len(client.sent), err)
				}
				// Two per second is the minimum: the pace counts every attempt.
				if took := client.sent[50].Sub(begin); took < 10*time.Second {
					t.Errorf("%s, %q: it was throttled 50 times in %v", mode, retries, took)
				}
			})
		}
	}
}

// TestWriterEndsWithItsContext ends it while some writes wait for their turn and
// others are tried again.
func TestWriterEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, maxRate := range []float64{0, 0.1} {
		synctest.Test(t, func(t *testing.T) {
			client := &errorsOf{code: func(int) string { return "ThrottlingException" }}
			writer := paramstore.Paced(connection(t, awsconn.Options{HTTPClient: client}).SSM(), maxRate)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begin := time.Now()
			var g errgroup.Group
			for range 32 {
				g.Go(func() error {
					if err := write(ctx, writer); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("rate %v: error %v, want that of the context", maxRate, err)
					}
					return nil
				})
			}
			_ = g.Wait()
			if took := time.Since(begin); took != time.Minute {
				t.Errorf("rate %v: it took %v, want a minute", maxRate, took)
			}
			if least := map[float64]int{0: 100, 0.1: 6}[maxRate]; len(client.sent) < least {
				t.Errorf("rate %v: %d tries, want %d", maxRate, len(client.sent), least)
			}
		})
	}
}

// TestMaxRate checks that no second has more requests than the limit, across
// operations and including retries, and that every call succeeds.
func TestMaxRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rate = 20
		client := &errorsOf{code: func(n int) string {
			if n%50 == 1 { // rare enough for the detected rate to stay above the limit
				return "ThrottlingException"
			}
			return ""
		}}
		writer := paramstore.Paced(connection(t, awsconn.Options{HTTPClient: client}).SSM(), rate)
		var g errgroup.Group
		g.SetLimit(32)
		for i := range 450 {
			g.Go(func() error {
				if i%2 == 0 {
					return tag(t.Context(), writer)
				}
				return write(t.Context(), writer)
			})
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if len(client.sent) <= 450 {
			t.Fatalf("%d requests", len(client.sent))
		}
		for i, at := range client.sent[rate:] {
			if since := at.Sub(client.sent[i]); since < time.Second {
				t.Fatalf("%d requests in %v", rate+1, since)
			}
		}
		took := client.sent[len(client.sent)-1].Sub(client.sent[0])
		if got := float64(len(client.sent)-1) / took.Seconds(); got < 0.95*rate {
			t.Errorf("%.1f requests per second, want %d", got, rate)
		}
	})
}

// account is an emulated one that serves so many PutParameter per second.
func account(t *testing.T, limit float64) (*emulator.AWS, *awsconn.Conn) {
	a := emulator.New(emulator.Options{
		Limits:  map[string]float64{"ssm:PutParameter": limit},
		Queue:   emulator.QueueOptions{Copies: func(string) int { return 0 }},
		Latency: func(string, string) time.Duration { return 30 * time.Millisecond },
	})
	return a, connection(t, awsconn.Options{Region: "us-east-1", EndpointURL: "http://127.0.0.1", HTTPClient: a.Client()})
}

// writes makes n parameters, 32 at once, and returns how long each took, sorted.
func writes(t *testing.T, n int, client *ssm.Client) []time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	var g errgroup.Group
	g.SetLimit(32)
	for i := range n {
		g.Go(func() error {
			begin := time.Now()
			_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(fmt.Sprint("/app/", i)), Value: aws.String("v"), Type: types.ParameterTypeString})
			took[i] = time.Since(begin)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	slices.Sort(took)
	return took
}

// TestWritesAreServedInOrder checks that all writes wait about equally long, 32
// divided by the rate.
func TestWritesAreServedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, conn := account(t, 3)
		took := writes(t, 200, paramstore.Paced(conn.SSM(), 0))
		if longest := took[len(took)-1]; longest > 30*time.Second {
			t.Errorf("the longest write took %v, half of them up to %v", longest, took[len(took)/2])
		}
	})
}

// TestWriterRecovers throttles everything for a while.
func TestWriterRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, conn := account(t, 10)
		begin := time.Now()
		time.AfterFunc(5*time.Second, func() { a.Faults.Add(emulator.Rule{Service: "ssm", Op: "PutParameter", Fault: emulator.Throttled}) })
		time.AfterFunc(65*time.Second, a.Faults.Clear)
		writes(t, 600, paramstore.Paced(conn.SSM(), 0))
		// One minute of throttling, plus the time to find the rate again.
		if took, best := time.Since(begin), 2*time.Minute; took < best-time.Second || took > best+15*time.Second {
			t.Errorf("it took %v, want little more than %v", took, best)
		}
		if asked := a.Counts()["ssm:PutParameter"]; asked > 900 {
			t.Errorf("%d requests for 600 writes", asked)
		}
	})
}

// TestOperationsHaveTheirOwnPace checks that a throttled operation does not slow
// another.
func TestOperationsHaveTheirOwnPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, conn := account(t, 3)
		writer := paramstore.Paced(conn.SSM(), 0)
		if err := write(t.Context(), writer); err != nil {
			t.Fatal(err)
		}
		var g errgroup.Group
		g.Go(func() error { writes(t, 60, writer); return nil })
		begin := time.Now()
		for range 100 {
			if err := tag(t.Context(), writer); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("100 tags took %v during throttled writes", took)
		}
		_ = g.Wait()
	})
}
