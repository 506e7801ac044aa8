package s3api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
)

// TestPageSize lists objects, object versions and common prefixes in pages that are smaller
// than requested.
func TestPageSize(t *testing.T) {
	t.Parallel()
	store := s3api.New(s3api.Options{})
	store.CreateBucket("b", true)
	client := connect(t.Context(), t, awsconn.Options{HTTPClient: direct{store}})
	for i := range 10 {
		if err := store.Put("b", fmt.Sprintf("%d/x", i/2), []byte("body")); err != nil {
			t.Fatal(err)
		}
	}
	store.SetPageSize(2)
	for _, tt := range []struct {
		what      string
		delimiter *string
		most      int32
		want      string
	}{
		{"pages of the store", nil, 1000, "0/x 1/x|2/x 3/x|4/x"},
		{"pages of the request", nil, 1, "0/x|1/x|2/x|3/x|4/x"},
		{"common prefixes", aws.String("/"), 1000, "0/ 1/|2/ 3/|4/"},
	} {
		var got []string
		for pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String("b"), Delimiter: tt.delimiter, MaxKeys: &tt.most}); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, o := range page.Contents {
				keys = append(keys, aws.ToString(o.Key))
			}
			for _, p := range page.CommonPrefixes {
				keys = append(keys, aws.ToString(p.Prefix))
			}
			if aws.ToInt32(page.MaxKeys) != tt.most {
				t.Errorf("%s: MaxKeys is %d, want what was requested", tt.what, aws.ToInt32(page.MaxKeys))
			}
			got = append(got, strings.Join(keys, " "))
		}
		if got := strings.Join(got, "|"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
	var got []string
	for pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: aws.String("b")}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			got = append(got, aws.ToString(v.Key))
		}
		got = append(got, "|")
	}
	if got, want := strings.Join(got, " "), "0/x 0/x | 1/x 1/x | 2/x 2/x | 3/x 3/x | 4/x 4/x |"; got != want {
		t.Errorf("versions %s, want %s", got, want)
	}
}
