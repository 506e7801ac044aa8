package sweep

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/simulation"
)

// failure is a way in which a request fails.
type failure string

const (
	none    failure = ""
	refused failure = "refused"                 // an error, without an effect
	failed  failure = "failed after its effect" // an error, although the request took effect
	cut     failure = "answer lost"             // it took effect, and the connection broke
	retried failure = "answer lost, sent again" // the same, and the client repeats the request
	killed  failure = "killed after its effect" // it took effect, and the process ended
)

// ofReads and ofWrites are the ways in which reads and writes fail, those first that a
// short run tries. A read has no effect, and a process that is killed before a write is one
// that is killed after the write before it.
var (
	ofReads  = []failure{refused, cut}
	ofWrites = []failure{killed, cut, failed, refused, retried}
)

// request identifies a request in every run of a scene, however goroutines take turns.
type request struct {
	subject string
	number  int // of the requests with this subject, from 1
}

// sent is a request that a process sent.
type sent struct {
	request
	writes bool
}

// writes reports whether an operation changes something.
func writes(op string) bool {
	for _, verb := range []string{"Put", "Delete", "Copy", "Label", "Unlabel", "AddTags", "RemoveTags"} {
		if strings.HasPrefix(op, verb) {
			return true
		}
	}
	return false
}

// fault is a request that fails. The zero value means that none does.
type fault struct {
	request
	how failure
}

// process is a running program, of whose requests one may fail.
type process struct {
	*simulation.Process
	w     *world
	fault fault

	mu       sync.Mutex
	requests map[string]int // by subject
	trace    []sent
	failing  *http.Request // the one that fails, once it was sent
}

func (w *world) newProcess(id string, f fault) *process {
	p := &process{w: w, fault: f, requests: make(map[string]int)}
	p.Process = w.NewProcess(id, p)
	p.KillAt(0, true)
	return p
}

// connection returns options that send all requests with the process. Unless the failure
// is that of a response whose request is repeated, no request is repeated, so that the
// code under test sees it.
func (p *process) connection() awsconn.Options {
	attempts := 1
	if p.fault.how == retried {
		attempts = 3
	}
	return awsconn.Options{
		Region: simulation.Region, EndpointURL: "http://127.0.0.1:4566", Anonymous: true, Unsigned: true, HTTPClient: p, MaxAttempts: attempts,
		Backoff: func(int) time.Duration { return 100 * time.Millisecond },
	}
}

// connect returns a connection with these options.
func (p *process) connect() *awsconn.Conn {
	conn, err := awsconn.Load(p.Context(), p.connection())
	p.w.must(err)
	return conn
}

// reached reports whether the request that is to fail was sent.
func (p *process) reached() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failing != nil
}

// requestsSent returns the requests of the process.
func (p *process) requestsSent() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.trace)
}

func (p *process) Pause(context.Context, simulation.Request) error { return nil }

func (p *process) Killed(q simulation.Request, _ bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[q.Subject]++
	r := request{q.Subject, p.requests[q.Subject]}
	p.trace = append(p.trace, sent{r, writes(q.Op)})
	if r != p.fault.request {
		return false
	}
	p.failing = q.Request
	p.w.Event("%s: %s", p.fault.how, q.Subject)
	return p.fault.how == killed
}

// fails reports whether a request is the one that fails in one of these ways.
func (p *process) fails(q simulation.Request, how ...failure) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return q.Request == p.failing && slices.Contains(how, p.fault.how)
}

func (p *process) Fault(q simulation.Request) emulator.Fault {
	if p.fails(q, refused) {
		return emulator.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError"}
	}
	return emulator.Fault{LostAfter: p.fails(q, cut, retried)}
}

func (p *process) Serve(q simulation.Request, _ bool, send func() *http.Response) *http.Response {
	response := send()
	if response == nil || !p.fails(q, failed) {
		return response
	}
	w := httptest.NewRecorder()
	if q.SSM {
		ssmapi.WriteError(w, http.StatusInternalServerError, "InternalServerError", "the response of a request that took effect")
	} else {
		s3api.WriteError(w, q.Request, http.StatusInternalServerError, "InternalError", "the response of a request that took effect")
	}
	response = w.Result()
	response.Request = q.Request
	return response
}
