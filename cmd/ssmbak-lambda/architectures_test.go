package main_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/stack/code"
	"github.com/ssmbak/ssmbak/internal/testkit/runtimeapi"
)

// TestEveryArchitecture runs the bootstrap of each zip like Lambda, and checks that it
// records. A bootstrap for another architecture needs qemu.
func TestEveryArchitecture(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the function for every architecture")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the function is a program for Linux")
	}
	machines := map[string]struct{ goarch, qemu string }{"arm64": {"arm64", "qemu-aarch64"}, "x86_64": {"amd64", "qemu-x86_64"}}
	for _, architecture := range code.Architectures {
		t.Run(architecture, func(t *testing.T) {
			t.Parallel()
			var command []string
			if m := machines[architecture]; m.goarch != runtime.GOARCH {
				qemu, err := exec.LookPath(m.qemu)
				if err != nil {
					t.Skipf("%s is not installed, and this machine runs no programs for %s: apt-get install qemu-user", m.qemu, architecture)
				}
				command = append(command, qemu)
			}
			z, err := code.Build(t.Context(), architecture, "v1.2.3", ".")
			if err != nil {
				t.Fatal(err)
			}
			records(t, append(command, unpack(t, z))...)
		})
	}
}

// unpack writes the bootstrap of a zip into a file with its own mode.
func unpack(t *testing.T, z code.Zip) (path string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(z.Bytes), int64(len(z.Bytes)))
	if err != nil || len(r.File) != 1 {
		t.Fatalf("the zip does not contain exactly one file: %v", err)
	}
	in, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), r.File[0].Name)
	if err := os.WriteFile(path, body, r.File[0].Mode().Perm()); err != nil {
		t.Fatal(err)
	}
	return path
}

// records runs a function with an account, changes a parameter there, and checks that the
// values were recorded.
func records(t *testing.T, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cloud := emulator.New(emulator.Options{Account: account, Region: region, Clock: emulator.RealClock()})
	cloud.S3.CreateBucket(bucket, true)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	function := runtimeapi.Start(t, []string{
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "SSMBAK_BUCKET=" + bucket,
	}, command...)
	conn, err := awsconn.Load(ctx, awsconn.Options{Anonymous: true, Region: region, EndpointURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"two", "one"} // newest first
	for i := range want {
		if _, err := conn.SSM().PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String("/app/db"), Value: &want[len(want)-1-i], Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		}); err != nil {
			t.Fatal(err)
		}
	}
	err = cloud.Queue.Drain(ctx, func(_ context.Context, batch []emulator.Message) (failed []string) {
		answer := function.Invoke(t, string(emulator.SQSEvent(region, account, batch)))
		var said struct {
			BatchItemFailures []struct{ ItemIdentifier string }
		}
		if err := json.Unmarshal([]byte(answer.Body), &said); err != nil || answer.Kind != "response" {
			t.Fatalf("the function answered %s %s\n%s", answer.Kind, answer.Body, function.Logs())
		}
		for _, f := range said.BatchItemFailures {
			failed = append(failed, f.ItemIdentifier)
		}
		return failed
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, function.Logs())
	}
	versions, err := conn.S3().ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: aws.String(bucket), Prefix: aws.String("/app/db")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range versions.Versions {
		object, err := conn.S3().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: v.Key, VersionId: v.VersionId})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(object.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(body))
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("the archive contains %q, want %q\n%s", got, want, function.Logs())
	}
}
