package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/recorder"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	bucket  = "archive"

	keptVersions = 4 // Parameter Store's 100, small enough to be passed often
	historyPage  = 2 // its pages of 50
	listPage     = 2

	visibility  = 90 * time.Second // after which a message that is not done comes again
	maxReceives = 60               // far above what any message needs
	staleness   = 8 * time.Second  // how far back a stale read answers at most
)

// world is everything that a plan happens to.
type world struct {
	plan   Plan
	counts *Counts
	start  time.Time
	s3     *s3api.Store
	ssm    *ssmapi.Store
	inbox  chan *message

	mu        sync.Mutex
	draws     map[string]int
	events    int
	lost      map[string]bool // names that lost an event
	newest    map[string]time.Time
	active    map[string]int // recorders that are handling a name
	recorders int
	listings  int
	problems  []string

	waiting sync.WaitGroup // messages that are not done
}

// message is one event on its way.
type message struct {
	id       string
	name     string
	body     []byte
	sent     time.Time
	receives int
	done     chan struct{}
	once     sync.Once
}

func newWorld(p Plan, counts *Counts) *world {
	w := &world{
		plan: p, counts: counts, start: time.Now(), inbox: make(chan *message, 10_000),
		draws: make(map[string]int), lost: make(map[string]bool), newest: make(map[string]time.Time), active: make(map[string]int),
	}
	w.s3 = s3api.New(s3api.Options{Account: account, Region: region, Seed: int64(p.Seed)})
	w.s3.CreateBucket(bucket, true)
	w.ssm = ssmapi.New(ssmapi.Options{
		Account: account, Region: region, MaxVersions: keptVersions, HistoryPage: historyPage, DescribePage: listPage,
		EmptyPages: true, Emit: w.emit, StaleBy: w.staleBy,
	})
	return w
}

func (w *world) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// draw returns a number below n. It depends on the plan's seed, the subject and
// how often the subject drew before, not on which goroutine came first.
func (w *world) draw(subject string, n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draws[subject]++
	h := w.plan.Seed*0x9e3779b97f4a7c15 + uint64(w.draws[subject])*0xd1342543de82ef95
	for _, c := range []byte(subject) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h ^= h >> 31
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 29
	return int(h % uint64(n))
}

// chance is true in share of 1,000 cases.
func (w *world) chance(subject string, share int) bool { return w.draw(subject, 1000) < share }

// staleBy is how far back a read of Parameter Store answers from.
func (w *world) staleBy(op, name string) time.Duration {
	if w.plan.Stale == 0 || time.Since(w.start) == 0 || !w.chance("stale "+op+name, w.plan.Stale) {
		return 0
	}
	ago := time.Duration(w.draw("stale by "+op+name, int(staleness/time.Millisecond))) * time.Millisecond
	now, then := w.truth(name, time.Now()), w.truth(name, time.Now().Add(-ago))
	switch {
	case op == "DescribeParameters" && now.live && !then.live:
		w.counts.Add(ListingMissed)
	case op != "GetParameterHistory":
	case now.live && !then.live:
		w.counts.Add(StaleAfterCreate)
	case then.live && then.life != now.life:
		w.counts.Add(StaleOldLife)
	}
	return ago
}

// truth is what Parameter Store held of a name at one moment.
type truth struct {
	live   bool
	life   int // counts from 1; of the last life where live is not set
	number int64
	at     time.Time
	value  string
}

func (w *world) truth(name string, at time.Time) truth { return truthOf(w.ssm.Truth(name), at) }

func truthOf(changes []ssmapi.Change, at time.Time) truth {
	var t truth
	for _, c := range changes {
		if c.Time.After(at) {
			break
		}
		switch c.Op {
		case "Delete":
			t = truth{life: t.life, at: c.Time}
		case "Create":
			t = truth{live: true, life: t.life + 1, number: c.Version, at: c.Time, value: c.Value}
		case "Update":
			t = truth{live: true, life: t.life, number: c.Version, at: c.Time, value: c.Value}
		}
	}
	return t
}

// emit sends an event on its way: late, twice, out of order or never.
func (w *world) emit(e ssmapi.Event) {
	name := "/" + strings.TrimPrefix(fmt.Sprint(e.Detail["name"]), "/")
	w.mu.Lock()
	w.events++
	number := w.events
	w.mu.Unlock()
	copies := 1
	if w.chance("copies", 120) {
		copies = 2
		w.counts.Add(CameTwice)
	}
	if w.plan.Lossy && w.chance("loss", 250) {
		copies = 0
		w.counts.Add(EventLost)
		w.mu.Lock()
		w.lost[name] = true
		w.mu.Unlock()
	}
	for i := range copies {
		delay := time.Duration(200+w.draw("delay", 3000)) * time.Millisecond
		if w.chance("late", 250) {
			delay = time.Duration(w.draw("delay", 400_000)) * time.Millisecond
		}
		// No two messages come at one instant, or their order would be chance.
		delay += time.Duration(2*number+i) * time.Microsecond
		if delay > time.Minute {
			w.counts.Add(CameLate)
		}
		m := &message{id: fmt.Sprintf("%s-%d", e.ID, i), name: name, body: e.JSON(), done: make(chan struct{})}
		w.waiting.Add(1)
		go w.deliver(m, delay, time.Now(), e.Detail["operation"] == "Delete")
	}
}

// deliver hands a message out until somebody is done with it.
func (w *world) deliver(m *message, delay time.Duration, happened time.Time, deletion bool) {
	defer w.waiting.Done()
	time.Sleep(delay)
	m.sent = time.Now()
	w.mu.Lock()
	if w.newest[m.name].After(happened) {
		w.counts.Add(OutOfOrder)
	} else {
		w.newest[m.name] = happened
	}
	w.mu.Unlock()
	for m.receives = 1; m.receives <= maxReceives; m.receives++ {
		if deletion && m.receives > 1 && w.truth(m.name, time.Now()).live {
			w.counts.Add(DeletionAgain)
		}
		w.inbox <- m
		select {
		case <-m.done:
			return
		case <-time.After(visibility):
		}
	}
	w.problem("message %s of %s was handed out %d times and never done", m.id, m.name, maxReceives)
}

// users make the plan's changes.
func (w *world) users() {
	conn := w.connect(context.Background(), plainClient{w})
	client := conn.SSM()
	for _, c := range w.plan.Changes {
		time.Sleep(time.Until(w.start.Add(c.At)))
		if c.Delete {
			if _, err := client.DeleteParameter(context.Background(), &ssm.DeleteParameterInput{Name: &c.Name}); err != nil {
				w.problem("the plan's delete of %s: %v", c.Name, err)
			}
			continue
		}
		in := &ssm.PutParameterInput{Name: &c.Name, Value: &c.Value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		if c.Secret {
			in.Type = types.ParameterTypeSecureString
		}
		if _, err := client.PutParameter(context.Background(), in); err != nil {
			w.problem("the plan's put of %s: %v", c.Name, err)
		}
	}
}

func (w *world) connect(ctx context.Context, client aws.HTTPClient) *awsconn.Conn {
	conn, err := awsconn.Load(ctx, awsconn.Options{
		Region: region, Anonymous: true, EndpointURL: "http://127.0.0.1:4566", HTTPClient: client,
		Backoff: func(attempt int) time.Duration { return time.Duration(attempt*attempt) * 103 * time.Millisecond },
	})
	if err != nil {
		panic(err) // the options are constant
	}
	return conn
}

// open opens the archive and makes it ready for writing.
func (w *world) open(ctx context.Context, conn *awsconn.Conn) (*archive.Archive, error) {
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region})
	if err != nil {
		return nil, err
	}
	return a, a.Establish(ctx)
}

// enter notes that a recorder begins to handle a name, and leave that it ended.
func (w *world) enter(batch []*message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorders++
	if w.listings > 0 {
		w.counts.Add(ReconcileBeside)
	}
	for _, name := range namesOf(batch) {
		w.active[name]++
		if w.active[name] > 1 {
			w.counts.Add(TwoAtOnce)
		}
	}
}

func (w *world) leave(batch []*message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorders--
	for _, name := range namesOf(batch) {
		w.active[name]--
	}
}

func namesOf(batch []*message) []string {
	var names []string
	for _, m := range batch {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Run plays a plan and returns what was wrong, nothing if every promise held.
// It must be called inside a bubble of testing/synctest.
func Run(p Plan, counts *Counts) []string {
	w := newWorld(p, counts)
	ctx, cancel := context.WithCancel(context.Background())
	var recorders, others sync.WaitGroup
	others.Go(w.users)
	time.Sleep(p.Established)
	for i, kill := range p.Kills {
		recorders.Go(func() { w.recorder(ctx, i, kill) })
	}
	for i, r := range p.Reconciles {
		others.Go(func() {
			time.Sleep(time.Until(w.start.Add(r.At)))
			w.reconcile(ctx, i, r.Kill)
		})
	}
	others.Wait()
	w.waiting.Wait()
	cancel()
	recorders.Wait()
	w.check()
	return w.problems
}

// recorder is a Lambda function's instance that handles batches until the end
// of the run. A killed one is followed by another.
func (w *world) recorder(ctx context.Context, id, kill int) {
	// Who waits first for a message gets it.
	time.Sleep(time.Duration(id) * time.Millisecond)
	for life := 0; ctx.Err() == nil; life++ {
		p := newProcess(w, fmt.Sprintf("recorder %d.%d", id, life), kill)
		stop := context.AfterFunc(ctx, p.cancel)
		p.handleAll(ctx)
		stop()
		p.cancel()
		kill = 0
		if ctx.Err() == nil {
			time.Sleep(time.Duration(1+w.draw("restart", 5000)) * time.Millisecond)
		}
	}
}

// handleAll takes batches until the process is killed or the run ends.
func (p *process) handleAll(ctx context.Context) {
	var r *recorder.Recorder
	for p.ctx.Err() == nil && ctx.Err() == nil {
		var batch []*message
		select {
		case <-ctx.Done():
			return
		case <-p.ctx.Done():
			return
		case m := <-p.w.inbox:
			batch = append(batch, m)
		}
		for more := true; more && len(batch) < 10; {
			select {
			case m := <-p.w.inbox:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		if r == nil {
			var err error
			if r, err = p.start(); err != nil {
				return // its messages come again
			}
		}
		p.handle(r, batch)
	}
}

func (p *process) handle(r *recorder.Recorder, batch []*message) {
	p.w.enter(batch)
	defer p.w.leave(batch)
	messages := make([]recorder.Message, len(batch))
	for i, m := range batch {
		messages[i] = recorder.Message{ID: m.id, Body: m.body, Sent: m.sent, Receives: m.receives}
	}
	failed := make(map[string]bool)
	for _, f := range r.Handle(p.ctx, messages) {
		failed[f.ID] = true
		if p.ctx.Err() == nil {
			p.w.counts.Add(HandedBack)
		}
	}
	if p.ctx.Err() != nil {
		return // a killed function reports nothing
	}
	for _, m := range batch {
		if !failed[m.id] {
			m.once.Do(func() { close(m.done) })
		}
	}
}

// reconcile runs one reconcile of everything.
func (w *world) reconcile(ctx context.Context, id, kill int) {
	p := newProcess(w, fmt.Sprintf("reconcile %d", id), kill)
	defer p.cancel()
	stop := context.AfterFunc(ctx, p.cancel)
	defer stop()
	w.mu.Lock()
	w.listings++
	if w.listings > 1 {
		w.counts.Add(ReconcilesBeside)
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.listings--
		w.mu.Unlock()
	}()
	r, err := p.start()
	if err != nil {
		return
	}
	_, _ = r.Reconcile(p.ctx, everything, recorder.ReconcileOptions{}) // what it could not do, a later one does
}
