package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/runtimeapi"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	bucket  = "ssmbak-archive"
)

var events atomic.Int64

// event returns the event of a change at a time.
func event(operation, name string, at time.Time) string {
	id := events.Add(1)
	return fmt.Sprintf(`{"version":"0","id":"00000000-0000-4000-8000-%012d","detail-type":"Parameter Store Change","source":"aws.ssm","account":%q,"time":%q,"region":%q,"resources":["arn:aws:ssm:%s:%s:parameter/%s"],"detail":{"operation":%q,"name":%q,"type":"String"}}`,
		id, account, at.UTC().Format(time.RFC3339), region, region, account, strings.TrimPrefix(name, "/"), operation, name)
}

// TestRecordsOnMoto runs the function like Lambda, with moto, and reads the archive with
// ssmbak.
func TestRecordsOnMoto(t *testing.T) {
	t.Parallel()
	endpoint := moto.Start(t)
	ctx := t.Context()
	dir := t.TempDir()
	conn, err := awsconn.Load(ctx, awsconn.Options{Anonymous: true, Region: region, EndpointURL: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	bucketOf(ctx, t, conn.S3())
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "SSMBAK_BUCKET=" + bucket,
	}
	function := runtimeapi.Start(t, env, program.Build(t, "ssmbak-lambda"))
	t.Cleanup(func() {
		for _, secret := range []string{"hunter2", "leading", "été"} {
			if strings.Contains(function.Logs(), secret) {
				t.Errorf("the function's log contains a value: %s", function.Logs())
			}
		}
	})
	command := program.Build(t, "ssmbak")
	client := conn.SSM()
	put := func(name, value string, kind types.ParameterType) time.Time {
		t.Helper()
		_, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)})
		if err != nil {
			t.Fatalf("put %s: %v", name, err)
		}
		// The event has the second of the version, not that of the response.
		now, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if err != nil {
			t.Fatalf("get %s: %v", name, err)
		}
		return *now.Parameter.LastModifiedDate
	}
	record := func(events ...string) {
		t.Helper()
		a := function.Invoke(t, runtimeapi.Batch(events...))
		if want := `{"batchItemFailures":[]}`; a.Kind != "response" || a.Body != want {
			t.Fatalf("the function answered %s %s, want %s\n%s", a.Kind, a.Body, want, function.Logs())
		}
	}
	// show returns every value at a time, according to ssmbak preview.
	show := func(at time.Time) map[string]string {
		t.Helper()
		cmd := exec.CommandContext(ctx, command, "preview", "/", at.UTC().Format("2006-01-02T15:04:05.000Z"), "-R", "-o", "json", "--with-decryption")
		cmd.Env = env
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("preview: %v\n%s", err, &stderr)
		}
		var rows []struct{ Name, Value string }
		if err := json.Unmarshal(out, &rows); err != nil {
			t.Fatalf("preview printed no JSON: %v\n%s", err, out)
		}
		values := make(map[string]string)
		for _, r := range rows {
			values[r.Name] = r.Value
		}
		return values
	}
	pause := func() time.Time { // moments between changes
		time.Sleep(20 * time.Millisecond)
		defer time.Sleep(20 * time.Millisecond)
		return time.Now()
	}

	at := put("/app/text", "  leading and trailing \n", types.ParameterTypeString)
	record(event("Create", "/app/text", at))
	at = put("/app/secret", "hunter2 été", types.ParameterTypeSecureString)
	record(event("Create", "/app/secret", at))
	at = put("top", "été ✓\t", types.ParameterTypeString)
	record(event("Create", "top", at))
	created := pause()

	var updates []string
	var between []time.Time
	for i := range 3 {
		at := put("/app/text", fmt.Sprintf(" update %d ", i), types.ParameterTypeString)
		updates = append(updates, event("Update", "/app/text", at))
		between = append(between, pause())
	}
	record(updates...)

	// A deletion in the same second as a creation would stay unsettled until a later
	// observation shows their order.
	time.Sleep(1100 * time.Millisecond)
	if _, err := client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/app/secret")}); err != nil {
		t.Fatal(err)
	}
	deletion := event("Delete", "/app/secret", time.Now())
	time.Sleep(1100 * time.Millisecond) // out of the deletion's second
	record(deletion)

	base := map[string]string{"/app/text": "  leading and trailing \n", "/app/secret": "hunter2 été", "/top": "été ✓\t"}
	moments := []struct {
		name string
		at   time.Time
		want map[string]string
	}{
		{"created", created, base},
		{"first update", between[0], with(base, "/app/text", " update 0 ")},
		{"second update", between[1], with(base, "/app/text", " update 1 ")},
		{"third update", between[2], with(base, "/app/text", " update 2 ")},
		{"deleted", time.Now(), without(with(base, "/app/text", " update 2 "), "/app/secret")},
	}
	for _, m := range moments {
		if diff := cmp.Diff(m.want, show(m.at)); diff != "" {
			t.Errorf("%s, %v (-want +got):\n%s", m.name, m.at, diff)
		}
	}

	if a := function.Invoke(t, `{"ssmbak":"reconcile"}`); a.Kind != "response" || !strings.Contains(a.Body, `"Complete":true`) {
		t.Errorf("reconcile answered %s %s\n%s", a.Kind, a.Body, function.Logs())
	}
	at = put("/app/text", "the last one", types.ParameterTypeString)
	if a := function.Invoke(t, event("Update", "/app/text", at)); a.Kind != "response" {
		t.Errorf("a bare event was answered by %s %s", a.Kind, a.Body)
	}
	if a := function.Invoke(t, runtimeapi.Batch("not an event")); a.Body != `{"batchItemFailures":[{"itemIdentifier":"message-0"}]}` {
		t.Errorf("a message that is no event was answered by %s %s", a.Kind, a.Body)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", function.PID)); err == nil { // Linux only
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM") {
				t.Logf("the function was at most this resident: %s", strings.TrimSpace(line))
			}
		}
	}
	if a := function.Invoke(t, `{"ssmbak":"dance"}`); a.Kind != "error" {
		t.Errorf("an unknown command was answered by %s %s", a.Kind, a.Body)
	}
}

func bucketOf(ctx context.Context, t *testing.T, client *s3.Client) {
	t.Helper()
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: aws.String(bucket), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
}

func with(base map[string]string, name, value string) map[string]string {
	m := without(base, name)
	m[name] = value
	return m
}

func without(base map[string]string, name string) map[string]string {
	m := make(map[string]string)
	for k, v := range base {
		if k != name {
			m[k] = v
		}
	}
	return m
}
