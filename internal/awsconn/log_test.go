package awsconn_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// TestSDKLogs checks that the SDK writes nothing to standard error, and
// that all of its messages reach the logger at level debug.
func TestSDKLogs(t *testing.T) {
	machine(t, "[dev]\nregion = us-east-1\n") // the SDK warns that this is not a profile
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = stderr }()

	var said bytes.Buffer
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		client := &answers{status: http.StatusOK, body: "hunter2"} // an object without a checksum
		conn, err := awsconn.Load(t.Context(), awsconn.Options{
			Region: "us-east-1", HTTPClient: client, Logger: slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: level})),
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := conn.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("key")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(out.Body); err != nil {
			t.Fatal(err)
		}
		if level == slog.LevelInfo && said.Len() > 0 {
			t.Errorf("at level info it says\n%s", said.String())
		}
	}
	if text, err := os.ReadFile(file.Name()); err != nil || len(text) > 0 {
		t.Errorf("on standard error: %s, %v", text, err)
	}
	for _, want := range []string{"Response has no supported checksum", "is ignored"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is missing in\n%s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "hunter2") {
		t.Errorf("a value is logged:\n%s", said.String())
	}
	for line := range strings.Lines(said.String()) {
		var entry struct{ Level string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level != "DEBUG" {
			t.Errorf("%v: %s", err, line)
		}
	}
}
