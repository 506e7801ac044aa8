package main_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/runtimeapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestMemory lets the recorder record parameters whose indexes unpack to as much memory as
// possible. It stays within the least memory that a function can have, and records the
// other parameters.
func TestMemory(t *testing.T) {
	t.Parallel()
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("it builds the function, and reads its memory from /proc")
	}
	const least = 128 << 20
	cloud := emulator.New(emulator.Options{Account: account, Region: region})
	cloud.S3.CreateBucket(bucket, true)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	function := runtimeapi.Start(t, []string{
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "SSMBAK_BUCKET=" + bucket,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	}, program.Build(t, "ssmbak-lambda"))
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true, Region: region, EndpointURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"/good"}
	for i, body := range testworld.HostileIndexes(t, "/bad", 60<<20) {
		name := fmt.Sprintf("/bad/%d", i)
		names = append(names, name)
		if err := cloud.S3.Put(bucket, ".ssmbak/index"+name, body); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range testworld.HostileIndexes(t, "/bad", 4<<20) { // these fit, one at a time
		name := fmt.Sprintf("/bad/small/%d", i)
		names = append(names, name)
		if err := cloud.S3.Put(bucket, ".ssmbak/index"+name, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := cloud.S3.Put(bucket, ".ssmbak/archive", []byte(fmt.Sprintf(`{"format":1,"account":%q,"region":%q,"created":"2024-06-13T20:00:00Z"}`, account, region))); err != nil {
		t.Fatal(err)
	}
	var batch []string
	for _, name := range names {
		if _, err := conn.SSM().PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: types.ParameterTypeString}); err != nil {
			t.Fatal(err)
		}
		log := cloud.SSM.Truth(name)
		batch = append(batch, event("Create", name, log[len(log)-1].Time))
	}
	answer := function.Invoke(t, runtimeapi.Batch(batch...))
	var said struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal([]byte(answer.Body), &said); err != nil || answer.Kind != "response" || len(said.BatchItemFailures) != len(names)-1 {
		t.Errorf("the function answered %s %s, want every message except that of /good returned\n%.3000s", answer.Kind, answer.Body, function.Logs())
	}
	if n := len(cloud.S3.Versions(bucket, "/good")); n != 1 {
		t.Errorf("/good has %d values, want 1", n)
	}
	most := program.PeakMemory(function.PID)
	t.Logf("%d MiB", most>>20)
	if most == 0 || most > least {
		t.Errorf("the function used %d MiB, want at most %d", most>>20, least>>20)
	}
}
