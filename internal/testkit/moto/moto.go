// Package moto starts moto_server for tests, where it is installed.
package moto

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// Region is the one in which tests work.
const Region = "us-east-1"

// Start starts moto_server on the loopback, ends it with the test, and returns
// the endpoint of a proxy that serializes writes to it. In short runs the test is
// skipped, and where it is not installed; there it fails if SSMBAK_REQUIRE_MOTO is
// set.
func Start(t testing.TB) (endpoint string) {
	t.Helper()
	behind, err := url.Parse(start(t))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serialize(httputil.NewSingleHostReverseProxy(behind)))
	t.Cleanup(server.Close)
	return server.URL
}

// start starts moto_server and returns its own endpoint.
func start(t testing.TB) (endpoint string) {
	t.Helper()
	if testing.Short() {
		t.Skip("moto is left out of short runs")
	}
	if _, err := exec.LookPath("moto_server"); err != nil {
		const missing = "moto_server is not installed: pip install 'moto[server]'"
		if os.Getenv("SSMBAK_REQUIRE_MOTO") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	cmd := exec.CommandContext(t.Context(), "moto_server", "-H", "127.0.0.1", "-p", "0")
	// It says on which port it listens among its warnings.
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }) // ends the loop
	defer late.Stop()
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if _, after, ok := strings.Cut(lines.Text(), "Running on "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }() // until it ends
			return strings.TrimSpace(after)
		}
	}
	t.Fatalf("moto_server did not listen within a minute: %q", said)
	return ""
}

// StartForStacks is [Start] with a proxy before it that does what moto does not:
// it switches on the versioning that a template asks for, and keeps on deletion
// what a template keeps but for a creation that fails.
func StartForStacks(t testing.TB) (endpoint string) {
	t.Helper()
	behind, err := url.Parse(Start(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true, Region: Region, EndpointURL: behind.String()})
	if err != nil {
		t.Fatal(err)
	}
	client, proxy := conn.S3(), httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a cut request is moto's to refuse
		body = bytes.ReplaceAll(body, []byte("RetainExceptOnCreate"), []byte("Retain"))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if !bytes.Contains(body, []byte("Action=CreateStack")) {
			proxy.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		version(r.Context(), client)
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// version makes all buckets versioned.
func version(ctx context.Context, client *s3.Client) {
	buckets, err := client.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return // then the test finds a bucket that is not versioned
	}
	for _, b := range buckets.Buckets {
		_, _ = client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: b.Name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		})
	}
}
