package moto

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// failing are the operations that moto 5.2.1 answers with 500: that of a stack's key, whose
// policy is not text then (describe_key in moto/kms/responses.py), and one that it does not
// have. The SDK would try them again for minutes.
var failing = []string{"TrentService.DescribeKey", "AmazonSSM.GetServiceSetting"}

// refuse denies the operations that fail.
func refuse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		if !slices.ContainsFunc(failing, func(op string) bool { return strings.HasSuffix(target, op) }) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","Message":"moto fails here"}`) // or the client is gone
	})
}
