package stack_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

// organization is an HTTP client that denies writes of objects with other encryption
// headers than want.
type organization struct {
	next aws.HTTPClient
	want archive.Encryption
}

func (o organization) Do(r *http.Request) (*http.Response, error) {
	key, object := strings.CutPrefix(r.URL.Path, "/"+bucket+"/")
	if r.Method != http.MethodPut || !object {
		return o.next.Do(r)
	}
	want := o.want.Indexes
	if strings.HasPrefix(key, "/") {
		want = o.want.Values
	}
	got := archive.Header(r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
	if got == "" {
		got = archive.Header(cmp.Or(r.Header.Get("X-Amz-Server-Side-Encryption"), string(archive.HeaderNone)))
	}
	if got == want {
		return o.next.Do(r)
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
	text := fmt.Sprintf("<Error><Code>AccessDenied</Code><Message>User: x is not authorized to perform: s3:PutObject on resource: &quot;%s&quot; with an explicit deny in a service control policy: %s, want %s</Message></Error>", key, got, want)
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// TestOrganization checks that every write of every component has the configured
// encryption header, since policies of an organization can require or forbid any.
func TestOrganization(t *testing.T) {
	t.Parallel()
	encryptions := []archive.Encryption{
		{Values: archiveKey, Indexes: archive.HeaderNone},
		{Values: archive.HeaderS3, Indexes: archive.HeaderS3},
		{Values: archive.HeaderNone, Indexes: archive.HeaderNone},
	}
	if !extent.Long() {
		encryptions = encryptions[:1]
	}
	for _, e := range encryptions {
		t.Run(fmt.Sprint(e), func(t *testing.T) {
			t.Parallel()
			collect(t, e)
		})
	}
}
