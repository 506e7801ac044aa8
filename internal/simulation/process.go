package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Request is a request with what determines its course.
type Request struct {
	*http.Request
	// Op is the operation's name in AWS. SSM reports whether it is an operation of
	// Parameter Store, of the tagging API or of KMS, and not of S3.
	Op  string
	SSM bool
	// Key is the key of the object, or "".
	Key string
	// About distinguishes it from other requests of its operation, reproducibly.
	About string
	// Subject is the subject of draws: the process, the operation and About.
	Subject string
}

// The keys of restore records and of parts of an index end with a random part that does
// not depend on the seed.
const (
	recordsPrefix = ".ssmbak/restores/"
	partsPrefix   = ".ssmbak/parts/"
	leavesPrefix  = ".ssmbak/checkpoints/leaves/"
)

func newRequest(process string, r *http.Request) (Request, error) {
	q := Request{Request: r, Op: ssmapi.Operation(r)}
	if q.SSM = q.Op != ""; q.SSM && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return q, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		q.About = string(body)
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "TrentService.") {
			q.About = "" // what is signed has random parts
		}
	} else {
		q.Op, _, q.Key = s3api.Operation(r)
		switch q.About = q.Key; {
		case q.Record():
			q.About = recordsPrefix
		case strings.HasPrefix(q.Key, leavesPrefix):
			q.About = leavesPrefix
		case strings.HasPrefix(q.Key, partsPrefix):
			q.About = path.Dir(q.Key)
		case q.Key == "": // a listing is about its prefix
			q.About = r.URL.RawQuery
		case r.Header.Get("X-Amz-Meta-Ssmbak-Version") != "": // values are written at once
			q.About += " " + r.Header.Get("X-Amz-Meta-Ssmbak-Version") + " " + r.Header.Get("X-Amz-Meta-Ssmbak-Time")
		}
	}
	q.Subject = process + " " + q.Op + " " + q.About
	return q, nil
}

// Record reports whether the request is for a restore record.
func (q Request) Record() bool { return strings.HasPrefix(q.Key, recordsPrefix) }

// Names returns the parameters named by a request to Parameter Store, without versions,
// labels and filters.
func (q Request) Names() (names []string) {
	var in struct {
		Name, ResourceId string
		Names            []string
	}
	if !q.SSM || json.Unmarshal([]byte(q.About), &in) != nil {
		return nil
	}
	for _, name := range append(in.Names, in.Name+in.ResourceId) {
		if name, _, _ = strings.Cut(name, ":"); name != "" {
			names = append(names, "/"+strings.TrimPrefix(name, "/"))
		}
	}
	return names
}

// Course determines what happens to the requests of a process. It is safe for concurrent
// use.
type Course interface {
	// Pause can delay a request until ctx is done.
	Pause(ctx context.Context, q Request) error
	// Killed reports whether the process is killed at the request. due reports whether
	// [Process.KillAt] requires it.
	Killed(q Request, due bool) bool
	// Fault returns the fault of a request. Lost responses are drawn in advance.
	Fault(q Request) emulator.Fault
	// Serve executes a request without a fault: it calls send once and returns the
	// response. lost reports whether the response will be lost.
	Serve(q Request, lost bool, send func() *http.Response) *http.Response
}

// Process is a running program and its connection to AWS. It is safe for concurrent use.
type Process struct {
	id     string
	w      *World
	course Course
	ctx    context.Context //nolint:containedctx // a process ends between any two requests
	cancel context.CancelFunc

	mu       sync.Mutex
	requests int
	killAt   int
	after    bool
	dead     bool
}

// NewProcess starts a process. Its random numbers depend on id.
func (w *World) NewProcess(id string, course Course) *Process {
	p := &Process{id: id, w: w, course: course}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// ID returns the ID of the process.
func (p *Process) ID() string { return p.id }

// Context returns a context that is canceled when the process ends.
func (p *Process) Context() context.Context { return p.ctx }

// End cancels the process's context.
func (p *Process) End() { p.cancel() }

// KillAt kills the process at the nth request from now on, or not at all if n is 0. The
// request is not sent or, with after, has taken effect.
func (p *Process) KillAt(n int, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killAt, p.after = 0, after; n > 0 {
		p.killAt = p.requests + n
	}
}

// Dead reports whether the process was killed.
func (p *Process) Dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

var (
	// errKilled is the error of the requests of a killed process. It is not retried.
	errKilled = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errLost   = errors.New("the response was lost")
)

// Do sends a request with the delays and faults of the course.
func (p *Process) Do(r *http.Request) (*http.Response, error) {
	q, err := newRequest(p.id, r)
	if err != nil {
		return nil, err
	}
	if err := p.latency(q); err != nil {
		return nil, err
	}
	if err := p.course.Pause(r.Context(), q); err != nil {
		return nil, err
	}
	kill, dead := p.count(q)
	if kill {
		defer p.cancel()
	}
	if dead || kill && !p.after {
		return nil, errKilled
	}
	if err := r.Context().Err(); err != nil && !kill {
		return nil, err
	}
	fault := emulator.Fault{}
	if !kill {
		fault = p.course.Fault(q)
	}
	lost := fault.LostAfter
	if fault.LostAfter = false; fault != (emulator.Fault{}) {
		return p.w.send(q.Request, fault)
	}
	response := p.course.Serve(q, lost, func() *http.Response {
		response, sendErr := p.w.send(q.Request, fault)
		err = sendErr
		return response
	})
	switch {
	case err != nil:
		return nil, err
	case kill:
		return nil, errKilled
	case lost:
		return nil, errLost
	}
	if err := p.latency(q); err != nil {
		return nil, err
	}
	return response, nil
}

// latency waits for half of the duration of a request.
func (p *Process) latency(q Request) error {
	return Sleep(q.Context(), time.Duration(500+p.w.Draw(q.Subject, 30_000))*time.Microsecond)
}

// count counts a request, and reports whether the process is killed at it or is dead
// already.
func (p *Process) count(q Request) (kill, dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false, true
	}
	p.requests++
	p.dead = p.course.Killed(q, p.requests == p.killAt)
	return p.dead, false
}

// send executes a request with a fault.
func (w *World) send(r *http.Request, fault emulator.Fault) (*http.Response, error) {
	return w.AWS.ClientWith(func(string, string, string) emulator.Fault { return fault }).Transport.RoundTrip(r)
}
