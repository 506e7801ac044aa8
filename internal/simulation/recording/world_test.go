package recording

import (
	"context"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/timeline"
)

const (
	account = simulation.Account
	region  = simulation.Region
	bucket  = simulation.Bucket

	keptVersions = 4 // Parameter Store's 100, small enough to be passed often
	historyPage  = 2 // its pages of 50
	listPage     = 2

	visibility  = 150 * time.Second // after which a message that is not done comes again
	maxReceives = 60                // far above what any message needs
	staleness   = 8 * time.Second   // how far back a stale read answers at most
)

// smallParts divides an index after a few versions. Like the archive's own limits, they
// keep as many versions in the index as Parameter Store keeps.
var smallParts = archive.PartLimits{Limits: timeline.Limits{Keep: keptVersions, Least: 1, Most: 2, Runs: 2}, Versions: keptVersions + 2, Bytes: 1 << 20}

// world is everything that a plan happens to.
type world struct {
	*simulation.World
	plan  Plan
	ssm   *ssmapi.Store
	inbox chan *message

	stale bool // reads may be stale

	mu        sync.Mutex
	events    int
	calls     int                    // messages of CloudTrail
	requests  map[string][]request   // by name
	noted     map[string]int         // by name, the number of changes whose requests are known
	lost      map[string]bool        // names that lost an event of a value
	tagLost   map[string]bool        // names that lost an event of tags
	labelLost map[string]bool        // names that lost an event of labels, or lost one without an event
	dropped   map[string][]time.Time // by name, deletions whose event was lost
	came      map[string]time.Time   // by event, when it was first delivered
	newest    map[string]time.Time
	stepped   map[string]stepped
	active    map[string]int // recorders that are processing a name
	recorders int
	listings  int
	complete  []listing // those that the archive notes as complete
	hidden    int       // how often something was hidden
	heals     sync.WaitGroup

	waiting sync.WaitGroup // messages that are not done
}

func newWorld(p Plan, counts *simulation.Counts) *world {
	w := &world{
		requests: make(map[string][]request), noted: make(map[string]int), stale: p.Stale > 0,
		plan: p, inbox: make(chan *message, 10_000),
		lost: make(map[string]bool), tagLost: make(map[string]bool), labelLost: make(map[string]bool), dropped: make(map[string][]time.Time), came: make(map[string]time.Time), newest: make(map[string]time.Time), active: make(map[string]int), stepped: make(map[string]stepped),
	}
	w.World = simulation.NewWorld(p.Seed, counts, emulator.Options{SSM: ssmapi.Options{
		MaxVersions: keptVersions, HistoryPage: historyPage, DescribePage: listPage,
		EmptyPages: true, Trail: p.Trail, Emit: w.emit, StaleBy: w.staleBy, StepBack: w.stepBack,
	}})
	w.ssm = w.AWS.SSM
	return w
}

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
	back := time.Duration(1+w.Draw("step back "+name, 400)) * time.Millisecond
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
		w.Counts.Add(SteppedBack)
	}
	w.stepped[name] = v
	return back
}

// staleBy returns how stale the response to a read of Parameter Store is.
func (w *world) staleBy(op, name string) time.Duration {
	if w.plan.Stale == 0 || time.Since(w.Start) == 0 || !w.Chance("stale "+op+name, w.plan.Stale) {
		return 0
	}
	ago := time.Duration(w.Draw("stale by "+op+name, int(staleness/time.Millisecond))) * time.Millisecond
	now, then := w.truth(name, time.Now()), w.truth(name, time.Now().Add(-ago))
	if op == "ListTagsForResource" && w.plan.Lossy() && then.life != now.life {
		// Tags of a life without any event cannot be distinguished from those of the
		// next one, if that begins within seconds.
		return 0
	}
	switch {
	case op == "DescribeParameters" && now.live && !then.live:
		w.Counts.Add(ListingMissed)
	case op != "GetParameterHistory":
	case now.live && !then.live:
		w.Counts.Add(StaleAfterCreate)
	case then.live && then.life != now.life:
		w.Counts.Add(StaleOldLife)
	}
	return ago
}

// connect returns a connection that nothing goes wrong with.
func (w *world) connect(ctx context.Context) *awsconn.Conn { return w.Connect(ctx, w.AWS.Client(), 0) }

// open opens the archive and makes it ready for writing.
func (w *world) open(ctx context.Context, conn *awsconn.Conn) (*archive.Archive, error) {
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, DivideIndexes: true, Parts: smallParts})
	if err != nil {
		return nil, err
	}
	return a, a.Establish(ctx)
}
