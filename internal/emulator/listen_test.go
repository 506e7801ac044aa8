package emulator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator"
)

// TestHostHeader sends what a browser sends for a page whose name was made to
// resolve to 127.0.0.1.
func TestHostHeader(t *testing.T) {
	t.Parallel()
	url, stop, err := emulator.New(emulator.Options{}).Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	for host, refused := range map[string]bool{
		"":                          false, // as the URL has it
		"localhost":                 false,
		"localhost:4566":            false,
		"bucket.localhost:4566":     false,
		"[::1]:4566":                false,
		"127.0.0.2":                 false,
		"evil.example":              true,
		"evil.example:4566":         true,
		"127.0.0.1.evil.example":    true,
		"localhost.evil.example:80": true,
		"notlocalhost":              true,
		"10.0.0.1":                  true,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"Name":"/a"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("X-Amz-Target", "AmazonSSM.GetParameter")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if got := response.StatusCode == http.StatusForbidden; got != refused {
			t.Errorf("Host %q: status %d", host, response.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
