package ssmbak_test

import (
	"bytes"
	"go/format"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// TestOutsideModule records an event, reads the archive and restores over a socket, from
// another module that imports only public packages.
func TestOutsideModule(t *testing.T) {
	t.Parallel()
	outside := program.Outside(t, map[string]string{"main.go": "testdata/outside/main.go"})
	if out, err := outside.Go(t, "build", "-o", "outside", "."); err != nil {
		t.Fatalf("build a module that requires this one: %v\n%s", err, out)
	}

	began := time.Date(2024, 6, 13, 20, 0, 0, 0, time.UTC)
	clock := emulator.NewClock(began)
	aws := emulator.New(emulator.Options{Clock: clock})
	aws.S3.CreateBucket("backup", true)
	url, stop, err := aws.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	put(t, url, `{"Name":"/app/db","Value":"one","Type":"SecureString"}`)
	clock.Advance(time.Hour)
	put(t, url, `{"Name":"/app/db","Value":"two","Type":"SecureString","Overwrite":true}`)
	clock.Set(time.Now())

	event := `{"id":"6a7e4feb","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012",
		"time":"2024-06-13T21:00:00Z","region":"us-east-1","detail":{"operation":"Update","name":"/app/db","type":"SecureString"}}`
	out, err := exec.CommandContext(t.Context(), outside.Path("outside"), url, "backup", event).CombinedOutput()
	if err != nil {
		t.Fatalf("run it: %v\n%s", err, out)
	}
	want := []string{
		"timeline /app/db 1 proved 1",
		"preview /app/db one",
		"plan update /app/db",
		"restored /app/db 3 <nil>",
		"live one",
		"revert 1 0",
		"restored /app/db 4 <nil>",
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(out)), "\n"), want); diff != "" {
		t.Errorf("it printed (-got +want):\n%s", diff)
	}
}

// put calls PutParameter without the SDK.
func put(t *testing.T, url, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonSSM.PutParameter")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("put %s: %s %s", body, answer.Status, text)
	}
}

// TestExamplesCompileOutside checks that every example can be copied into a module
// that is not part of this one.
func TestExamplesCompileOutside(t *testing.T) {
	t.Parallel()
	examples := make(map[string]string)
	for _, pattern := range []string{"example_test.go", "*/example_test.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			examples[path] = path
		}
	}
	if len(examples) < 3 {
		t.Fatalf("there are examples in %d packages, want at least those of archive, recorder and restore", len(examples))
	}
	tests, err := filepath.Glob("*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tests {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := examples[path]; !ok && bytes.Contains(text, []byte("\nfunc Example")) {
			t.Errorf("%s has an example, which belongs into example_test.go", path)
		}
	}
	if out, err := program.Outside(t, examples).Go(t, "vet", "./..."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReadmeCompilesOutside checks that the program of the README can be copied
// into a module that is not part of this one.
func TestReadmeCompilesOutside(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n```go\n"))
	code, _, ok := bytes.Cut(text, []byte("```\n"))
	if !ok {
		t.Fatal("the README has no Go program")
	}
	outside := program.Outside(t, nil)
	if err := os.WriteFile(outside.Path("main.go"), code, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := outside.Go(t, "vet", "."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if formatted, err := format.Source(code); err != nil || !bytes.Equal(formatted, code) {
		t.Errorf("the README's program is not formatted: %v", err)
	}
}
