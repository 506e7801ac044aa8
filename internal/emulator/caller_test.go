package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// TestUser checks that the access key ID of a signature is the name of the user.
func TestUser(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "local",
		"AWS4-HMAC-SHA256 Credential=alice/20240613/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=00":         "alice",
		"AWS4-HMAC-SHA256 Credential=a.b+c=d@e_f-g/20240613/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=00": "a.b+c=d@e_f-g",
		"AWS4-HMAC-SHA256 Credential=/20240613/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=00":              "",
		"AWS4-HMAC-SHA256 Credential=a b/20240613/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=00":           "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.Header.Set("Authorization", header)
		got, ok := ssmapi.User(r)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("user of %q: %q, want %q", header, got, want)
		}
	}
}
