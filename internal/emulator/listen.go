package emulator

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// loopbackOnly rejects requests whose host is not a loopback address. A web page can send
// these by making its name resolve to a loopback address.
func loopbackOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
		ip := net.ParseIP(host)
		if host != "localhost" && !strings.HasSuffix(host, ".localhost") && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, fmt.Sprintf("the Host header %q does not name a loopback address", r.Host), http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
