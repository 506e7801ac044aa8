package ui

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy: everything comes from this server, and nothing
// in a page is run.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard decides which requests are admitted.
type guard struct {
	host          string
	token, cookie string // random; the token is exchanged for the cookie
	once          tokens[struct{}]
}

func newGuard(host string) *guard {
	return &guard{host: host, token: rand.Text(), cookie: rand.Text()}
}

// knows reports whether a token admits a browser.
func (g *guard) knows(token string) bool {
	if same(token, g.token) {
		return true
	}
	_, ok := g.once.take(token)
	return ok
}

// cookieName differs for each port, since cookies do not.
func (g *guard) cookieName() string {
	_, port, _ := strings.Cut(g.host, ":")
	return "ssmbak-" + port
}

// admit passes a request to next if it is one of the admitted browser for this server.
func (g *guard) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // none would hide the origin of forms, too
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if problem := g.foreign(r); problem != "" {
			refuse(w, problem)
			return
		}
		if token := r.URL.Query().Get("token"); token != "" && r.Method == http.MethodGet && r.URL.Path == "/" {
			if !g.knows(token) {
				refuse(w, "this address is that of an earlier run: use the one that ssmbak printed last")
				return
			}
			http.SetCookie(w, &http.Cookie{Name: g.cookieName(), Value: g.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		switch c, err := r.Cookie(g.cookieName()); {
		case err != nil:
			refuse(w, "paste the address that ssmbak printed into the address bar of this browser")
			return
		case !same(c.Value, g.cookie):
			refuse(w, "this page is that of an earlier run: open the address that ssmbak printed last")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign returns why a request is not one that this server's pages or a person made, or "".
// A page of another site may reach the loopback interface by a name of its own (DNS
// rebinding), or send requests whose answer it cannot read.
func (g *guard) foreign(r *http.Request) string {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case r.Host != g.host:
		return "this page is served as http://" + g.host + " only"
	case origin != "" && origin != "http://"+g.host:
		return "another page sent this request"
	case site != "" && site != "same-origin" && site != "none":
		return "another page sent this request: paste the address into the address bar"
	case r.Method != http.MethodGet && origin == "":
		return "this request does not say which page sent it"
	}
	return ""
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func refuse(w http.ResponseWriter, problem string) {
	http.Error(w, "refused: "+problem, http.StatusForbidden)
}
