package ssmbakcli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/script"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/recorder"
)

func TestMain(m *testing.M) { script.Main(m) }

// run runs the command and returns what it printed.
func run(t *testing.T, env ssmbakcli.Env) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	env.Stdin, env.Stdout, env.Stderr, env.Failed = strings.NewReader(""), &out, &err, script.Failed
	code = ssmbakcli.Main(t.Context(), env)
	return code, out.String(), err.String()
}

func TestDemo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		code, stdout, stderr := run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"demo"}}})
		if code != 0 {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
		for _, want := range []string{
			"/testyssmbak/2        | initial", "~ /testyssmbak/password\n    value: differs",
			"restored 2, deleted 0, unchanged 5", "restored 7, deleted 0",
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q is missing in\n%s", want, stdout)
			}
		}
		if strings.Contains(stdout, `"hunter2"`) {
			t.Error("the demo shows the secret")
		}
	})
}

// TestDemoFindsBrokenRecorder checks that the demo fails if the recorder does.
func TestDemoFindsBrokenRecorder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		wrap func(ssmbakcli.Recorder) ssmbakcli.Recorder
		want string
	}{
		{"records nothing", func(ssmbakcli.Recorder) ssmbakcli.Recorder {
			return func(context.Context, []recorder.Message) []recorder.Failure { return nil }
		}, "expected `ssmbak preview` to succeed"},
		{"loses a name", func(next ssmbakcli.Recorder) ssmbakcli.Recorder {
			return func(ctx context.Context, batch []recorder.Message) []recorder.Failure {
				return next(ctx, slices.DeleteFunc(batch, func(m recorder.Message) bool { return bytes.Contains(m.Body, []byte("/testyssmbak/3")) }))
			}
		}, "expected /testyssmbak/3 to be \"initial\""},
		{"fails", func(ssmbakcli.Recorder) ssmbakcli.Recorder {
			return func(_ context.Context, batch []recorder.Message) (failed []recorder.Failure) {
				for _, m := range batch {
					failed = append(failed, recorder.Failure{ID: m.ID, Err: errors.New("broken")})
				}
				return failed
			}
		}, "expected the recorder to record every event"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				code, stdout, stderr := run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"demo"}}, WrapRecorder: tt.wrap})
				if code != 1 || !strings.Contains(stderr, tt.want) {
					t.Errorf("exit code %d, want 1 and %q in\n%s\nafter\n%s", code, tt.want, stderr, stdout)
				}
			})
		})
	}
}

// TestLocal points the SDK and the command at a running local AWS, as its own
// output says.
func TestLocal(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	lines, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- ssmbakcli.Main(ctx, ssmbakcli.Env{Env: shell.Env{Args: []string{"local", "--port", "0"}, Stdin: strings.NewReader(""), Stdout: stdout, Stderr: &stderr}})
		stdout.Close()
	}()
	exports := make(map[string]string)
	text := make([]byte, 4096)
	n, err := lines.Read(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for _, m := range regexp.MustCompile(`([A-Z_]+)=(\S+)`).FindAllStringSubmatch(string(text[:n]), -1) {
		exports[m[1]] = m[2]
	}
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "SSMBAK_BUCKET"} {
		if exports[name] == "" {
			t.Errorf("%s is not exported in\n%s", name, text[:n])
		}
	}

	o := awsconn.Options{Region: exports["AWS_REGION"], EndpointURL: exports["AWS_ENDPOINT_URL"], Anonymous: true}
	conn, err := awsconn.Load(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	name, value := "/app/db", "one"
	if _, err := conn.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	// The recorder runs concurrently.
	var got string
	for deadline := time.Now().Add(20 * time.Second); got != value && time.Now().Before(deadline); {
		_, got, _ = run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"get", name, "now", "--bucket", exports["SSMBAK_BUCKET"]}, AWS: o}})
	}
	if got != value {
		t.Errorf("the archive says %q, want %q", got, value)
	}
	_, _, notes := run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"preview", "/", "now", "--recursive", "--bucket", exports["SSMBAK_BUCKET"]}, AWS: o}})
	if !strings.Contains(notes, "complete up to") {
		t.Errorf("the local archive is not complete from its beginning:\n%s", notes)
	}

	// The access key ID is the name of the user.
	alice := awsconn.Options{Region: o.Region, EndpointURL: o.EndpointURL, Anonymous: true, HTTPClient: testworld.As(http.DefaultClient, "alice")}
	hers, err := awsconn.Load(ctx, alice)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hers.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	described, err := conn.SSM().DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Values: []string{name}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(described.Parameters[0].LastModifiedUser); got != "arn:aws:iam::123456789012:user/alice" {
		t.Errorf("the change of alice is by %s", got)
	}

	taken := strings.TrimPrefix(exports["AWS_ENDPOINT_URL"], "http://127.0.0.1:")
	if again, _, text := run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"local", "--port", taken}}}); again != 1 || !strings.Contains(text, "another program listens on 127.0.0.1:"+taken) || !strings.Contains(text, "--port") {
		t.Errorf("exit code %d on a taken port, want 1:\n%s", again, text)
	}

	interrupt()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d after an interrupt, want 0\n%s", got, stderr.String())
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+taken); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	const unchanged = "hint: nothing was changed\n"
	tests := []struct {
		name string
		args []string
		hint string
	}{
		{"preview", []string{"preview", "/app", "now"}, ""},
		{"restore", []string{"restore", "/app", "1m"}, unchanged},
		{"undo", []string{"undo", "last"}, unchanged},
		{"revert", []string{"revert", "/app", "2m", "1m"}, unchanged},
		{"reconcile", []string{"reconcile"}, "hint: what was recorded is kept, and `ssmbak reconcile --bucket backup` records the rest\n"},
		{"reconcile of a path", []string{"reconcile", "/app/", "--deep"}, "hint: what was recorded is kept, and `ssmbak reconcile /app/ --deep --bucket backup` records the rest\n"},
		{"reconcile without changes", []string{"reconcile", "--dry-run"}, ""},
		{"demo", []string{"demo"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			aws := emulator.New(emulator.Options{})
			aws.S3.CreateBucket(bucket, true)
			ctx, interrupt := context.WithCancel(t.Context())
			interrupt()
			var out, err bytes.Buffer
			code := ssmbakcli.Main(ctx, ssmbakcli.Env{Env: shell.Env{
				Args: append(tt.args, "--bucket", bucket), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, AWS: connection(aws.Client()),
			}})
			if want := "ssmbak: error: interrupted\n" + tt.hint; code != 130 || !strings.HasSuffix(err.String(), want) {
				t.Errorf("exit code %d, want 130, and %q, want %q at its end", code, err.String(), want)
			}
		})
	}
}

// TestInterruptAtTheQuestion ends a restore that waits for an answer.
func TestInterruptAtTheQuestion(t *testing.T) {
	t.Parallel()
	w := testworld.Bare(t, testworld.Options{Bucket: bucket})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	silence, never := io.Pipe()
	defer never.Close()
	base := ssmbakcli.Env{Env: shell.Env{AWS: connection(w.AWS.Client())}}
	name, value := "/app", "one"
	if _, err := w.SSM.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	base.Args = []string{"reconcile", "--bucket", bucket}
	if code, _, text := run(t, base); code != 0 {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	if _, err := w.SSM.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name}); err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	var out bytes.Buffer
	code := ssmbakcli.Main(ctx, ssmbakcli.Env{Env: shell.Env{
		Args: []string{"restore", "/", at, "-R", "--assume-last-known", "--bucket", bucket}, Stdin: silence, Stdout: &out,
		Stderr:   &onText{text: `Type "yes"`, do: interrupt},
		Terminal: func(stream any) bool { return stream != any(&out) }, AWS: base.AWS,
	}})
	if code != 130 {
		t.Errorf("exit code %d, want 130\n%s", code, out.String())
	}
}

// TestUndoColorsItsOwnStream checks that the plan of an undo, which goes to standard
// error, is colored if standard error is a terminal, regardless of standard output.
func TestUndoColorsItsOwnStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := testworld.Bare(t, testworld.Options{Bucket: bucket})
		name, value := "/app", "one"
		put := func() {
			if _, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: new(true)}); err != nil {
				t.Fatal(err)
			}
		}
		run := func(terminal func(stream any, out, err *bytes.Buffer) bool, args ...string) string {
			var out, err bytes.Buffer
			code := ssmbakcli.Main(t.Context(), ssmbakcli.Env{Env: shell.Env{
				Args: append(args, "--bucket", bucket), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, AWS: connection(w.AWS.Client()),
				Terminal: func(stream any) bool { return terminal(stream, &out, &err) },
			}})
			if code != 0 {
				t.Fatalf("%v: exit code %d\n%s", args, code, &err)
			}
			return err.String()
		}
		none := func(any, *bytes.Buffer, *bytes.Buffer) bool { return false }
		put()
		run(none, "reconcile")
		time.Sleep(time.Second) // of the bubble
		at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		time.Sleep(time.Second)
		value = "two"
		put()
		notes := run(none, "restore", name, at, "--yes")
		_, id, _ := strings.Cut(notes, "`ssmbak undo ")
		id, _, _ = strings.Cut(id, " ")
		redirected := run(func(stream any, out, _ *bytes.Buffer) bool { return stream == any(out) }, "undo", id, "--yes")
		if strings.Contains(redirected, "\x1b[") {
			t.Errorf("standard error is no terminal, and is colored: %q", redirected)
		}
		_, id, _ = strings.Cut(redirected, "`ssmbak undo ")
		id, _, _ = strings.Cut(id, " ")
		if shown := run(func(stream any, _, err *bytes.Buffer) bool { return stream == any(err) }, "undo", id, "--yes"); !strings.Contains(shown, "\x1b[") {
			t.Errorf("standard error is a terminal, and is not colored: %q", shown)
		}
	})
}

// onText is a writer that does something once a text comes by.
type onText struct {
	text string
	do   func()
	all  bytes.Buffer
}

func (w *onText) Write(p []byte) (int, error) {
	if n, err := w.all.Write(p); err != nil {
		return n, err
	}
	if strings.Contains(w.all.String(), w.text) {
		w.do()
	}
	return len(p), nil
}

// TestSurroundings checks the messages for an environment that is not as it
// should be.
func TestSurroundings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		env     ssmbakcli.Env
		message string
		hint    string
	}{
		{"no region", ssmbakcli.Env{}, "no region is configured", "--region"},
		{"connection refused", ssmbakcli.Env{Env: shell.Env{AWS: awsconn.Options{Region: region, EndpointURL: "http://127.0.0.1:1", Anonymous: true, MaxAttempts: 1}}}, "no connection to STS GetCallerIdentity", "ssmbak local"},
		{"no credentials", ssmbakcli.Env{Env: shell.Env{AWS: awsconn.Options{Region: region, EndpointURL: "http://127.0.0.1:1", MaxAttempts: 1}}}, "no AWS credentials", "AWS_PROFILE"},
		{"no such profile", ssmbakcli.Env{Env: shell.Env{AWS: awsconn.Options{Region: region, Profile: "nope"}}}, `profile "nope" does not exist`, "aws configure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.env.Args = []string{"preview", "/app", "now", "--bucket", bucket}
			code, stdout, stderr := run(t, tt.env)
			if code != 1 || stdout != "" || !strings.Contains(stderr, "ssmbak: error: "+tt.message) || !strings.Contains(stderr, "hint: ") || !strings.Contains(stderr, tt.hint) {
				t.Errorf("exit code %d, want 1, %q and %q in\n%s", code, tt.message, tt.hint, stderr)
			}
		})
	}
}

// TestVerboseKeepsSecrets checks that the log contains no values.
func TestVerboseKeepsSecrets(t *testing.T) {
	t.Parallel()
	w := testworld.Bare(t, testworld.Options{Bucket: bucket})
	env := ssmbakcli.Env{Env: shell.Env{AWS: connection(w.AWS.Client())}}
	name, value := "/app/password", "hunter2-secret"
	if _, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeSecureString}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"reconcile"}, {"preview", "/app/", "now"}, {"diff", "/app/", "now"}, {"restore", "/app/", "now", "-o", "json"}} {
		env.Args = append(args, "--verbose", "--bucket", bucket)
		code, stdout, stderr := run(t, env)
		if code != 0 || !strings.Contains(stderr, "open the archive") {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
		if strings.Contains(stdout+stderr, value) {
			t.Errorf("%v shows the secret:\n%s%s", args, stdout, stderr)
		}
	}
}

// TestBucketPointer checks that only one parameter is read for the bucket's name,
// and that only its absence is taken for that.
func TestBucketPointer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aws := emulator.New(emulator.Options{Account: account, Region: region, Clock: emulator.RealClock()})
		env := ssmbakcli.Env{Env: shell.Env{Args: []string{"preview", "/app/db", "now"}, AWS: connection(aws.Client())}}
		if code, _, stderr := run(t, env); code != 1 || !strings.Contains(stderr, "no bucket is configured") {
			t.Errorf("without a parameter: exit code %d\n%s", code, stderr)
		}
		if n := aws.Counts()["ssm:GetParameter"]; n != 1 {
			t.Errorf("%d parameters were asked for, want 1", n)
		}
		aws.Faults.Add(emulator.Rule{Service: "ssm", Op: "GetParameter", Fault: emulator.Fault{Status: http.StatusBadRequest, Code: "ValidationException"}})
		if code, _, stderr := run(t, env); code != 1 || strings.Contains(stderr, "no bucket is configured") || !strings.Contains(stderr, "ValidationException") {
			t.Errorf("refused by a ValidationException: exit code %d\n%s", code, stderr)
		}
	})
}

// unchecked answers as S3 does for objects that were written without a checksum.
type unchecked struct{ *http.Client }

func (c unchecked) Do(r *http.Request) (*http.Response, error) {
	answer, err := c.Client.Do(r)
	if err == nil {
		maps.DeleteFunc(answer.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-Amz-Checksum-") })
	}
	return answer, err
}

// TestSDKLogIsVerbose checks that SDK messages are shown with --verbose only, as
// lines of the log.
func TestSDKLogIsVerbose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const said = "Response has no supported checksum"
		aws := emulator.New(emulator.Options{Account: account, Region: region, Clock: emulator.RealClock()})
		aws.S3.CreateBucket(bucket, true)
		if code, _, stderr := run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"reconcile", "--bucket", bucket}, AWS: connection(aws.Client())}}); code != 0 {
			t.Fatal(stderr)
		}
		for args, shown := range map[string]bool{"": false, "-o json": false, "-v": true, "-v -o json": true} {
			env := ssmbakcli.Env{Env: shell.Env{Args: append([]string{"preview", "/app/db", "now", "--bucket", bucket}, strings.Fields(args)...), AWS: connection(unchecked{aws.Client()})}}
			_, _, stderr := run(t, env)
			if strings.Contains(stderr, said) != shown || strings.Contains(stderr, "SDK 20") {
				t.Errorf("with %q\n%s", args, stderr)
			}
			for line := range strings.Lines(stderr) {
				if strings.Contains(args, "json") && !json.Valid([]byte(line)) {
					t.Errorf("with %q: %s", args, line)
				}
			}
		}
	})
}
