package moto

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// TestSerialize sends requests while another one is under way: a write waits for
// the write of the same object and for nothing else.
func TestSerialize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, path string
		waits              bool
	}{
		{"a write of the same object", http.MethodPut, "/bucket//a/b", true},
		{"a deletion of the same object", http.MethodDelete, "/bucket//a/b?versionId=1", true},
		{"a read of the same object", http.MethodGet, "/bucket//a/b", false},
		{"a write of another object", http.MethodPut, "/bucket//a/c", false},
		{"a request to another service", http.MethodPost, "/", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				entered, release := 0, make(chan struct{})
				h := serialize(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					entered++ // by one at a time: each waits for synctest
					<-release
				}))
				send := func(method, path string) {
					go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
					synctest.Wait()
				}
				send(http.MethodPut, "/bucket//a/b")
				send(test.method, test.path)
				if waits := entered == 1; waits != test.waits {
					t.Errorf("%d requests are under way; waits: %v, want %v", entered, waits, test.waits)
				}
				close(release)
				synctest.Wait()
				if entered != 2 {
					t.Errorf("%d requests were let through, want both", entered)
				}
			})
		})
	}
}
