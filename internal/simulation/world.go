package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
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

	visibility  = 150 * time.Second // after which a message that is not done comes again
	maxReceives = 60                // far above what any message needs
	staleness   = 8 * time.Second   // how far back a stale read answers at most
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
	lost      map[string]bool        // names that lost an event of a value
	tagLost   map[string]bool        // names that lost an event of tags
	labelLost map[string]bool        // names that lost an event of labels, or lost one without an event
	dropped   map[string][]time.Time // by name, deletions whose event was lost
	came      map[string]time.Time   // by event, when it was first handed out
	newest    map[string]time.Time
	stepped   map[string]stepped
	active    map[string]int // recorders that are handling a name
	recorders int
	listings  int
	problems  []string
	complete  []listing // those that the archive notes as complete

	waiting sync.WaitGroup // messages that are not done
}

// listing is a complete listing by a reconcile.
type listing struct {
	began ssmbak.Time
	ended time.Time
}

// message is one event on its way.
type message struct {
	id       string
	event    ssmapi.Event
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
		draws: make(map[string]int), lost: make(map[string]bool), tagLost: make(map[string]bool), labelLost: make(map[string]bool), dropped: make(map[string][]time.Time), came: make(map[string]time.Time), newest: make(map[string]time.Time), active: make(map[string]int), stepped: make(map[string]stepped),
	}
	w.s3 = s3api.New(s3api.Options{Account: account, Region: region, Seed: int64(p.Seed)})
	w.s3.CreateBucket(bucket, true)
	w.ssm = ssmapi.New(ssmapi.Options{
		Account: account, Region: region, MaxVersions: keptVersions, HistoryPage: historyPage, DescribePage: listPage,
		EmptyPages: true, Emit: w.emit, StaleBy: w.staleBy, StepBack: w.stepBack,
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
	return w.number(subject, w.draws[subject], n)
}

// fixed returns a number below n that depends on the plan's seed and the subject
// alone.
func (w *world) fixed(subject string, n int) int { return w.number(subject, 0, n) }

func (w *world) number(subject string, draws, n int) int {
	h := w.plan.Seed*0x9e3779b97f4a7c15 + uint64(draws)*0xd1342543de82ef95
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

// stepped is the newest version whose time was asked for, since the first of its
// life of which it was.
type stepped struct {
	number      int64
	began, last time.Time
}

// stepBack is how much earlier the time of a version is than that of the one
// before it, if it is: never before the second version of its life was made, nor
// a second before it is made itself.
func (w *world) stepBack(name string, version int64) time.Duration {
	if !w.plan.StepBack {
		return 0
	}
	back := time.Duration(1+w.draw("step back "+name, 400)) * time.Millisecond
	w.mu.Lock()
	defer w.mu.Unlock()
	now, v := time.Now(), w.stepped[name]
	if version == 2 || v.number != version-1 {
		w.stepped[name] = stepped{number: version, began: now, last: now}
		return 0
	}
	v.number = version
	at := v.last.Add(-back)
	if version%2 == 0 || at.Before(v.began) || now.Sub(at) >= time.Second {
		v.last, back = now, 0
	} else {
		v.last = at
		w.counts.Add(SteppedBack)
	}
	w.stepped[name] = v
	return back
}

// staleBy is how far back a read of Parameter Store answers from.
func (w *world) staleBy(op, name string) time.Duration {
	if w.plan.Stale == 0 || time.Since(w.start) == 0 || !w.chance("stale "+op+name, w.plan.Stale) {
		return 0
	}
	ago := time.Duration(w.draw("stale by "+op+name, int(staleness/time.Millisecond))) * time.Millisecond
	now, then := w.truth(name, time.Now()), w.truth(name, time.Now().Add(-ago))
	if op == "ListTagsForResource" && w.plan.Lossy() && then.life != now.life {
		// Tags of a life of which nothing ever came cannot be told from those of
		// the next one, if that begins within seconds.
		return 0
	}
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
	at     time.Time // of the version, or the deletion
	moment time.Time // from when the version is current
	value  string
	tags   map[string]string
	labels map[string]int64
}

func (w *world) truth(name string, at time.Time) truth { return truthOf(w.ssm.Truth(name), at) }

// momentsOf returns when each change counts as made: a version at its own time,
// or a millisecond after the one before it in its life, anything else when it was.
func momentsOf(changes []ssmapi.Change) []time.Time {
	all := make([]time.Time, len(changes))
	var last time.Time // of the version before
	for i, c := range changes {
		all[i] = c.Time
		switch c.Op {
		case "Create":
			last = c.Modified
			all[i] = last
		case "Update":
			if last = last.Add(time.Millisecond); c.Modified.After(last) {
				last = c.Modified
			}
			all[i] = last
		}
	}
	return all
}

func truthOf(changes []ssmapi.Change, at time.Time) truth {
	var t truth
	moments := momentsOf(changes)
	for i, c := range changes {
		if moments[i].After(at) {
			continue
		}
		switch c.Op {
		case "Delete":
			t = truth{life: t.life, at: c.Time}
		case "Create":
			t = truth{live: true, life: t.life + 1, number: c.Version, at: c.Modified, moment: moments[i], value: c.Value}
		case "Update":
			t.live, t.number, t.at, t.moment, t.value = true, c.Version, c.Modified, moments[i], c.Value
		}
		if !c.Time.After(at) || t.tags == nil && t.labels == nil {
			t.tags, t.labels = c.Tags, c.Labels
		}
	}
	return t
}

// nameOf returns the parameter of an event.
func nameOf(e ssmapi.Event) string {
	for _, key := range []string{"name", "parameter-name"} {
		if name, ok := e.Detail[key].(string); ok {
			return "/" + strings.TrimPrefix(name, "/")
		}
	}
	_, name, _ := strings.Cut(e.Resources[0], ":parameter/")
	return "/" + name
}

// lose notes what the loss of an event may hide.
func (w *world) lose(e ssmapi.Event, name string) {
	w.counts.Add(EventLost)
	operation, _ := e.Detail["operation"].(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case e.DetailType == "Tag Change on Resource":
		w.tagLost[name] = true
		w.counts.Add(TagEventLost)
	case operation == "LabelParameterVersion":
		w.labelLost[name] = true
	case operation == "Delete":
		w.dropped[name] = append(w.dropped[name], time.Now())
		fallthrough
	default:
		w.lost[name] = true
	}
}

// emit sends an event on its way: late, twice, out of order or never.
func (w *world) emit(e ssmapi.Event) {
	name := nameOf(e)
	if e.DetailType == "Parameter Store Policy Action" {
		w.counts.Add(Expired)
	}
	w.mu.Lock()
	w.events++
	number := w.events
	w.mu.Unlock()
	copies := 1
	if w.chance("copies", w.plan.Repeat) {
		copies = 2
		w.counts.Add(CameTwice)
	}
	if w.chance("loss", w.plan.Lose) {
		copies = 0
		w.lose(e, name)
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
		m := &message{id: fmt.Sprintf("%s-%d", e.ID, i), event: e, name: name, body: e.JSON(), done: make(chan struct{})}
		w.waiting.Add(1)
		go w.deliver(m, delay, time.Now())
	}
}

// deliver hands a message out until somebody is done with it.
func (w *world) deliver(m *message, delay time.Duration, happened time.Time) {
	defer w.waiting.Done()
	time.Sleep(delay)
	m.sent = time.Now()
	operation, _ := m.event.Detail["operation"].(string)
	deletion := operation == "Delete"
	if (m.event.Source == "aws.tag" || operation == "LabelParameterVersion") && w.truth(m.name, m.sent).number > w.truth(m.name, happened).number {
		w.counts.Add(LateAttribute)
	}
	w.mu.Lock()
	if _, again := w.came[m.event.ID]; !again {
		w.came[m.event.ID] = m.sent
	}
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
		err := w.user(client, c)
		var full *types.ParameterMaxVersionLimitExceeded
		switch {
		case errors.As(err, &full):
			w.counts.Add(LabelBlocks)
		case err != nil && !refused(err):
			w.problem("the plan's change %v: %v", c, err)
		}
	}
}

// user makes one change.
func (w *world) user(client *ssm.Client, c Change) (err error) {
	ctx := context.Background()
	switch c.Op {
	case Put:
		in := &ssm.PutParameterInput{Name: &c.Name, Value: &c.Value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		if c.Secret {
			in.Type = types.ParameterTypeSecureString
		}
		if c.Expires {
			in.Tier = types.ParameterTierAdvanced
			in.Policies = aws.String(fmt.Sprintf(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":%q}}]`, time.Now().Add(time.Second).UTC().Format("2006-01-02T15:04:05.000Z")))
		}
		_, err = client.PutParameter(ctx, in)
	case Delete:
		_, err = client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &c.Name})
	case Tag:
		_, err = client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &c.Name,
			Tags: []types.Tag{{Key: aws.String("t"), Value: &c.Value}, {Key: aws.String("u"), Value: &c.Value}},
		})
	case Untag:
		_, err = client.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &c.Name, TagKeys: []string{"u"},
		})
	case Label:
		_, err = client.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: &c.Name, ParameterVersion: &c.Number, Labels: []string{"prod", c.Value}})
	case Unlabel:
		out, unlabelErr := client.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: &c.Name, ParameterVersion: &c.Number, Labels: []string{c.Value}})
		if err = unlabelErr; err == nil && len(out.RemovedLabels) > 0 {
			w.mu.Lock()
			w.labelLost["/"+strings.TrimPrefix(c.Name, "/")] = true // no event tells of it
			w.mu.Unlock()
			w.counts.Add(Unlabelled)
		}
	case Expire:
		w.ssm.Expire(time.Now())
	}
	return err
}

// refused reports whether Parameter Store took no notice of a change: a plan does
// not know exactly what is there when it comes.
func refused(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api)
}

func (w *world) connect(ctx context.Context, client aws.HTTPClient) *awsconn.Conn {
	conn, err := awsconn.Load(ctx, awsconn.Options{
		Region: region, Anonymous: true, Unsigned: true, EndpointURL: "http://127.0.0.1:4566", HTTPClient: client,
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
	if p.Hurt > 0 {
		others.Go(func() { w.hurt(ctx) })
	}
	for i, at := range p.Readers {
		others.Go(func() {
			time.Sleep(time.Until(w.start.Add(at)))
			w.reader(ctx, i)
		})
	}
	others.Wait()
	w.waiting.Wait()
	cancel()
	recorders.Wait()
	w.check()
	return w.problems
}

// hurt lays a delete marker on an index, as somebody may by mistake, and has it
// rebuilt after a while.
func (w *world) hurt(ctx context.Context) {
	time.Sleep(time.Until(w.start.Add(w.plan.Hurt)))
	conn := w.connect(ctx, plainClient{w})
	name := w.plan.Changes[0].Name
	key := ".ssmbak/index/" + strings.TrimPrefix(name, "/")
	if top := w.s3.Versions(bucket, key); len(top) == 0 || top[0].Marker {
		return
	}
	if _, err := conn.S3().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
		w.problem("delete an index: %v", err)
		return
	}
	w.counts.Add(IndexUnderMarker)
	time.Sleep(2 * time.Minute)
	a, err := w.open(ctx, conn)
	if err != nil {
		w.problem("open the archive: %v", err)
		return
	}
	name = "/" + strings.TrimPrefix(name, "/")
	r, err := a.Reindex(ctx, ssmbak.Name(name))
	if err != nil {
		w.problem("rebuild the index of %s: %v", name, err)
	}
	if !r.Rebuilt {
		// A writer that was paused since before the first index was written has
		// laid a new one over the marker. What only the old one knew is lost.
		w.mu.Lock()
		w.lost[name], w.tagLost[name], w.labelLost[name] = true, true, true
		w.mu.Unlock()
	}
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
	report, err := r.Reconcile(p.ctx, everything, recorder.ReconcileOptions{}) // what it could not do, a later one does
	if err == nil && report.Complete {
		w.mu.Lock()
		w.complete = append(w.complete, listing{report.Began, time.Now()})
		w.mu.Unlock()
	}
}
