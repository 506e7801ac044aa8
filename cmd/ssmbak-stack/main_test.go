package main_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/testkit/runtimeapi"
)

const region = moto.Region

// release compiles the command like `make dist`, with the functions' zip embedded, and
// returns its path and the key of the zip in a bucket.
func release(t *testing.T, architecture, version string) (command, key string) {
	t.Helper()
	z, err := code.Build(t.Context(), architecture, version, ".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, architecture+".zip")
	if err := os.WriteFile(path, z.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	carried, err := filepath.Abs(filepath.Join("..", "..", "internal", "stack", "code", "zips", architecture+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {carried: path}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	command = program.Build(t, "ssmbak-stack", "-overlay", list, "-ldflags", "-X github.com/ssmbak/ssmbak/internal/version.stamped="+version)
	return command, ".ssmbak/lambda/" + z.SHA256 + ".zip"
}

// shell runs commands in one environment.
type shell struct {
	t   *testing.T
	env []string
}

func (s shell) run(command string, args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), command, args...)
	cmd.Env = s.env
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	_ = cmd.Run() // the code says it
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

func (s shell) ok(command string, args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(command, args...)
	if code != 0 {
		s.t.Fatalf("%s %v: exit %d\n%s%s", filepath.Base(command), args, code, stdout, stderr)
	}
	return stdout
}

// TestLife creates a stack with the zip that the command builds, invokes the zip's
// function, and shows the archive with ssmbak. Then it updates the stack with a
// released command, shows and deletes it.
func TestLife(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds five programs")
	}
	endpoint := moto.StartForStacks(t)
	dir := t.TempDir()
	command, ssmbak := program.Build(t, "ssmbak-stack"), program.Build(t, "ssmbak")
	s := shell{t, append(os.Environ(),
		"AWS_ENDPOINT_URL="+endpoint, "AWS_REGION="+region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")}
	architecture := map[string]string{"arm64": "arm64"}[runtime.GOARCH]
	if architecture == "" {
		architecture = "x86_64"
	}

	if _, stderr, code := s.run(command, "ssmbak", "status"); code != 1 || !strings.Contains(stderr, "the stack ssmbak does not exist in us-east-1") {
		t.Errorf("status of a missing stack: exit %d, %s", code, stderr)
	}
	out := s.ok(command, "ssmbak", "create", "--no-fill", "--architecture", architecture)
	for _, want := range []string{
		`(?m)^\d\d/\d\d/\d\d \d\d:\d\d:\d\d   CREATE_IN_PROGRESS  ssmbak  AWS::CloudFormation::Stack  User Initiated$`,
		`(?m)^Lambda: ssmbak-recorder$`, `(?m)^Bucket: ssmbak-bucket-[a-z0-9]+$`, `(?m)^Cloudwatch log group: /aws/lambda/ssmbak-recorder$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("create printed no %s:\n%s", want, out)
		}
	}
	if _, stderr, code := s.run(command, "ssmbak", "create", "--no-fill"); code != 1 || !strings.Contains(stderr, "the stack ssmbak already exists") {
		t.Errorf("second create: exit %d, %s", code, stderr)
	}
	bucket := strings.TrimSpace(s.ok(command, "--region", region, "ssmbak", "bucketname"))
	if got := s.ok(command, "ssmbak", "lambdaname"); got != "ssmbak-recorder\n" {
		t.Errorf("lambdaname printed %q", got)
	}

	conn, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true, Region: region, EndpointURL: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	start(t, conn, bucket, dir, s.env)
	for stack, env := range map[string][]string{"the pointer": nil, "SSMBAK_STACKNAME": {"SSMBAK_STACKNAME=ssmbak"}} {
		with := shell{t, append(s.env, env...)}
		if got := with.ok(ssmbak, "preview", "/app", "now", "-R"); !strings.Contains(got, "/app/db") || !strings.Contains(got, "one") {
			t.Errorf("preview by %s printed\n%s", stack, got)
		}
	}

	if got := s.ok(command, "ssmbak", "update", "--memory", "512", "--change-set"); strings.Contains(got, "nothing to update") || strings.Contains(got, "IN_PROGRESS") {
		t.Errorf("the change set was shown as\n%s", got) // moto lists no resources in it
	}
	if got := s.ok(command, "ssmbak", "update", "--memory", "512"); !strings.Contains(got, "UPDATE_COMPLETE") {
		t.Errorf("update printed\n%s", got)
	}
	s.ok(command, "ssmbak", "update") // moto updates even without differences
	released, key := release(t, architecture, "v1.2.3")
	bare := shell{t, append(s.env, "PATH="+t.TempDir())} // without the Go command
	if got := bare.ok(released, "--version"); !strings.Contains(got, "v1.2.3") {
		t.Errorf("the released command is of version %s", got)
	}
	bare.ok(released, "ssmbak", "update")
	if _, err := conn.S3().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Errorf("the zip embedded in a released command was not uploaded: %v", err)
	}
	// moto shows no state of a key, so that something is unseen.
	if got, _, code := bare.run(released, "ssmbak", "status"); code != 1 || !strings.Contains(got, "v1.2.3") || strings.Count(got, "unseen") != 1 {
		t.Errorf("status by the released command: exit %d\n%s", code, got)
	}
	if got, _, code := s.run(command, "ssmbak", "status"); code != 1 || !strings.HasPrefix(got, "UPDATE_COMPLETE\n") || !strings.Contains(got, "bucket "+bucket) {
		t.Errorf("status: exit %d\n%s", code, got)
	}

	if _, stderr, code := s.run(command, "ssmbak", "delete"); code != 1 || !strings.Contains(stderr, "--yes") {
		t.Errorf("delete without --yes: exit %d, %s", code, stderr)
	}
	out = s.ok(command, "ssmbak", "delete", "--yes")
	if !strings.Contains(out, "Bucket: "+bucket) {
		t.Errorf("delete printed\n%s", out)
	}
	if got := s.ok(ssmbak, "preview", "/app", "now", "-R", "--bucket", bucket); !strings.Contains(got, "/app/db") {
		t.Errorf("show of the retained resources:\n%s", got)
	}
}

// start runs the function from the zip in the bucket and lets it record a parameter by
// its event.
func start(t *testing.T, conn *awsconn.Conn, bucket, dir string, env []string) {
	t.Helper()
	ctx := t.Context()
	client := conn.S3()
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String(".ssmbak/lambda/")})
	if err != nil || len(list.Contents) != 2 {
		t.Fatalf("the bucket holds %d objects, want a zip and a template: %v", len(list.Contents), err)
	}
	i := slices.IndexFunc(list.Contents, func(o s3types.Object) bool { return strings.HasSuffix(*o.Key, ".zip") })
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: list.Contents[i].Key})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(object.Body)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	in, err := archive.Open("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("the function is a program for Linux")
	}
	function := runtimeapi.Start(t, append(env, "SSMBAK_BUCKET="+bucket), path)
	name := "/app/db"
	if _, err := conn.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: aws.String("one"), Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	at := written(ctx, t, conn, name)
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": "00000000-0000-4000-8000-000000000001", "detail-type": "Parameter Store Change", "source": "aws.ssm",
		"account": "123456789012", "time": at.UTC().Format(time.RFC3339), "region": region,
		"resources": []string{"arn:aws:ssm:us-east-1:123456789012:parameter/app/db"}, "detail": map[string]string{"operation": "Create", "name": name, "type": "String"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := function.Invoke(t, runtimeapi.Batch(string(event))); got.Body != `{"batchItemFailures":[]}` {
		t.Fatalf("the function answered %s\n%s", got, function.Logs())
	}
}

func written(ctx context.Context, t *testing.T, conn *awsconn.Conn, name string) time.Time {
	t.Helper()
	out, err := conn.SSM().GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Parameter.LastModifiedDate
}
