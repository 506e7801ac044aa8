package ssmbakcli_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestCompletionAsksOnce counts the requests and the time of each completion, with an
// emulator that answers, fails, or never answers.
func TestCompletionAsksOnce(t *testing.T) {
	t.Parallel()
	const nothing = ":4\n"
	once := map[string]int{"s3:ListObjectsV2": 1}
	for name, tt := range map[string]struct {
		variable, value string
		fault           emulator.Fault
		stdout          string
		requests        map[string]int
	}{
		"answers":          {"SSMBAK_BUCKET", bucket, emulator.Fault{}, "/app/db\n:4\n", once},
		"is denied":        {"SSMBAK_BUCKET", bucket, emulator.Denied, nothing, once},
		"is slowed down":   {"SSMBAK_BUCKET", bucket, emulator.SlowDown, nothing, once},
		"loses the answer": {"SSMBAK_BUCKET", bucket, emulator.Fault{LostAfter: true}, nothing, once},
		"never answers":    {"SSMBAK_BUCKET", bucket, emulator.Fault{Hang: true}, nothing, once},
		"has a stack":      {"SSMBAK_STACKNAME", "ssmbak", emulator.Fault{}, nothing, nil},
		"has a parameter":  {"", "", emulator.Fault{}, nothing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := testworld.New(t, testworld.Options{Bucket: bucket})
				for name, value := range map[string]string{"/app/db": "x", "/newvoll/ssmbak/bucketname": bucket} {
					_, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString})
					w.Must(err)
				}
				time.Sleep(2 * time.Second) // events take their time
				w.Drain()
				w.AWS.Faults.Add(emulator.Rule{Service: "s3", Fault: tt.fault})
				w.AWS.ResetCounts()
				connection := testworld.Connection(w.AWS.Client())
				connection.Backoff = func(int) time.Duration { return time.Millisecond }
				began := time.Now()
				code, stdout, _ := run(t, ssmbakcli.Env{Env: shell.Env{
					Args: []string{"__completeNoDesc", "restore", "/app/"}, AWS: connection,
					Getenv: func(name string) string {
						if name == tt.variable {
							return tt.value
						}
						return ""
					},
				}})
				if took := time.Since(began); code != 0 || stdout != tt.stdout || took > 500*time.Millisecond {
					t.Errorf("exit code %d, %q after %s, want %q", code, stdout, took, tt.stdout)
				}
				if got := w.AWS.Counts(); !maps.Equal(got, tt.requests) {
					t.Errorf("requests %v, want %v", got, tt.requests)
				}
			})
		})
	}
}
