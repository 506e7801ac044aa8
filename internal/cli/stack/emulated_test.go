package stackcli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	stackcli "github.com/ssmbak/ssmbak/internal/cli/stack"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// local returns the AWS of `ssmbak local`.
func local() *emulator.AWS {
	aws := emulator.New(emulator.Options{Stack: emulator.StackOptions{Bucket: "ssmbak-local"}})
	aws.S3.CreateBucket("ssmbak-local", true)
	return aws
}

// runner returns what runs a command on the stack ssmbak, and demands an exit code and texts.
func runner(t *testing.T, client aws.HTTPClient, w *world) func(code int, want []string, args ...string) {
	return func(code int, want []string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		env := shell.Env{
			Args: append([]string{"ssmbak"}, args...), Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
			AWS: testworld.Connection(client), Terminal: func(any) bool { return false },
		}
		if got := stackcli.Main(t.Context(), stackcli.Env{Version: "v1.2.3", FindCode: w.find, Env: env}); got != code {
			t.Fatalf("ssmbak-stack %q: exit %d\n%s%s", args, got, &stdout, &stderr)
		}
		for _, text := range want {
			if !strings.Contains(stdout.String()+stderr.String(), text) {
				t.Fatalf("ssmbak-stack %q does not print %q:\n%s%s", args, text, &stdout, &stderr)
			}
		}
	}
}

// replaced is a client of an AWS whose functions run other code than was deployed.
type replaced struct{ aws.HTTPClient }

func (c replaced) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/configuration") {
		return c.HTTPClient.Do(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"CodeSha256":"AAAA"}`)), Request: r}, nil
}

// TestEmulatedStack runs the commands on the stack of the emulator, as `ssmbak local`
// serves it: the template is evaluated, and the recorder records.
func TestEmulatedStack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		aws := local()
		conn, err := awsconn.Load(t.Context(), testworld.Connection(aws.Client()))
		if err != nil {
			t.Fatal(err)
		}
		archived, err := archive.Open(t.Context(), conn.S3(), archive.Options{Bucket: "ssmbak-local", Account: testworld.Account, Region: testworld.Region})
		if err == nil {
			err = archived.Establish(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		r := recorder.New(archived, paramstore.New(conn.SSM(), paramstore.Options{}), recorder.Options{Account: testworld.Account, Region: testworld.Region})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		running.Go(func() { aws.Queue.Run(ctx, testworld.Handler(r)) })
		w := &world{}
		run := runner(t, aws.Client(), w)
		run(1, []string{"the stack ssmbak does not exist"}, "status")
		run(0, []string{"CREATE_COMPLETE  Function  AWS::Lambda::Function", "Bucket: ssmbak-local", "recreate", "restored, and equal"}, "create", "--no-fill", "--test")
		run(1, []string{"the stack ssmbak already exists"}, "create")
		run(0, []string{"ssmbak-recorder\n"}, "lambdaname")
		run(0, []string{"ssmbak-local\n"}, "bucketname")
		run(0, []string{"UPDATE_COMPLETE\n", "bucket ssmbak-local", "dead letters   none"}, "status")
		run(0, []string{"nothing to update"}, "update")
		run(0, []string{"~  Function", "would add 0, change 1"}, "update", "--memory", "512", "--change-set")
		run(0, []string{"UPDATE_COMPLETE  Function"}, "update", "--memory", "512")
		run(0, []string{"https://sqs.us-east-1.amazonaws.com/123456789012/ssmbak-Q-"}, "resources", "-o", "json")
		run(0, []string{"DELETE_SKIPPED  Bucket", "DELETE_COMPLETE  BucketParam"}, "delete", "--yes")
		run(1, []string{"the stack ssmbak does not exist"}, "lambdaname")
		run(0, []string{"bucket ssmbak-local has no public access block, no policy that requires TLS", "Bucket: ssmbak-local"}, "create", "--no-fill", "--bucket", "ssmbak-local")
		run(0, nil, "delete", "--yes")
		onePhase(t, aws, w, run)
		if counts := aws.Counts(); counts["cloudformation:CreateStack"] != 3 || counts["lambda:GetFunctionConfiguration"]+counts["lambda:GetFunction"] < 2 || !slices.Contains(aws.S3.Keys("ssmbak-local"), "/newvoll/ssmbak/bucketname") {
			t.Errorf("requests: %v", counts)
		}
	})
}

// onePhase publishes the code in a bucket and creates a stack from it in one step.
func onePhase(t *testing.T, aws *emulator.AWS, w *world, run func(code int, want []string, args ...string)) {
	t.Helper()
	aws.S3.CreateBucket("artifacts", true)
	aws.S3.CreateBucket("unversioned", false)
	run(252, []string{"--code-bucket is missing"}, "publish")
	run(1, []string{"bucket unversioned is not versioned"}, "publish", "--code-bucket", "unversioned")
	run(1, []string{"error: bucket nowhere does not exist"}, "publish", "--code-bucket", "nowhere")
	run(0, []string{"--architecture arm64 --code-bucket artifacts", "--architecture x86_64", "Template: https://artifacts.s3.us-east-1.amazonaws.com/ssmbak/"}, "publish", "--code-bucket", "artifacts")
	before := len(aws.S3.Keys("artifacts"))
	run(0, []string{"Template: "}, "publish", "--code-bucket", "artifacts")
	zip, err := w.find(t.Context(), "arm64", "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	key := "ssmbak/" + zip.SHA256 + ".zip"
	stored := aws.S3.Versions("artifacts", key)
	if len(stored) != 1 || len(aws.S3.Keys("artifacts")) != before || before != 3 {
		t.Fatalf("published as %v", stored)
	}
	from := func(args ...string) []string {
		return append(args, "--code-bucket", "artifacts", "--code-key", key, "--code-version", stored[0].VersionID)
	}
	run(252, []string{"--code-key is required with --code-bucket"}, "create", "--code-bucket", "artifacts")
	run(252, []string{"--code-version is required with --code-bucket"}, "create", "--code-bucket", "artifacts", "--code-key", key)
	run(252, []string{"--code-bucket is required"}, "create", "--code-key", key)
	run(1, []string{"does not have the template of ssmbak v1.2.3 under other/", "publish --code-bucket artifacts"}, "create", "--code-bucket", "artifacts", "--code-key", "other/"+zip.SHA256+".zip", "--code-version", "v")
	zips := func() (n int) {
		for _, k := range aws.S3.Keys("ssmbak-local") {
			if strings.HasPrefix(k, ".ssmbak/lambda/") {
				n++
			}
		}
		return n
	}
	uploaded := zips()
	changes := aws.Counts()["cloudformation:CreateChangeSet"]
	run(0, []string{"CREATE_COMPLETE  Function  AWS::Lambda::Function"}, from("create", "--no-fill")...)
	if aws.Counts()["cloudformation:CreateChangeSet"] != changes {
		t.Error("the stack was not created in one step")
	}
	run(0, []string{"UPDATE_COMPLETE  Function"}, "update", "--memory", "512")
	run(0, []string{"the expected code"}, "finish")
	next := append([]byte(nil), "the functions of the next version"...)
	sum := sha256.Sum256(next)
	newer := "ssmbak/" + hex.EncodeToString(sum[:]) + ".zip"
	if err := aws.S3.Put("artifacts", newer, next); err != nil {
		t.Fatal(err)
	}
	run(0, []string{"UPDATE_COMPLETE  Function"}, "update", "--code-key", newer, "--code-version", aws.S3.Versions("artifacts", newer)[0].VersionID)
	file := filepath.Join(t.TempDir(), "functions.zip")
	other, err := packed("arm64")
	if err == nil {
		err = os.WriteFile(file, other, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(252, []string{"--code " + file + ": the functions' code comes from bucket artifacts: add --code-bucket '' to upload this zip to the archive's bucket"}, "update", "--code", file)
	run(0, []string{"UPDATE_COMPLETE"}, "update", "--code-bucket", "", "--code-bucket-prefix", "")
	if zips() != uploaded {
		t.Error("the functions' code of the same contents was uploaded again")
	}
	if zips() != uploaded {
		t.Error("the functions' code was uploaded to the archive's bucket")
	}
}

// TestPublishedCode checks that published code is compared before anything is changed, and
// what to type otherwise.
func TestPublishedCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		aws, w := local(), &world{}
		aws.S3.CreateBucket("artifacts", true)
		run := runner(t, aws.Client(), w)
		run(0, nil, "publish", "--code-bucket", "artifacts")
		zip, err := w.find(t.Context(), "arm64", "v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		key, zeros := "ssmbak/"+zip.SHA256+".zip", strings.Repeat("0", 64)
		version := aws.S3.Versions("artifacts", key)[0].VersionID
		from := func(doing string, args ...string) []string {
			return append([]string{doing, "--code-bucket", "artifacts", "--code-key", key, "--code-version", version}, args...)
		}
		unchanged := func() {
			t.Helper()
			if counts := aws.Counts(); counts["cloudformation:CreateStack"]+counts["cloudformation:CreateChangeSet"] > 0 {
				t.Fatalf("requests: %v", counts)
			}
		}
		run(1, []string{
			"error: " + key + " (object version " + version + ") in bucket artifacts has SHA-256 " + zip.SHA256 + ", not " + zeros,
			"hint: if `ssmbak-stack publish` printed that SHA-256, use --code-sha256 " + zip.SHA256 + "; if not, publish the code again; nothing was changed",
		}, from("create", "--code-sha256", zeros)...)
		run(1, []string{
			"error: bucket artifacts does not have " + key + " (object version nothing)", "hint: `ssmbak-stack publish --code-bucket artifacts` puts the functions' code there, and prints its key and object version",
		}, from("create", "--code-version", "nothing")...)
		run(1, []string{"error: bucket artifacts does not have ssmbak/" + zeros + ".zip (object version " + version + ")"}, from("create", "--code-key", "ssmbak/"+zeros+".zip")...)
		run(1, []string{"error: bucket nowhere does not exist", "hint: nothing was changed"}, from("create", "--code-bucket", "nowhere")...)
		program, err := packed("x86_64")
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(program)
		other := "ssmbak/" + hex.EncodeToString(sum[:]) + ".zip"
		if err := aws.S3.Put("artifacts", other, program); err != nil {
			t.Fatal(err)
		}
		foreign := []string{"--code-key", other, "--code-version", aws.S3.Versions("artifacts", other)[0].VersionID}
		run(252, []string{"error: --architecture arm64: " + other + " in bucket artifacts is for x86_64"}, from("create", foreign...)...)
		unchanged()

		// Who may not read the zip learns it afterwards.
		aws.Faults.Add(emulator.Rule{Service: "s3", Op: "GetObject", Fault: emulator.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}, If: func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, ".zip") && r.Header.Get("Authorization") != ""
		}, Times: 4})
		run(1, []string{
			"you may not read " + key + " in bucket artifacts, so its SHA-256 is compared once the functions run it",
			"error: the function ssmbak-recorder runs other code than the stack deployed: its zip has SHA-256 " + zip.SHA256 + ", want " + zeros,
			"hint: if `ssmbak-stack publish` printed the SHA-256 that it runs, `ssmbak-stack ssmbak update --code-sha256 " + zip.SHA256 + "`; if not, delete the stack with `ssmbak-stack ssmbak delete`",
		}, from("create", "--no-fill", "--code-sha256", zeros)...)
		run(1, []string{"`; if not, `ssmbak-stack ssmbak update` with the options that it prints"}, "update", "--memory", "512")
		run(1, []string{"has SHA-256 " + zip.SHA256 + ", not " + zeros, "hint: if `ssmbak-stack publish` printed that SHA-256, set the stack's parameter CodeSha256 to it"}, "finish")
		run(1, []string{"has SHA-256 " + zip.SHA256 + ", not " + zeros, "use --code-sha256 " + zip.SHA256}, "update", "--memory", "256")
		run(0, []string{"updated to ssmbak v1.2.3"}, "update", "--code-sha256", zip.SHA256)
		run(0, []string{"the expected code"}, "finish")

		// Another program has replaced the code of a function.
		runner(t, replaced{aws.Client()}, w)(1, []string{
			"error: the function ssmbak-recorder runs other code",
			"hint: `aws lambda update-function-code --function-name ssmbak-recorder --s3-bucket artifacts --s3-key " + key + " --s3-object-version " + version + "` deploys it again",
		}, "finish")
	})
}
