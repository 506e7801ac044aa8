// Package moto starts moto_server for tests.
package moto

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// Region is the region of the tests.
const Region = "us-east-1"

// Start starts moto_server on the loopback interface until the end of the test, and
// returns the endpoint of a proxy that serializes writes to it. It skips the test
// with -short, or if moto_server is not installed. If it is not installed and
// SSMBAK_REQUIRE_MOTO is set, the test fails.
func Start(t testing.TB) (endpoint string) {
	t.Helper()
	behind, err := url.Parse(start(t))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(refuse(serialize(httputil.NewSingleHostReverseProxy(behind))))
	t.Cleanup(server.Close)
	return server.URL
}

// start starts moto_server and returns its own endpoint.
func start(t testing.TB) (endpoint string) {
	t.Helper()
	if testing.Short() {
		t.Skip("moto is skipped in short mode")
	}
	program.Need(t, "moto_server", "SSMBAK_REQUIRE_MOTO", "pip install 'moto[server]'")
	cmd := exec.CommandContext(t.Context(), "moto_server", "-H", "127.0.0.1", "-p", "0")
	// It prints its port on standard error.
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
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // ends the loop
	defer late.Stop()
	var output []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		output = append(output, lines.Text())
		if _, after, ok := strings.Cut(lines.Text(), "Running on "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }() // until it ends
			return strings.TrimSpace(after)
		}
	}
	t.Fatalf("moto_server did not listen within %s: %q", patience, output)
	return ""
}

// patience is how long moto_server may take to listen, and to load a service. It is
// generous, because a test must not fail on a busy machine.
const patience = 5 * time.Minute

// load lets moto_server load a service, which it does for the first request of that
// service and which can take longer than a client waits for an answer.
func load(t testing.TB, endpoint, service string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/?Action=ListStacks", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20240613/"+Region+"/"+service+"/aws4_request")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("load %s: %v", service, err)
	}
	answer.Body.Close()
}

// StartForStacks is like [Start], but its proxy adds features of CloudFormation that moto
// does not have: it enables the versioning of buckets in templates, treats the deletion
// policy RetainExceptOnCreate as Retain, and omits what conditions exclude.
func StartForStacks(t testing.TB) (endpoint string) {
	t.Helper()
	behind, err := url.Parse(Start(t))
	if err != nil {
		t.Fatal(err)
	}
	load(t, behind.String(), "cloudformation")
	conn, err := awsconn.Load(t.Context(), awsconn.Options{Anonymous: true, Region: Region, EndpointURL: behind.String()})
	if err != nil {
		t.Fatal(err)
	}
	client, proxy := conn.S3(), httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a cut request is moto's to refuse
		body = adapt(r.Context(), client, body)
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

// Reset removes everything from all services of a server at an endpoint.
// https://docs.getmoto.org/en/latest/docs/server_mode.html
func Reset(t testing.TB, endpoint string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+"/moto-api/reset", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("reset moto: %s", answer.Status)
	}
}

// adapt changes the template of a request for moto. Where the template is in a bucket, the
// request refers to a changed copy.
func adapt(ctx context.Context, client *s3.Client, request []byte) []byte {
	form, err := url.ParseQuery(string(request))
	if err != nil || form.Get("Action") == "" {
		return request
	}
	verifies := false
	for i := 1; form.Has("Parameters.member." + strconv.Itoa(i) + ".ParameterKey"); i++ {
		member := "Parameters.member." + strconv.Itoa(i)
		verifies = verifies || form.Get(member+".ParameterKey") == "Verify" && form.Get(member+".ParameterValue") != "off"
	}
	if text := form.Get("TemplateBody"); text != "" {
		form.Set("TemplateBody", string(changed([]byte(text), verifies)))
	}
	at, err := url.Parse(form.Get("TemplateURL"))
	if err == nil && at.Host != "" {
		bucket, _, _ := strings.Cut(at.Host, ".")
		in := &s3.GetObjectInput{Bucket: &bucket, Key: aws.String(strings.TrimPrefix(at.Path, "/")), VersionId: aws.String(at.Query().Get("versionId"))}
		if out, err := client.GetObject(ctx, in); err == nil {
			text, _ := io.ReadAll(out.Body)
			const copies, copied = "templates", "template.json"
			_, _ = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(copies)})
			_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(copies), Key: aws.String(copied), Body: bytes.NewReader(changed(text, verifies))})
			if err == nil {
				form.Set("TemplateURL", strings.Replace("https://"+at.Host+"/"+copied, bucket, copies, 1))
			}
		}
	}
	return []byte(form.Encode())
}

// changed returns a template with the deletion policy Retain instead of RetainExceptOnCreate.
// Unless the stack verifies, it is without the resources of that: moto updates resources
// whose condition is false.
func changed(template []byte, verifies bool) []byte {
	text := bytes.ReplaceAll(template, []byte("RetainExceptOnCreate"), []byte("Retain"))
	var all map[string]json.RawMessage
	var resources map[string]json.RawMessage
	if verifies || json.Unmarshal(text, &all) != nil || json.Unmarshal(all["Resources"], &resources) != nil {
		return text
	}
	maps.DeleteFunc(resources, func(_ string, r json.RawMessage) bool {
		var x struct{ Condition string }
		return json.Unmarshal(r, &x) == nil && (x.Condition == "HasVerify" || x.Condition == "HasVerifier")
	})
	var err error
	if all["Resources"], err = json.Marshal(resources); err != nil {
		return text
	}
	if out, err := json.Marshal(all); err == nil {
		return out
	}
	return text
}

// version enables versioning of all buckets.
func version(ctx context.Context, client *s3.Client) {
	buckets, err := client.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return // the test will fail on a bucket without versioning
	}
	for _, b := range buckets.Buckets {
		_, _ = client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: b.Name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		})
	}
}
