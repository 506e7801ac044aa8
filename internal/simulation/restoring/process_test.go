package restoring

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/restore"
)

// users made what no run of a restore made.
const users = -1

// run is one process that restores.
type run struct {
	*simulation.Process
	s      *story
	id     int
	writer int // who made the changes that its requests make
	// Of 1,000 requests so many are troubled, and so many changes are preceded by
	// one of a user.
	trouble, ambush int
	attempts        int
	killAt          int // the request of its application at which it is killed, 0 for never
	killAfter       bool

	mu       sync.Mutex
	applies  bool
	last     simulation.Request
	wrote    int // changes of Parameter Store
	recorded bool
	ended    bool                 // the record was written again
	looks    map[string]time.Time // when it last read a parameter
}

func (s *story) newRun(id int) *run {
	p := &run{s: s, id: id, writer: id, looks: make(map[string]time.Time)}
	p.Process = s.NewProcess(fmt.Sprint("run ", id), p)
	return p
}

// apply begins the application of a plan, in which the process is killed.
func (p *run) apply() {
	p.mu.Lock()
	p.applies = true
	p.mu.Unlock()
	p.KillAt(p.killAt, p.killAfter)
}

// applying reports whether a plan is being applied.
func (p *run) applying() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applies
}

func changes(op string) bool {
	switch op {
	case "PutParameter", "DeleteParameter", "DeleteParameters", "LabelParameterVersion", "UnlabelParameterVersion", "AddTagsToResource", "RemoveTagsFromResource":
		return true
	}
	return false
}

func (p *run) Pause(_ context.Context, q simulation.Request) error {
	p.checkForeign(q)
	p.hide(q)
	return nil
}

func (p *run) Killed(q simulation.Request, due bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = q
	return due
}

// Fault draws what goes wrong with a request.
func (p *run) Fault(q simulation.Request) emulator.Fault {
	if !p.s.Chance("trouble "+q.Subject, p.trouble) {
		return emulator.Fault{}
	}
	switch p.s.Draw("kind "+q.Subject, 4) {
	case 0:
		p.s.Counts.Add("throttled")
		if !q.SSM {
			return emulator.SlowDown
		}
		return emulator.Throttled
	case 1:
		p.s.Counts.Add("failed before its effect")
		return emulator.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError"}
	case 2:
		p.s.Counts.Add("failed before its effect")
		return emulator.Fault{LostBefore: true}
	}
	p.s.Counts.Add("answer lost")
	return emulator.Fault{LostAfter: true}
}

// Serve lets users change a parameter first now and then, and notes whose change the
// request's is.
func (p *run) Serve(q simulation.Request, lost bool, send func() *http.Response) (response *http.Response) {
	if changes(q.Op) {
		names := q.Names()
		if p.applying() && p.s.Chance("ambush "+q.Subject, p.ambush) {
			p.s.foreign("ambush"+q.Subject, names[0])
		}
		for _, change := range p.s.as(p.writer, names, func() { response = send() }) {
			p.changed(q.Op, change)
		}
	} else {
		response = send()
	}
	if response != nil && response.StatusCode < 300 {
		p.note(q, lost)
	}
	return response
}

// changed checks a change that the run made of a parameter.
func (p *run) changed(op string, change made) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote++
	if !p.recorded && !p.s.alone {
		p.s.Problem("run %d: %s of %s before the restore is recorded", p.id, op, change.name)
	}
	// The time of a change has a precision of milliseconds.
	if seen := p.looks[change.name]; change.theirs.After(p.s.planned) && seen.After(change.theirs.Add(2*time.Millisecond)) {
		p.s.Problem("run %d: %s of %s, although the read before it showed a change of a user since the plan", p.id, op, change.name)
	}
}

// note remembers what the process saw and recorded by a request that took effect.
func (p *run) note(q simulation.Request, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case q.Op == "DescribeParameters" && !lost:
		for _, name := range p.s.names {
			if strings.Contains(q.About, `"`+name+`"`) {
				p.looks[name] = time.Now()
			}
		}
	case q.Record() && q.Method == http.MethodPut:
		p.ended = p.recorded && p.wrote > 0
		p.recorded = true
	case q.Op == "PutParameter" && lost:
		p.s.lostPuts.Store(q.Names()[0], true)
	}
}

// begin returns a Restorer of the process, with a connection of its own. Opening the
// archive meets no trouble.
func (p *run) begin(o restore.Options) *restore.Restorer {
	trouble := p.trouble
	p.trouble = 0
	conn := p.s.Connect(p.s.account.Context(), p, p.attempts)
	a, err := archive.Open(p.s.account.Context(), conn.S3(), archive.Options{Bucket: simulation.Bucket, Account: simulation.Account, Region: simulation.Region, Parts: smallParts})
	p.s.account.Must(err)
	if o.Into == here {
		o.From = p.s.openElsewhere(conn)
	}
	p.trouble = trouble
	live := paramstore.New(conn.SSM(), paramstore.Options{})
	o.Logger = slog.New(slog.NewTextHandler(&p.s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if p.s.alone {
		return restore.New(nil, live, nil, o)
	}
	return restore.New(a, live, recorder.New(a, live, recorder.Options{Account: simulation.Account, Region: simulation.Region, Logger: o.Logger}), o)
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
