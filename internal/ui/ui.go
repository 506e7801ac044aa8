// Package ui serves a page over an archive on the loopback interface: what changed and
// when, the parameters at any time next to those of now, and, if allowed, restores.
//
// It is a layer over the packages archive, timeline, plan and restore: they decide what
// was when, how certain that is, and what a restore does. Each screen has one function
// that makes its view model, which is tested without a browser, one handler and one
// template.
//
// Only the browser of the person who started it may use the page, see [Server.Handler].
// Nothing needs a script: ui.js adds the keyboard to the strip, copies commands and refreshes
// the progress of a restore.
package ui

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/restore"
)

//go:embed *.html static
var files embed.FS

// Options are the options of [New]. All but AllowRestore, Live,
// MaxRate, Applying and Flags are required.
type Options struct {
	Archive *archive.Archive
	// Target is the path of the parameters that are shown, recursively.
	Target ssmbak.Target
	// Account and Region are those of the archive.
	Account, Region string
	// Live says that the caller's Parameter Store is that of the archive, so that plans can
	// be made. With AllowRestore, they can be applied.
	Live, AllowRestore bool
	// Restorer returns a restorer from the archive to the live parameters, whose options it
	// completes. If AllowRestore is not set, the restorer must write nothing.
	Restorer func(o restore.Options) *restore.Restorer
	// MaxRate is the maximum number of writes per second, 0 for unlimited.
	MaxRate float64
	// Applying is called before a plan is applied, and what it returns after that. It may be
	// nil.
	Applying func(ctx context.Context) (applied func())
	// Flags are the flags with which a command reaches the same archive, each preceded by a
	// space.
	Flags string
	// Now returns the time, in the zone that is shown next to UTC.
	Now func() time.Time
	// Explain returns an error as one clause, and a hint, which may be "".
	Explain func(error) (message, hint string)
	Logger  *slog.Logger
}

// Server serves the page. It is safe for concurrent use.
type Server struct {
	o       Options
	guard   *guard
	secrets tokens[secret]
	plans   tokens[*planned]

	mu      sync.Mutex // guards what follows
	records *records
	settled ssmbak.Time // by then, the writes of the last restore are recorded
	works   map[string]*work
	job     *job
	ended   bool // no restore may begin
	running sync.WaitGroup
	ctx     context.Context // of restores

	firstAnswer time.Duration
}

// New returns a server for requests to one host, such as 127.0.0.1:41234. Restores end when
// ctx does, as those of the commands do.
func New(ctx context.Context, o Options, host string) *Server {
	s := &Server{o: o, guard: newGuard(host), ctx: ctx, works: make(map[string]*work), firstAnswer: firstAnswer}
	s.plans.most = mostPlans
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
	})
	return s
}

// URL returns the address of the page with the token that admits a browser.
func (s *Server) URL() string { return "http://" + s.guard.host + "/?token=" + s.guard.token }

// OnceURL returns an address like that of [Server.URL] that admits one browser. It is for
// the command line of a browser, which other users of the machine may see.
func (s *Server) OnceURL() string {
	return "http://" + s.guard.host + "/?token=" + s.guard.once.issue(struct{}{})
}

// Wait returns when the restore in progress has ended, and reports whether it was
// interrupted.
func (s *Server) Wait() (interrupted bool) {
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.job != nil && s.job.interrupted
}

// Handler returns the handler of all requests. It admits requests for the server's own host
// with the cookie that the token of [Server.URL] is exchanged for, and refuses those that
// other pages make. Every request that writes, or shows a secret, also needs a token that
// is valid once.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(files))
	for pattern, screen := range map[string]func(*http.Request) (*page, error){
		"GET /{$}":       s.changes,
		"GET /tree":      s.tree,
		"GET /parameter": s.parameter,
		"GET /compare":   s.compare,
		"GET /plan":      s.plan,
		"GET /restores":  s.restores,
		"GET /restore":   s.progress,
		"POST /apply":    s.apply,
		"POST /value":    s.value,
		"GET /readAgain": s.readAgain,
		"GET /":          s.nowhere,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, mostForm)
			p, err := screen(r)
			s.answer(w, r, p, err)
		})
	}
	return s.guard.admit(mux)
}

// mostPlans is the number of newest plans that can be applied: a large one takes megabytes.
const mostPlans = 20

// mostForm bounds the bytes of a form: a plan has at most [tickedRows] names of 2,048 bytes.
const mostForm = 4 << 20
