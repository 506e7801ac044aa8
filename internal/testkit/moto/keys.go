package moto

import (
	"io"
	"net/http"
	"strings"
)

// describeNoKey refuses DescribeKey. moto 5.2.1 answers 500 for the key of a stack: its
// policy is not text then (describe_key in moto/kms/responses.py).
func describeNoKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "TrentService.DescribeKey") {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","Message":"moto cannot describe the key of a stack"}`) // the client is gone
	})
}
