package paramstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/paramstore"
)

// TestBeforeSending counts the checks of one write for each kind of answer.
func TestBeforeSending(t *testing.T) {
	t.Parallel()
	const slow, broken = "ThrottlingException", "InternalServerError"
	moved := errors.New("it moved")
	for _, test := range []struct {
		name           string
		answers        []string
		failAt         int // the check that fails, from 1
		checks, writes int
		fails          bool
	}{
		{"served", []string{""}, 0, 1, 1, false},
		{"it moved", []string{""}, 1, 1, 0, true},
		{"it moved while the write was throttled", []string{slow, slow, ""}, 3, 3, 2, true},
		{"throttled", []string{slow, slow, ""}, 0, 3, 3, false},
		// The effect of a write whose response was lost would look like a change.
		{"the answer is lost", []string{broken, slow, broken, ""}, 2, 1, 4, false},
		{"throttled, then the answer is lost", []string{slow, broken, ""}, 3, 2, 3, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := &errorsOf{code: func(n int) string { return test.answers[n] }}
			s := paramstore.New(connection(t, awsconn.Options{HTTPClient: client}).SSM(), paramstore.Options{})
			checks := 0
			ctx := paramstore.BeforeSending(t.Context(), func(context.Context) error {
				if checks++; checks == test.failAt {
					return moved
				}
				return nil
			})
			_, err := s.Put(ctx, paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
			var unsent *paramstore.NotSentError
			if (err != nil) != test.fails || test.fails && (!errors.Is(err, moved) || !errors.As(err, &unsent)) || checks != test.checks || len(client.sent) != test.writes {
				t.Errorf("%s: %d checks, %d requests, %v", test.name, checks, len(client.sent), err)
			}
		})
	}
}

// TestCheckComesAfterTheWait checks that the check runs when a write's turn has
// come, not when it begins to wait, and that requests of the check are not checked.
func TestCheckComesAfterTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, conn := account(t, 3)
		s := paramstore.New(conn.SSM(), paramstore.Options{})
		var g errgroup.Group
		for range 32 {
			g.Go(func() error {
				var checked time.Time
				ctx := paramstore.BeforeSending(t.Context(), func(ctx context.Context) error {
					checked = time.Now()
					_, err := s.DescribeOne(ctx, "/none")
					if !errors.Is(err, paramstore.ErrNotFound) {
						t.Errorf("error %v", err)
					}
					return nil
				})
				_, err := s.Put(ctx, paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue("v"), Overwrite: true, Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
				if since := time.Since(checked); since > time.Second {
					t.Errorf("the write ended %s after its check", since)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if n := a.Counts()["ssm:DescribeParameters"]; n != a.Counts()["ssm:PutParameter"] {
			t.Errorf("%v", a.Counts())
		}
	})
}

// TestLibraryIsPaced checks that a default SDK client, which gives up after
// three tries and a budget of retries, fails no call for throttling.
func TestLibraryIsPaced(t *testing.T) {
	t.Parallel()
	for _, mode := range []aws.RetryMode{"", aws.RetryModeStandard, aws.RetryModeAdaptive} {
		synctest.Test(t, func(t *testing.T) {
			throttles := 0
			client := &errorsOf{code: func(n int) string {
				if n%3 != 2 && throttles < 400 {
					throttles++
					return "ThrottlingException"
				}
				return ""
			}}
			s := paramstore.New(ssm.New(ssm.Options{
				Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1"), HTTPClient: client, Credentials: aws.AnonymousCredentials{}, RetryMode: mode,
			}), paramstore.Options{})
			var g errgroup.Group
			g.SetLimit(8)
			for range 100 {
				g.Go(func() error {
					_, err := s.Put(t.Context(), paramstore.Write{Name: "/app/db", Value: ssmbak.NewValue("v"), Attributes: ssmbak.Attributes{Type: ssmbak.TypeString}})
					return err
				})
				g.Go(func() error {
					_, err := s.DescribeNamed(t.Context(), []ssmbak.Name{"/app/db"})
					return err
				})
			}
			if err := g.Wait(); err != nil {
				t.Errorf("mode %q: %v", mode, err)
			}
		})
	}
}

// TestNameFilter checks that each name is sent in one form, 50 per request,
// and that those of one level are found.
func TestNameFilter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, conn := account(t, 1000)
		s := paramstore.New(conn.SSM(), paramstore.Options{})
		var all []ssmbak.Name
		for _, prefix := range []string{"/top-", "/app/"} {
			for i := range 26 {
				name := ssmbak.Name(prefix + string(rune('a'+i)))
				all = append(all, name)
				if i%2 == 0 {
					put(t, s, paramstore.Write{Name: name, Value: ssmbak.NewValue("v")})
				}
			}
		}
		a.ResetCounts()
		found, err := s.DescribeNamed(t.Context(), all)
		if err != nil || len(found) != 26 || found["/top-a"].Name != "/top-a" {
			t.Errorf("found %d, %v", len(found), err)
		}
		if n := a.Counts()["ssm:DescribeParameters"]; n != 2 {
			t.Errorf("%d requests for %d names, want 2", n, len(all))
		}
	})
}
