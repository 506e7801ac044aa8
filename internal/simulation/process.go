package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// Request is one request, as far as it decides what happens to it.
type Request struct {
	*http.Request
	// Op is the operation, as AWS calls it, and SSM whether it is one of Parameter
	// Store or of the tagging API, not of S3.
	Op  string
	SSM bool
	// Key is that of an object, "" if it is about none.
	Key string
	// About distinguishes it from others of its operation, in every run of a seed.
	About string
	// Subject is what its process draws for: About, with process and operation.
	Subject string
}

// recordsPrefix begins the keys of restore records, which end with chance that no
// seed decides.
const recordsPrefix = ".ssmbak/restores/"

func newRequest(process string, r *http.Request) (Request, error) {
	q := Request{Request: r, Op: ssmapi.Operation(r)}
	if q.SSM = q.Op != ""; q.SSM && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return q, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		q.About = string(body)
	} else {
		q.Op, _, q.Key = s3api.Operation(r)
		switch q.About = q.Key; {
		case q.Record():
			q.About = recordsPrefix
		case q.Key == "": // a listing is about its prefix
			q.About = r.URL.RawQuery
		}
	}
	q.Subject = process + " " + q.Op + " " + q.About
	return q, nil
}

// Record reports whether it is about the record of a restore.
func (q Request) Record() bool { return strings.HasPrefix(q.Key, recordsPrefix) }

// Names are the parameters that a request to Parameter Store names, without their
// version or label. Those in a filter are not among them.
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

// Course is what happens to the requests of a process. It may be asked by many
// goroutines at once.
type Course interface {
	// Pause may take time before a request is sent, but no longer than ctx lasts.
	Pause(ctx context.Context, q Request) error
	// Killed reports whether the process is killed at the request. due says that
	// [Process.KillAt] has it killed there.
	Killed(q Request, due bool) bool
	// Fault is what goes wrong with it. Lost answers are drawn in advance.
	Fault(q Request) emulator.Fault
	// Serve lets a request take effect that no fault keeps from it: it calls send
	// once and returns what that did. lost says that the answer will be lost.
	Serve(q Request, lost bool, send func() *http.Response) *http.Response
}

// Process is one running program and its connection to AWS. It may be used by many
// goroutines at once.
type Process struct {
	id     string
	w      *World
	course Course
	ctx    context.Context //nolint:containedctx // a process ends as a whole, between any two requests
	cancel context.CancelFunc

	mu       sync.Mutex
	requests int
	killAt   int
	after    bool
	dead     bool
}

// NewProcess starts a process. Its id is part of what it draws for.
func (w *World) NewProcess(id string, course Course) *Process {
	p := &Process{id: id, w: w, course: course}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// ID is the id of the process.
func (p *Process) ID() string { return p.id }

// Context ends with the process.
func (p *Process) Context() context.Context { return p.ctx }

// End ends the process's context.
func (p *Process) End() { p.cancel() }

// KillAt kills the process at the nth request from now on, 0 for none: before it is
// sent, or with after when it took effect.
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
	// errKilled is what a process sees that is no more: nobody tries it again.
	errKilled = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errLost   = errors.New("the answer was lost")
)

// Do sends one request through everything that can happen to it.
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

// latency is how long half of a request takes.
func (p *Process) latency(q Request) error {
	return Sleep(q.Context(), time.Duration(500+p.w.Draw(q.Subject, 30_000))*time.Microsecond)
}

// count counts a request, and says whether the process is killed at it, or was at an
// earlier one.
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

// send lets a request take effect, or a fault keep it from that.
func (w *World) send(r *http.Request, fault emulator.Fault) (*http.Response, error) {
	return w.AWS.ClientWith(func(string, string, string) emulator.Fault { return fault }).Transport.RoundTrip(r)
}
