package ssmapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestDeletedLinger returns deleted parameters for a while.
// https://github.com/aws/aws-sdk/issues/302
func TestDeletedLinger(t *testing.T) {
	t.Parallel()
	for _, linger := range []time.Duration{0, time.Minute} {
		s := newStore(t, ssmapi.Options{DeletedLinger: linger})
		resources := func(body string) string {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(body))
			r.Header.Set("X-Amz-Target", "ResourceGroupsTaggingAPI_20170126.GetResources")
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			w := httptest.NewRecorder()
			s.ServeTagging(w, r)
			if w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			return w.Body.String()
		}
		s.must(t, "PutParameter", `{"Name":"/a","Value":"v","Type":"String","Tags":[{"Key":"team","Value":"blue"}]}`, `{}`)
		s.now = s.now.Add(time.Second)
		s.must(t, "DeleteParameter", `{"Name":"/a"}`, `{}`)
		for _, step := range []struct {
			after time.Duration
			there bool
		}{{0, linger > 0}, {59 * time.Second, linger > 0}, {time.Second, false}} {
			s.now = s.now.Add(step.after)
			for _, body := range []string{`{}`, `{"ResourceTypeFilters":["ssm:parameter"]}`, `{"ResourceARNList":["arn:aws:ssm:us-east-1:123456789012:parameter/a"]}`} {
				if got := strings.Contains(resources(body), "blue"); got != step.there {
					t.Errorf("with %v, after %v, %s: there %v, want %v", linger, step.after, body, got, step.there)
				}
			}
			s.must(t, "DescribeParameters", `{}`, `{"Parameters":[]}`)
			s.must(t, "ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/a"}`, "InvalidResourceId")
		}
	}
}
