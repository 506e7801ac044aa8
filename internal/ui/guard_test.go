package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

// TestGuard checks which requests are admitted.
func TestGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		x := over(w, "/app", true)
		other := over(w, "/app", true)
		set := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		for _, test := range []struct {
			name, method, path string
			change             func(*http.Request)
			want               int
		}{
			{"its own", http.MethodGet, "/", nil, 200},
			{"its own, typed", http.MethodGet, "/", set("Sec-Fetch-Site", "none"), 200},
			{"its own, by a link", http.MethodGet, "/", set("Sec-Fetch-Site", "same-origin"), 200},
			{"its own file", http.MethodGet, "/static/ui.css", nil, 200},
			{"another name of the host", http.MethodGet, "/", func(r *http.Request) { r.Host = "evil.example:4711" }, 403},
			{"localhost", http.MethodGet, "/", func(r *http.Request) { r.Host = "localhost:4711" }, 403},
			{"another port", http.MethodGet, "/", func(r *http.Request) { r.Host = "127.0.0.1:4712" }, 403},
			{"another origin", http.MethodGet, "/", set("Origin", "https://evil.example"), 403},
			{"the origin null", http.MethodPost, "/value", set("Origin", "null"), 403},
			{"another origin's form", http.MethodPost, "/apply", set("Origin", "http://127.0.0.1:9"), 403},
			{"no origin", http.MethodPost, "/apply", func(r *http.Request) { r.Header.Del("Origin") }, 403},
			{"a link of another page", http.MethodGet, "/", set("Sec-Fetch-Site", "cross-site"), 403},
			{"a page of another port", http.MethodGet, "/", set("Sec-Fetch-Site", "same-site"), 403},
			{"no cookie", http.MethodGet, "/", func(r *http.Request) { r.Header.Del("Cookie") }, 403},
			{"no cookie for a file", http.MethodGet, "/static/ui.css", func(r *http.Request) { r.Header.Del("Cookie") }, 403},
			{"the cookie of another run", http.MethodGet, "/", func(r *http.Request) { r.Header.Del("Cookie"); r.AddCookie(other.cookie) }, 403},
			{"a wrong token", http.MethodGet, "/?token=" + strings.Repeat("A", 26), nil, 403},
			{"an address for GET", http.MethodPost, "/tree", nil, 405},
			{"an address for POST", http.MethodGet, "/apply", nil, 405},
		} {
			var form url.Values
			if test.method == http.MethodPost {
				form = url.Values{}
			}
			answer := x.send(test.method, test.path, form, test.change)
			if got := answer.Code; got != test.want && !(test.want == 405 && got == 404) {
				t.Errorf("%s: %d, want %d: %s", test.name, got, test.want, answer.Body)
			}
			h := answer.Header()
			if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'") || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") ||
				h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: the headers are %v", test.name, h)
			}
		}
		stale := x.send(http.MethodGet, "/tree", nil, func(r *http.Request) {
			r.Header.Del("Cookie")
			r.AddCookie(&http.Cookie{Name: x.cookie.Name, Value: "X"})
		})
		contains(t, stale.Body.String(), "refused: this page is that of an earlier run: open the address that ssmbak printed last")
		if c := x.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 0 || !c.Expires.IsZero() {
			t.Errorf("the cookie is %v", c)
		}
		once := strings.TrimPrefix(x.OnceURL(), "http://"+testHost)
		for i, want := range []int{303, 403} {
			if got := x.send(http.MethodGet, once, nil, nil).Code; got != want {
				t.Errorf("use %d of the address for a command line: %d, want %d", i+1, got, want)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	var all tokens[int]
	first := all.issue(1)
	second := all.issue(2)
	if n, ok := all.take(second); n != 2 || !ok {
		t.Errorf("got %d, %v", n, ok)
	}
	if _, ok := all.take(second); ok {
		t.Error("a token is valid twice")
	}
	for range mostTokens {
		all.issue(3)
	}
	if _, ok := all.take(first); ok || len(all.all) != mostTokens || len(all.issued) != mostTokens {
		t.Errorf("%d tokens are kept", len(all.all))
	}
}
