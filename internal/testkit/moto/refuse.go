package moto

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// failing are the operations that moto 5.2.1 can answer with 500: that of a stack's key, whose
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
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		code, body := answer.Code, answer.Body.Bytes()
		if code == http.StatusInternalServerError {
			code, body = http.StatusBadRequest, []byte(`{"__type":"AccessDeniedException","Message":"moto fails here"}`)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(code)
		_, _ = w.Write(body) // or the client is gone
	})
}
