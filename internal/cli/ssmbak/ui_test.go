package ssmbakcli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	ssmbakcli "github.com/ssmbak/ssmbak/internal/cli/ssmbak"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// serve runs a command that serves the page, and returns its address, and a function that
// interrupts it and returns its exit code and standard error.
func serve(t *testing.T, env ssmbakcli.Env) (address string, end func() (int, string)) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	t.Cleanup(interrupt)
	lines, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), stdout, &stderr
	go func() {
		code <- ssmbakcli.Main(ctx, env)
		stdout.Close()
	}()
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		if address = scanner.Text(); strings.HasPrefix(address, "http://127.0.0.1:") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return address, func() (int, string) {
		interrupt()
		return <-code, stderr.String()
	}
}

// page gets the page with the client of one browser.
func page(t *testing.T, address string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Jar: jar}).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d, %v\n%s", address, answer.StatusCode, err, text)
	}
	return string(text)
}

func TestUI(t *testing.T) {
	t.Parallel()
	w := testworld.New(t, testworld.Options{Bucket: bucket})
	name, value := "/app/db", "one"
	_, err := w.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString})
	w.Must(err)
	w.Drain()
	env := func(args ...string) ssmbakcli.Env {
		return ssmbakcli.Env{Env: shell.Env{Args: append(args, "--bucket", bucket), AWS: connection(w.AWS.Client())}}
	}
	address, end := serve(t, env("ui", "/app"))
	if text := page(t, address); !strings.Contains(text, "/app/db") || !strings.Contains(text, "read-only") {
		t.Errorf("the page is\n%s", text)
	}
	if code, stderr := end(); code != 0 || !strings.Contains(stderr, "press Ctrl-C to stop") {
		t.Errorf("exit code %d after an interrupt, want 0\n%s", code, stderr)
	}
	address, end = serve(t, env("ui", "--allow-restore"))
	if text := page(t, address); !strings.Contains(text, "restores allowed") {
		t.Errorf("the page is\n%s", text)
	}
	port := strings.TrimPrefix(strings.Split(address, "/?")[0], "http://127.0.0.1:")
	if code, _, stderr := run(t, env("ui", "--port", port)); code != 1 || !strings.Contains(stderr, "another program listens on 127.0.0.1:"+port) {
		t.Errorf("a taken port: exit code %d\n%s", code, stderr)
	}
	end()

	file := filepath.Join(t.TempDir(), "report.html")
	code, _, stderr := run(t, env("ui", "/app", "--report", file, "--at", "now", "--since", "1h"))
	text, err := os.ReadFile(file)
	if code != 0 || err != nil || !strings.Contains(string(text), "/app/db") {
		t.Errorf("exit code %d, %v\n%s%s", code, err, stderr, text)
	}
	if code, stdout, _ := run(t, env("ui", "/app", "--report", "-")); code != 0 || !strings.HasPrefix(stdout, "<!doctype html>") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	for _, test := range []struct{ args, want string }{
		{"ui --port 70000", "invalid port"},
		{"ui --max-rate 3", "read-only"},
		{"ui --max-rate -1 --allow-restore", "must not be negative"},
		{"ui --report f --open", "--open has no effect on a report"},
		{"ui --report f --allow-restore", "--allow-restore has no effect on a report"},
		{"ui --at 2h", "--at goes with --report"},
		{"ui --report f --at tomorrow", "--at: "},
		{"ui /app /b", "unexpected argument"},
		{"demo --open", "--open goes with --ui"},
	} {
		if code, _, stderr := run(t, env(strings.Fields(test.args)...)); code != 252 || !strings.Contains(stderr, test.want) || !strings.Contains(stderr, "hint: ") {
			t.Errorf("%s: exit code %d, want 252 and %q in\n%s", test.args, code, test.want, stderr)
		}
	}
	if code, _, stderr := run(t, env("ui", "--report", t.TempDir())); code != 1 || !strings.Contains(stderr, "is a directory") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	bare := testworld.Bare(t, testworld.Options{Bucket: bucket})
	if code, _, stderr := run(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"ui", "--bucket", bucket}, AWS: connection(bare.AWS.Client())}}); code != 1 || !strings.Contains(stderr, "has no archive yet") {
		t.Errorf("without an archive: exit code %d\n%s", code, stderr)
	}
}

// TestDemoUI checks that the page of the demo begins right before the bad deployment, of
// which the plan takes back everything.
func TestDemoUI(t *testing.T) {
	t.Parallel()
	address, end := serve(t, ssmbakcli.Env{Env: shell.Env{Args: []string{"demo", "--ui"}}})
	text := page(t, address)
	for _, want := range []string{"restores allowed", "user/deploy", "updated 3, deleted 2", "Cursor is right before it"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if code, stderr := end(); code != 0 {
		t.Errorf("exit code %d, want 0\n%s", code, stderr)
	}
}
