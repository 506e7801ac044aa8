package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

var everything = func() ssmbak.Target {
	t, err := ssmbak.ParseTarget("/", true)
	if err != nil {
		panic(err)
	}
	return t
}()

// process is one running copy of the recorder and its connection to AWS: the
// place where requests are slow, fail, and where it is paused or killed.
type process struct {
	w      *world
	id     string
	ctx    context.Context //nolint:containedctx // a process ends as a whole, between any two requests
	cancel context.CancelFunc
	kill   int

	mu       sync.Mutex
	requests int
	paused   map[string]time.Time // per index, when its writer was last paused
	wrote    map[string]string    // per name, what was written last: value or index
}

func newProcess(w *world, id string, kill int) *process {
	p := &process{w: w, id: id, kill: kill, paused: make(map[string]time.Time), wrote: make(map[string]string)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// start opens the archive, as a function does at its first invocation.
func (p *process) start() (*recorder.Recorder, error) {
	conn := p.w.connect(p.ctx, p)
	a, err := p.w.open(p.ctx, conn)
	if err != nil {
		return nil, err
	}
	return recorder.New(a, paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()}), recorder.Options{Account: account, Region: region, Parallel: 3}), nil
}

var errCut = errors.New("the connection was cut")

// request is one request as the corners see it.
type request struct {
	op    string
	about string // what tells it from others of its kind that are under way
	name  string // the parameter whose index or value it concerns, "" if none
	index bool   // its index, not its value
	first bool   // If-None-Match
	later bool   // If-Match
}

// bodyOf reads the body of a request and leaves it to be read again.
func bodyOf(r *http.Request) string {
	if r.Body == nil {
		return ""
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

func classify(r *http.Request) request {
	if op := ssmapi.Operation(r); op != "" {
		return request{op: op, about: bodyOf(r)}
	}
	op, _, key := s3api.Operation(r)
	about := key
	if about == "" { // a listing is about its prefix
		about = r.URL.RawQuery
	}
	q := request{op: op, about: about, first: r.Header.Get("If-None-Match") != "", later: r.Header.Get("If-Match") != ""}
	if name, ok := strings.CutPrefix(key, ".ssmbak/index"); ok {
		q.name, q.index = name, true
	} else if strings.HasPrefix(key, "/") {
		q.name = key
	}
	return q
}

// Do sends one request through everything that can happen to it.
func (p *process) Do(r *http.Request) (*http.Response, error) {
	q := classify(r)
	subject := p.id + " " + q.op + " " + q.about
	if err := p.before(r.Context(), q, subject); err != nil {
		return nil, err
	}
	if p.denied(q) {
		p.w.counts.Add(Denied)
		status, code := http.StatusForbidden, "AccessDenied"
		if ssmOperation(q.op) {
			status, code = http.StatusBadRequest, "AccessDeniedException"
		}
		return refusal(r, status, code), nil
	}
	if status, code := p.refuse(q, subject); status != 0 {
		return refusal(r, status, code), nil
	}
	if p.w.chance(subject, p.w.plan.FailBefore) {
		return nil, errCut
	}
	p.observe(q, r)
	response := serve(p.w, r)
	p.after(q, response)
	if p.w.chance(subject, p.w.plan.FailAfter) {
		switch {
		case response.StatusCode >= 300:
		case q.op == "PutObject" && q.index:
			p.w.counts.Add(IndexAnswerLost)
		case q.op == "PutObject" && q.name != "":
			p.w.counts.Add(ValueAnswerLost)
		case q.op == "DeleteObject":
			p.w.counts.Add(MarkerAnswerLost)
		}
		return nil, errCut
	}
	if err := sleep(r.Context(), p.latency(subject)); err != nil {
		return nil, err
	}
	return response, nil
}

func (p *process) latency(subject string) time.Duration {
	return time.Duration(500+p.w.draw(subject, 30_000)) * time.Microsecond
}

// before lets the request be slow, and the process be paused or killed.
func (p *process) before(ctx context.Context, q request, subject string) error {
	if err := sleep(ctx, p.latency(subject)); err != nil {
		return err
	}
	if p.w.chance(subject, p.w.plan.Pause) {
		p.mu.Lock()
		for _, name := range p.w.ssm.Names() {
			if _, ok := p.paused[name]; !ok {
				p.paused[name] = time.Now()
			}
		}
		p.mu.Unlock()
		if err := sleep(ctx, time.Duration(p.w.draw(subject, 100_000))*time.Millisecond); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.requests++
	killed := p.requests == p.kill || q.op == "DeleteObject" && p.w.chance(subject, p.w.plan.KillMarker)
	last := p.wrote[q.name]
	p.mu.Unlock()
	if !killed {
		return ctx.Err()
	}
	switch {
	case q.op == "PutObject" && q.index && last == "value":
		p.w.counts.Add(KilledBeforeIndex)
	case q.op == "DeleteObject" && last == "index":
		p.w.counts.Add(KilledBeforeMarker)
	}
	p.cancel()
	return errCut
}

// denied reports whether the process lacks the permission for a request: to read a
// history or a value, or to write an index or a value object. The same request of
// one process is always answered alike.
func (p *process) denied(q request) bool {
	kind, name := q.op, q.name
	switch {
	case p.w.plan.Deny == 0 || !strings.HasPrefix(p.id, "reconcile"):
		return false
	case q.op == "GetParameterHistory" || q.op == "GetParameter":
		var in struct{ Name string }
		if err := json.Unmarshal([]byte(q.about), &in); err != nil {
			return false
		}
		name, _, _ = strings.Cut(in.Name, ":")
		name = "/" + strings.TrimPrefix(name, "/")
	case q.op == "PutObject" && q.name != "":
		kind = fmt.Sprint(q.op, q.index)
	default:
		return false
	}
	if name == neverDenied {
		return false
	}
	return p.w.fixed(p.id+" denied "+kind+" "+name, 1000) < p.w.plan.Deny
}

// refuse makes AWS itself refuse the request now and then.
func (p *process) refuse(q request, subject string) (status int, code string) {
	switch {
	case p.w.chance(subject, p.w.plan.Throttle) && ssmOperation(q.op):
		return http.StatusBadRequest, "ThrottlingException"
	case p.w.chance(subject, p.w.plan.Throttle):
		return http.StatusServiceUnavailable, "SlowDown"
	case (q.first || q.later) && p.w.chance(subject, p.w.plan.Conflict):
		p.w.counts.Add(IndexConflict)
		return http.StatusConflict, "ConditionalRequestConflict"
	case q.later && p.w.chance(subject, p.w.plan.Conflict):
		p.w.counts.Add(IndexVanished)
		return http.StatusNotFound, "NoSuchKey"
	}
	return 0, ""
}

func ssmOperation(op string) bool {
	return strings.HasSuffix(op, "Parameter") || strings.HasSuffix(op, "Parameters") || op == "GetParameterHistory" || op == "ListTagsForResource" || op == "GetResources"
}

// observe counts the corners of a request that is about to take effect.
func (p *process) observe(q request, r *http.Request) {
	now := time.Now()
	switch {
	case q.name == "" || q.index:
	case q.op == "DeleteObject" && p.w.truth(q.name, now).live:
		p.w.counts.Add(LateMarker)
	case q.op == "PutObject":
		ms, _ := strconv.ParseInt(r.Header.Get("X-Amz-Meta-Ssmbak-Time"), 10, 64)
		number, _ := strconv.ParseInt(r.Header.Get("X-Amz-Meta-Ssmbak-Version"), 10, 64)
		is, was := p.w.truth(q.name, now), p.w.truth(q.name, time.UnixMilli(ms))
		if !is.live || is.life != was.life || number <= is.number-keptVersions {
			p.w.counts.Add(HeldDropped)
		}
		top := p.w.s3.Versions(bucket, q.name)
		if is.live && is.at.UnixMilli() > ms && len(top) > 0 && top[0].Metadata["ssmbak-time"] == strconv.FormatInt(is.at.UnixMilli(), 10) {
			p.w.counts.Add(LateOldValue)
		}
	}
}

// after counts the corners of an answer.
func (p *process) after(q request, response *http.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := response.StatusCode < 300
	switch {
	case q.op == "PutObject" && q.index && response.StatusCode == http.StatusPreconditionFailed:
		if q.first {
			p.w.counts.Add(FirstIndexTaken)
		} else {
			p.w.counts.Add(LaterIndexTaken)
		}
		if since, paused := p.paused[q.name]; paused {
			if p.w.truth(q.name, since).life == p.w.truth(q.name, time.Now()).life {
				p.w.counts.Add(PausedSameLife)
			} else {
				p.w.counts.Add(PausedOtherLife)
			}
		}
	case q.op == "GetObject" && q.index:
		delete(p.paused, q.name)
	case q.op == "PutObject" && q.index && ok:
		p.wrote[q.name] = "index"
	case q.op == "PutObject" && q.name != "" && ok:
		p.wrote[q.name] = "value"
	}
}

// plainClient reaches AWS without any trouble.
type plainClient struct{ w *world }

func (c plainClient) Do(r *http.Request) (*http.Response, error) { return serve(c.w, r), nil }

// slowClient reaches AWS without any trouble but that requests take their time.
type slowClient struct {
	w  *world
	id string
}

func (c slowClient) Do(r *http.Request) (*http.Response, error) {
	q := classify(r)
	if err := sleep(r.Context(), time.Duration(500+c.w.draw(c.id+q.op+q.about, 3_000_000))*time.Microsecond); err != nil {
		return nil, err
	}
	return serve(c.w, r), nil
}

// serve lets a request take effect.
func serve(w *world, r *http.Request) *http.Response {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, "ResourceGroupsTaggingAPI"):
		w.ssm.ServeTagging(answer, r)
	case target != "":
		w.ssm.ServeHTTP(answer, r)
	default:
		w.s3.ServeHTTP(answer, r)
	}
	response := answer.Result()
	response.Request = r
	return response
}

// refusal is an answer that never reached the service.
func refusal(r *http.Request, status int, code string) *http.Response {
	body := fmt.Sprintf(`<Error><Code>%s</Code><Message>try again</Message></Error>`, code)
	header := http.Header{"Content-Type": {"application/xml"}}
	if ssmapi.Operation(r) != "" {
		body = fmt.Sprintf(`{"__type":%q,"message":"try again"}`, code)
		header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: header, Request: r,
		Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
