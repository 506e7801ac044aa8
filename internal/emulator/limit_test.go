package emulator_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// TestLimits asks for more than an operation serves, moment by moment.
func TestLimits(t *testing.T) {
	t.Parallel()
	type moment struct {
		after  time.Duration // since the one before
		asked  int
		served int
	}
	tests := []struct {
		name    string
		rate    float64
		moments []moment
	}{
		{"one second at once, then the rate", 3, []moment{{0, 10, 3}, {334 * time.Millisecond, 5, 1}, {333 * time.Millisecond, 5, 1}, {time.Second, 9, 3}}},
		{"no more than one second is saved", 3, []moment{{0, 1, 1}, {time.Hour, 10, 3}}},
		{"what is throttled takes nothing", 3, []moment{{0, 3, 3}, {300 * time.Millisecond, 50, 0}, {34 * time.Millisecond, 1, 1}}},
		{"less than one per second", 0.5, []moment{{0, 3, 1}, {time.Second, 3, 0}, {time.Second, 3, 1}, {time.Hour, 3, 1}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			clock := emulator.NewClock(start)
			a := emulator.New(emulator.Options{Clock: clock, Limits: map[string]float64{"ssm:PutParameter": test.rate}})
			conn := connect(t, awsconn.Options{HTTPClient: a.Client()})
			var want, got []int
			names := 0
			for _, m := range test.moments {
				clock.Advance(m.after)
				served := 0
				for range m.asked {
					names++
					err := put(t.Context(), conn, fmt.Sprint("/app/", names))
					var api smithy.APIError
					switch {
					case err == nil:
						served++
					case !errors.As(err, &api) || api.ErrorCode() != "ThrottlingException" || api.ErrorMessage() != "Rate exceeded":
						t.Errorf("throttled with %v", err)
					}
				}
				want, got = append(want, m.served), append(got, served)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("served (-want +got):\n%s", diff)
			}
			total := 0
			for _, n := range got {
				total += n
			}
			if there := len(a.SSM.Names()); there != total || a.Queue.Depth() != total {
				t.Errorf("%d parameters and %d events, want %d", there, a.Queue.Depth(), total)
			}
		})
	}
}

// TestLimitsAreApart checks that an operation meets its own limit only, and in
// the words of its service.
func TestLimitsAreApart(t *testing.T) {
	t.Parallel()
	a := emulator.New(emulator.Options{Clock: emulator.NewClock(start), Limits: map[string]float64{"ssm:PutParameter": 1, "s3:PutObject": 1, "sts:GetCallerIdentity": 1}})
	a.S3.CreateBucket("bucket", true)
	conn := connect(t, awsconn.Options{HTTPClient: a.Client()})
	var got []string
	for i := range 2 {
		got = append(got, code(put(t.Context(), conn, fmt.Sprint("/app/", i))), code(object(t.Context(), conn, fmt.Sprint(i))))
		_, err := conn.STS().GetCallerIdentity(t.Context(), nil)
		got = append(got, code(err))
	}
	if diff := cmp.Diff([]string{"", "", "", "ThrottlingException", "SlowDown", "Throttling"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if len(a.SSM.Names()) != 1 {
		t.Errorf("parameters %v", a.SSM.Names())
	}
}

// TestSharedLimits spends one limit by all operations that share it, and has
// every operation of Parameter Store throttled in the same words.
func TestSharedLimits(t *testing.T) {
	t.Parallel()
	limits := emulator.StandardThroughput()
	for _, op := range []string{"GetParameterHistory", "ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource", "LabelParameterVersion", "UnlabelParameterVersion"} {
		limits["ssm:"+op] = 1
	}
	clock := emulator.NewClock(start)
	a := emulator.New(emulator.Options{Clock: clock, Limits: limits})
	client := connect(t, awsconn.Options{HTTPClient: a.Client()}).SSM()
	ctx, name := t.Context(), aws.String("/a")
	if _, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: name, Value: name, Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	tag := types.Tag{Key: aws.String("k"), Value: name}
	calls := []struct {
		name string
		rate int // until it is throttled
		do   func() error
	}{
		{"PutParameter", 2, func() error { // one was made
			_, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: name, Value: name, Overwrite: aws.Bool(true)})
			return err
		}},
		{"DescribeParameters", 3, func() error { _, err := client.DescribeParameters(ctx, nil); return err }},
		{"GetParameter", 40, func() error {
			_, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: name})
			return err
		}},
		{"GetParameters", 0, func() error {
			_, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/a"}})
			return err
		}},
		{"GetParametersByPath", 0, func() error {
			_, err := client.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/")})
			return err
		}},
		{"GetParameterHistory", 1, func() error {
			_, err := client.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: name})
			return err
		}},
		{"ListTagsForResource", 1, func() error {
			_, err := client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name})
			return err
		}},
		{"AddTagsToResource", 1, func() error {
			_, err := client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, Tags: []types.Tag{tag}})
			return err
		}},
		{"RemoveTagsFromResource", 1, func() error {
			_, err := client.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, TagKeys: []string{"k"}})
			return err
		}},
		{"LabelParameterVersion", 1, func() error {
			_, err := client.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, Labels: []string{"x"}})
			return err
		}},
		{"UnlabelParameterVersion", 1, func() error {
			_, err := client.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"x"}})
			return err
		}},
		{"DeleteParameters", 5, func() error {
			_, err := client.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/a"}})
			return err
		}},
		{"DeleteParameter", 0, func() error {
			_, err := client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name})
			return err
		}},
	}
	for _, call := range calls {
		served := 0
		for served < 100 {
			err := call.do()
			if err != nil {
				var response *awshttp.ResponseError
				var api smithy.APIError
				if !errors.As(err, &response) || !errors.As(err, &api) || response.HTTPStatusCode() != 400 || api.ErrorCode() != "ThrottlingException" || api.ErrorMessage() != "Rate exceeded" {
					t.Errorf("%s: %v", call.name, err)
				}
				break
			}
			served++
		}
		if served != call.rate {
			t.Errorf("%s was served %d times, want %d", call.name, served, call.rate)
		}
	}
}

// TestWrongLimits checks that a limit without effect is rejected.
func TestWrongLimits(t *testing.T) {
	t.Parallel()
	for _, limits := range []map[string]float64{{"PutParameter": 1}, {"ssm:": 1}, {"ssm:PutParameter,": 1}, {"ssm:PutParameter": 0}, {"ssm:PutParameter": 1, "ssm:GetParameter,PutParameter": 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was taken", limits)
				}
			}()
			emulator.New(emulator.Options{Limits: limits})
		}()
	}
}

// code is the service's error code, "" if it did what it was asked.
func code(err error) string {
	var api smithy.APIError
	if err == nil {
		return ""
	}
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return err.Error()
}
