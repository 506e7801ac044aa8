package archive_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// TestCompleter checks what is found, and that each word takes one request, also of a
// bucket with more names than a page.
func TestCompleter(t *testing.T) {
	t.Parallel()
	cloud := emulator.New(emulator.Options{})
	cloud.S3.CreateBucket("archive", true)
	cloud.S3.SetPageSize(10)
	client := connect(t, awsconn.Options{HTTPClient: cloud.Client()})
	keys := []string{
		"/app/live", ".ssmbak/names/app/registered", ".ssmbak/marks/deploy-1", ".ssmbak/restores/20240613T201054Z-aaaaaa", ".ssmbak/restores/20240614T201054Z-aaaaaa",
		".ssmbak/index/app/db/host", ".ssmbak/index/app/db", ".ssmbak/index/application", ".ssmbak/index/one",
	}
	for i := range 11 {
		keys = append(keys, fmt.Sprintf(".ssmbak/index/many/%04d", i))
	}
	for _, key := range keys {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("archive"), Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	c := archive.NewCompleter(client, "archive", account)
	for _, tt := range []struct {
		begin string
		want  []string
	}{
		{"", []string{"/app/", "/application", "/many/", "/one"}},
		{"/", []string{"/app/", "/application", "/many/", "/one"}},
		{"/app", []string{"/app/", "/application"}},
		{"/app/", []string{"/app/db", "/app/db/"}},
		{"/app/db/", []string{"/app/db/host"}},
		{"/none/", nil},
		{"app", []string{"application"}},
		{"many/", nil},
	} {
		cloud.ResetCounts()
		got, err := c.Names(t.Context(), tt.begin)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %.100q, %v, want %q", tt.begin, got, err, tt.want)
		}
		if counts := cloud.Counts(); len(counts) != 1 || counts["s3:ListObjectsV2"] != 1 {
			t.Errorf("%q: requests %v", tt.begin, counts)
		}
	}
	cloud.ResetCounts()
	if got, err := c.Names(t.Context(), "/many/"); err != nil || len(got) != 10 || cloud.Counts()["s3:ListObjectsV2"] != 1 {
		t.Errorf("got %d names, %v, with the requests %v", len(got), err, cloud.Counts())
	}
	if got, err := c.RestoreIDs(t.Context(), "2024"); err != nil || !slices.Equal(got, []string{"20240613T201054Z-aaaaaa", "20240614T201054Z-aaaaaa"}) {
		t.Errorf("restores %q, %v", got, err)
	}
	if got, err := c.MarkNames(t.Context(), ""); err != nil || !slices.Equal(got, []string{"deploy-1"}) {
		t.Errorf("marks %q, %v", got, err)
	}
	if _, err := archive.NewCompleter(client, "archive", "210987654321").Names(t.Context(), ""); err == nil {
		t.Error("a bucket of another owner was listed")
	}
}
