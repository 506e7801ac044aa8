package restore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// users made what no run of a restore made.
const users = -1

// run is one process that restores: the place where its requests are slow, fail,
// and where it is killed.
type run struct {
	s      *story
	id     int
	writer int // who made the changes that its requests make
	// Of 1,000 requests so many are troubled, and so many changes are preceded by
	// one of a user.
	trouble, ambush int
	attempts        int
	// killAt is the request at which it is killed, counted from when it was
	// armed, 0 for never; killAfter says that the request still takes effect.
	killAt    int
	killAfter bool

	mu       sync.Mutex
	armed    bool
	dead     bool
	last     asked // the last request
	requests int
	wrote    int // changes of Parameter Store
	recorded bool
	ended    bool                 // the record was written again
	looks    map[string]time.Time // when it looked at a parameter last
}

// asked is what a request asks for, as far as it matters here.
type asked struct {
	service, op string
	key         string // of an object
	names       []string
	subject     string // the same for the same request sent again
}

func ask(r *http.Request, body []byte) asked {
	a := asked{service: "s3", op: r.Method, key: r.URL.Path}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		a.service = "ssm"
		_, a.op, _ = strings.Cut(target, ".")
		var in struct {
			Name, ResourceId string
			Names            []string
		}
		_ = json.Unmarshal(body, &in) // what is not there stays empty
		for _, name := range append(in.Names, in.Name+in.ResourceId) {
			if name != "" {
				a.names = append(a.names, "/"+strings.TrimPrefix(name, "/"))
			}
		}
	}
	if a.subject = fmt.Sprint(a.op, " record"); !a.restores() {
		h := fnv.New64a()
		_, _ = h.Write(body)
		a.subject = fmt.Sprintf("%s %s?%s %x", a.op, r.URL.Path, r.URL.RawQuery, h.Sum64())
	}
	return a
}

// restores reports whether it is about the record of a restore.
func (a asked) restores() bool { return strings.Contains(a.key, "/.ssmbak/restores/") }

func (a asked) changes() bool {
	switch a.op {
	case "PutParameter", "DeleteParameter", "DeleteParameters", "LabelParameterVersion", "UnlabelParameterVersion", "AddTagsToResource", "RemoveTagsFromResource":
		return true
	}
	return false
}

var errKilled = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED} // which nobody tries again

// Do sends a request on its way.
func (p *run) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	a := ask(r, body)
	if err := sleep(r.Context(), time.Duration(1+p.s.draw("latency "+a.subject, 40))*time.Millisecond); err != nil {
		return nil, err
	}
	kill, dead := p.count(a)
	if dead || kill && !p.killAfter {
		return nil, errKilled
	}
	fault := emulator.Fault{}
	if !kill {
		fault = p.fault(a)
	}
	if p.armed && a.changes() && p.s.draw("ambush "+a.subject, 1000) < p.ambush {
		p.s.foreign("ambush"+a.subject, a.names[0])
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	response, err := p.serve(r, a, fault)
	p.note(a, body, response, err, fault)
	if kill {
		if err == nil {
			response.Body.Close()
		}
		return nil, errKilled
	}
	return response, err
}

func sleep(ctx context.Context, d time.Duration) error {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// count counts a request, and says whether it is the one at which the process is
// killed, or comes after that.
func (p *run) count(a asked) (kill, dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.armed || p.dead {
		return false, p.dead
	}
	p.requests++
	p.last = a
	p.dead = p.requests == p.killAt
	return p.dead, false
}

// fault draws what goes wrong with a request.
func (p *run) fault(a asked) emulator.Fault {
	if p.s.draw("trouble "+a.subject, 1000) >= p.trouble {
		return emulator.Fault{}
	}
	switch p.s.draw("kind "+a.subject, 4) {
	case 0:
		p.s.counts.add("throttled")
		if a.service == "s3" {
			return emulator.SlowDown
		}
		return emulator.Throttled
	case 1:
		p.s.counts.add("failed before its effect")
		return emulator.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError"}
	case 2:
		p.s.counts.add("failed before its effect")
		return emulator.Fault{LostBefore: true}
	}
	p.s.counts.add("answer lost")
	return emulator.Fault{LostAfter: true}
}

// serve lets the request happen, and notes whose change it was.
func (p *run) serve(r *http.Request, a asked, fault emulator.Fault) (response *http.Response, err error) {
	send := func() {
		response, err = p.s.aws.ClientWith(func(string, string, string) emulator.Fault { return fault }).Do(r)
	}
	if !a.changes() {
		send()
		return response, err
	}
	for _, change := range p.s.as(p.writer, a.names, send) {
		p.changed(a, change)
	}
	return response, err
}

// changed checks a change that the run made of a parameter.
func (p *run) changed(a asked, change made) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote++
	if !p.recorded {
		p.s.wrong("run %d: %s of %s before the restore is recorded", p.id, a.op, change.name)
	}
	// A change has its time in whole milliseconds.
	if seen := p.looks[change.name]; change.theirs.After(p.s.planned) && seen.After(change.theirs.Add(2*time.Millisecond)) {
		p.s.wrong("run %d: %s of %s, although the look before it showed what a user did since the plan", p.id, a.op, change.name)
	}
}

// note remembers what the process saw and recorded.
func (p *run) note(a asked, body []byte, response *http.Response, err error, fault emulator.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := err == nil && response.StatusCode < 300
	switch {
	case a.op == "DescribeParameters" && ok:
		for _, name := range p.s.names {
			if bytes.Contains(body, []byte(`"`+name+`"`)) {
				p.looks[name] = time.Now()
			}
		}
	case a.restores() && a.op == http.MethodPut && (ok || fault.LostAfter):
		p.ended = p.recorded && p.wrote > 0
		p.recorded = true
	case a.op == "PutParameter" && fault.LostAfter:
		p.s.lostPuts.Store(a.names[0], true)
	}
}

// begin returns a Restorer of the process, with connections of its own.
func (p *run) begin(o restore.Options) *restore.Restorer {
	trouble := p.trouble
	p.looks, p.trouble = make(map[string]time.Time), 0
	conn, err := awsconn.Load(p.s.Context(), awsconn.Options{
		Region: region, EndpointURL: "http://127.0.0.1", HTTPClient: p, Anonymous: true, Unsigned: true, MaxAttempts: p.attempts,
		Backoff: func(attempt int) time.Duration { return time.Duration(attempt*attempt) * 103 * time.Millisecond },
	})
	p.s.must(err)
	a, err := archive.Open(p.s.Context(), conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region})
	p.s.must(err)
	p.trouble = trouble
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	o.Logger = slog.New(slog.NewTextHandler(&p.s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return restore.New(a, live, recorder.New(a, live, recorder.Options{Account: account, Region: region, Logger: o.Logger}), o)
}

// logged is what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}
