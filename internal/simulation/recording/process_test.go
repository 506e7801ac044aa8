package recording

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/simulation"
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

// process is one running copy of the recorder.
type process struct {
	*simulation.Process
	w *world

	mu       sync.Mutex
	paused   map[string]time.Time // per index, when its writer was last paused
	wrote    map[string]string    // per name, what was written last: value or index
	restores map[string]bool      // indexes whose versions it listed, to restore them
	reads    map[string]int       // per name, the requests to Parameter Store
}

func newProcess(w *world, id string, kill int) *process {
	p := &process{w: w, paused: make(map[string]time.Time), wrote: make(map[string]string), restores: make(map[string]bool), reads: make(map[string]int)}
	p.Process = w.NewProcess(id, p)
	p.KillAt(kill, false)
	return p
}

// start opens the archive, as a function does at its first invocation.
func (p *process) start() (*recorder.Recorder, error) {
	conn := p.w.Connect(p.Context(), p, 0)
	a, err := p.w.open(p.Context(), conn)
	if err != nil {
		return nil, err
	}
	return recorder.New(a, paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()}), recorder.Options{Account: account, Region: region, Parallel: 3}), nil
}

// object is a request as the corners see it.
type object struct {
	simulation.Request
	name  string // the parameter whose index or value it concerns, "" if none
	index bool   // its index, not its value
	first bool   // If-None-Match
	later bool   // If-Match
	part  string // the parameter to whose index it belongs, if it is a part
}

func objectOf(r simulation.Request) object {
	q := object{Request: r, first: r.Header.Get("If-None-Match") != "", later: r.Header.Get("If-Match") != ""}
	if name, ok := strings.CutPrefix(r.Key, ".ssmbak/index"); ok {
		q.name, q.index = name, true
	} else if name, ok := strings.CutPrefix(r.Key, ".ssmbak/parts"); ok {
		q.part = path.Dir(name)
	} else if strings.HasPrefix(r.Key, "/") {
		q.name = r.Key
	}
	return q
}

// Pause lets the process be paused now and then.
func (p *process) Pause(ctx context.Context, q simulation.Request) error {
	p.w.hide(q)
	if !p.w.Chance(q.Subject, p.w.plan.Pause) {
		return nil
	}
	p.mu.Lock()
	for _, name := range p.w.ssm.Names() {
		if _, ok := p.paused[name]; !ok {
			p.paused[name] = time.Now()
		}
	}
	p.mu.Unlock()
	return simulation.Sleep(ctx, time.Duration(p.w.Draw(q.Subject, 100_000))*time.Millisecond)
}

// Killed kills the process where that is due, and before a delete marker now and
// then: there are few, and nothing else comes so late.
func (p *process) Killed(r simulation.Request, due bool) bool {
	if !due && (r.Op != "DeleteObject" || !p.w.Chance(r.Subject, p.w.plan.KillMarker)) {
		return false
	}
	q := objectOf(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch last := p.wrote[q.name]; {
	case q.Op == "PutObject" && q.index && last == "value":
		p.w.Counts.Add(KilledBeforeIndex)
	case q.Op == "PutObject" && q.index && last == "part":
		p.w.Counts.Add(KilledBeforeRun)
	case q.Op == "DeleteObject" && last == "index":
		p.w.Counts.Add(KilledBeforeMarker)
	}
	return true
}

// denied reports whether the process lacks the permission for a request: to read a
// history or a value, or to write an index or a value object. The same request of
// one process is always answered alike.
func (p *process) denied(q object) bool {
	kind, name := q.Op, q.name
	switch {
	case p.w.plan.Deny == 0 || !strings.HasPrefix(p.ID(), "reconcile"):
		return false
	case q.Op == "GetParameterHistory" || q.Op == "GetParameter":
		names := q.Names()
		if len(names) == 0 {
			return false
		}
		name = names[0]
	case q.Op == "PutObject" && q.name != "":
		kind = fmt.Sprint(q.Op, q.index)
	default:
		return false
	}
	if name == neverDenied {
		return false
	}
	return p.w.Fixed(p.ID()+" denied "+kind+" "+name, 1000) < p.w.plan.Deny
}

// Fault makes AWS refuse a request now and then, or cuts the connection.
func (p *process) Fault(r simulation.Request) emulator.Fault {
	q, plan := objectOf(r), &p.w.plan
	chance := func(share int) bool { return p.w.Chance(q.Subject, share) }
	if p.denied(q) {
		p.w.Counts.Add(Denied)
		if q.SSM {
			return emulator.DeniedBySSM
		}
		return emulator.Denied
	}
	switch {
	case chance(plan.Throttle) && q.SSM:
		return emulator.Throttled
	case chance(plan.Throttle):
		return emulator.SlowDown
	case (q.first || q.later) && chance(plan.Conflict):
		p.w.Counts.Add(IndexConflict)
		return emulator.Conflict
	case q.later && chance(plan.Conflict):
		p.w.Counts.Add(IndexVanished)
		return emulator.Fault{Status: http.StatusNotFound, Code: "NoSuchKey"}
	}
	if chance(plan.FailBefore) {
		return emulator.Fault{LostBefore: true}
	}
	return emulator.Fault{LostAfter: chance(plan.FailAfter)}
}

// Serve counts the corners of a request and its answer.
func (p *process) Serve(r simulation.Request, lost bool, send func() *http.Response) *http.Response {
	q := objectOf(r)
	p.observe(q)
	paused := p.overMarker(q)
	response := send()
	if response == nil {
		return nil
	}
	if paused && response.StatusCode < 300 {
		p.w.replace(q.name)
	}
	p.after(q, response.StatusCode)
	if lost && response.StatusCode < 300 {
		switch {
		case q.Op == "PutObject" && q.index:
			p.w.Counts.Add(IndexAnswerLost)
		case q.Op == "PutObject" && q.part != "":
			p.w.Counts.Add(PartAnswerLost)
		case q.Op == "PutObject" && q.name != "":
			p.w.Counts.Add(ValueAnswerLost)
		case q.Op == "DeleteObject":
			p.w.Counts.Add(MarkerAnswerLost)
		}
	}
	return response
}

// observe counts the corners of a request that is about to take effect.
func (p *process) observe(q object) {
	now := time.Now()
	p.mu.Lock()
	for _, name := range q.Names() {
		p.reads[name]++
	}
	p.mu.Unlock()
	switch {
	case q.name == "" || q.index:
	case q.Op == "DeleteObject" && p.w.truth(q.name, now).live:
		p.w.Counts.Add(LateMarker)
	case q.Op == "PutObject":
		ms, _ := strconv.ParseInt(q.Header.Get("X-Amz-Meta-Ssmbak-Time"), 10, 64)
		number, _ := strconv.ParseInt(q.Header.Get("X-Amz-Meta-Ssmbak-Version"), 10, 64)
		is, was := p.w.truth(q.name, now), p.w.truth(q.name, time.UnixMilli(ms))
		if !is.live || is.life != was.life || number <= is.number-keptVersions {
			p.w.Counts.Add(HeldDropped)
		}
		top := p.w.AWS.S3.Versions(bucket, q.name)
		if is.live && is.at.UnixMilli() > ms && len(top) > 0 && top[0].Metadata["ssmbak-time"] == strconv.FormatInt(is.at.UnixMilli(), 10) {
			p.w.Counts.Add(LateOldValue)
		}
	}
}

// read returns the number of requests to Parameter Store about a name.
func (p *process) read(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads[name]
}

// after counts the corners of an answer.
func (p *process) after(q object, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := status < 300
	switch {
	case q.Op == "PutObject" && q.index && status == http.StatusPreconditionFailed:
		switch {
		case q.first:
			p.w.Counts.Add(FirstIndexTaken)
		case p.wrote[q.name] == "part":
			p.w.Counts.Add(RunGivenUp)
		default:
			p.w.Counts.Add(LaterIndexTaken)
		}
		if since, paused := p.paused[q.name]; paused {
			if p.w.truth(q.name, since).life == p.w.truth(q.name, time.Now()).life {
				p.w.Counts.Add(PausedSameLife)
			} else {
				p.w.Counts.Add(PausedOtherLife)
			}
		}
	case q.Op == "ListObjectVersions":
		if name, ok := strings.CutPrefix(q.URL.Query().Get("prefix"), indexKey); ok {
			p.restores[name] = true
		}
	case q.Op == "GetObject" && q.index:
		delete(p.paused, q.name)
	case q.Op == "PutObject" && q.index && ok:
		if p.wrote[q.name] == "part" {
			p.w.Counts.Add(RunClosed)
		}
		p.wrote[q.name] = "index"
		delete(p.restores, q.name)
	case q.Op == "PutObject" && q.part != "" && ok:
		p.wrote[q.part] = "part"
	case q.Op == "PutObject" && q.name != "" && ok:
		p.wrote[q.name] = "value"
	}
}

// slow is the course of requests that only take their time.
type slow struct{ w *world }

func (s slow) Pause(ctx context.Context, q simulation.Request) error {
	s.w.hide(q)
	return simulation.Sleep(ctx, time.Duration(s.w.Draw(q.Subject, 3_000_000))*time.Microsecond)
}

func (slow) Killed(_ simulation.Request, due bool) bool { return due }

func (slow) Fault(simulation.Request) emulator.Fault { return emulator.Fault{} }

func (slow) Serve(_ simulation.Request, _ bool, send func() *http.Response) *http.Response {
	return send()
}
