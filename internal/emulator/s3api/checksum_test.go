package s3api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// chunked cuts a body into chunks as the SDKs send them, with a trailer.
func chunked(body string, size int, trailer string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x;chunk-signature=abc\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n" + trailer + "\r\n"
}

// TestChunkedBody sends a body whose checksum comes behind it.
func TestChunkedBody(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("été\r\n", 100)
	sum := checksumOf("crc32", []byte(body)).value
	tests := []struct {
		name, raw, length, trailer string
		status                     int
	}{
		{"complete", chunked(body, 64, "x-amz-checksum-crc32:"+sum+"\r\n"), strconv.Itoa(len(body)), "x-amz-checksum-crc32", http.StatusOK},
		{"wrong checksum", chunked(body, 64, "x-amz-checksum-crc32:AAAAAA==\r\n"), strconv.Itoa(len(body)), "x-amz-checksum-crc32", http.StatusBadRequest},
		{"no checksum, though promised", chunked(body, 64, ""), strconv.Itoa(len(body)), "x-amz-checksum-crc32", http.StatusBadRequest},
		{"another length", chunked(body, 64, "x-amz-checksum-crc32:"+sum+"\r\n"), "7", "x-amz-checksum-crc32", http.StatusBadRequest},
		{"cut short", chunked(body, 64, "")[:200], strconv.Itoa(len(body)), "", http.StatusBadRequest},
		{"not chunked", body, strconv.Itoa(len(body)), "", http.StatusBadRequest},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := New(Options{})
			s.CreateBucket("bucket", true)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/bucket//app/db", strings.NewReader(test.raw))
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			r.Header.Set("X-Amz-Decoded-Content-Length", test.length)
			r.Header.Set("Content-Encoding", "aws-chunked")
			if test.trailer != "" {
				r.Header.Set("X-Amz-Trailer", test.trailer)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("answered %d %s", w.Code, w.Body)
			}
			v := s.Versions("bucket", "/app/db")
			if (len(v) == 1) != (test.status == http.StatusOK) || len(v) == 1 && string(v[0].Body) != body {
				t.Errorf("stored %+v", v)
			}
		})
	}
}

// TestChecksums compares with the checksums of "hello" that other tools give.
func TestChecksums(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[string]string{
		"crc32": "NhCmhg==", "crc32c": "mnG7TA==", "sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=", "sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
	} {
		if got := checksumOf(algorithm, []byte("hello")).value; got != want {
			t.Errorf("%s is %s, want %s", algorithm, got, want)
		}
	}
	// The check value of CRC-64/NVME 0xae8b14860a799888 is that of "123456789".
	if got := checksumOf("crc64nvme", []byte("123456789")).value; got != "rosUhgp5mIg=" {
		t.Errorf("crc64nvme is %s", got)
	}
}

// FuzzUnchunk checks that the decoded bytes were in the chunks.
func FuzzUnchunk(f *testing.F) {
	f.Add([]byte(chunked("hello", 2, "a:b\r\n")), "5")
	f.Add([]byte("0\r\n\r\n"), "0")
	f.Fuzz(func(t *testing.T, raw []byte, length string) {
		body, _, err := unchunk(raw, length)
		if err == nil && (len(body) > len(raw) || length != strconv.Itoa(len(body)) || !bytes.Contains(raw, body[:min(len(body), 1)])) {
			t.Errorf("%q became %q", raw, body)
		}
	})
}
