// Package restore restores parameters to their state at a time.
//
// # Plans
//
// [Restorer.Plan] compares the state of each parameter at the restored time, from the
// archive, with its state in Parameter Store now. The resulting [Plan] contains for each
// parameter the action and the attributes that differ. Only [Restorer.Apply] changes
// parameters, and it applies exactly the plan that it is given.
//
// # Guarantees
//
// A restore skips parameters whose state is unknown, unless [plan.Options.AssumeLastKnown]
// is set. It does not overwrite or delete a live version unless the archive holds that
// version with its value. It writes no attribute that is already equal. It refuses
// parameters that have changed since the plan was made. It neither sets nor removes tags
// whose keys begin with aws:, which are reserved for AWS.
//
// Each parameter is read again at most one second before its write is sent. Parameter
// Store has no conditional writes: a change between this read and the write is
// overwritten. The number of the written version reveals that, and it is reported.
//
// # Reverts
//
// [Restorer.Revert] plans to take back only what changed between two times. Such a plan is
// applied, recorded and undone like that of a restore.
//
// # Undo
//
// Before a restore writes to Parameter Store, it saves a record in the archive with the
// changes that it is about to make and the states before. From this record,
// [Restorer.Undo] plans the undo of a restore that ended, failed or was killed. An undo is
// itself a restore and can be undone.
//
// # Concurrency
//
// A [Restorer] is safe for concurrent use. A [Plan] must not be changed while it is
// applied.
package restore

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
)

// Syncer reads one live parameter and records what the archive does not have yet. If the
// parameter does not exist, it records that and returns nil. It must be safe for
// concurrent use and may be called repeatedly for the same name. It returns an error if
// the observation was not recorded.
type Syncer interface {
	Sync(ctx context.Context, name ssmbak.Name) error
}

// Options are the options of a [Restorer]. The zero value is ready to use.
type Options struct {
	plan.Options
	// From is the archive whose states are restored, if it is another one than that of the
	// restored Parameter Store: that of another account or region, or a copy. Only
	// [Restorer.Plan] and [Restorer.PlanFile] restore from it; [Restorer.Undo] reads from it
	// which values the undone restore wrote. Nil means the archive that [New] was given.
	From *archive.Archive
	// Into is the place of the restored Parameter Store. It is required with From.
	Into plan.Place
	// Names restricts [Restorer.Plan] and [Restorer.Revert] to these parameters, sorted, which
	// must be below the target's path: nothing else is read. A name without records that is
	// not live is a [*plan.UnmatchedError]. Nil means all parameters of the target.
	Names []ssmbak.Name
	// FindNew includes live parameters that were never recorded, which requires a listing
	// of the account. Without it, they are included only if Exact is set, or if they may
	// have been created before the restored time.
	FindNew bool
	// Brief allows [Restorer.Plan] and [Restorer.Revert], for a path with more than ManyReads
	// parameters, to omit reading what is recorded of parameters that certainly do not differ,
	// or did not change, according to the last complete listing. Their items have [plan.ActionNone] and no states,
	// only the live version. Everything else in the plan is the same.
	Brief bool
	// By is the ARN of the caller, and Arguments are those of the command, for the
	// record, and so is Message, the caller's own words. With By, [Restorer.Undo] also
	// requires that Parameter Store names the author of a restore as the author of what it
	// wrote.
	By, Arguments, Message string
	// Recreation is the time between the deletion and the creation of a name: the 30
	// seconds that AWS recommends if zero, none if negative.
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
	Recreation time.Duration
	// Parallel is the maximum number of parameters that are processed concurrently, 32 if
	// zero.
	Parallel int
	// ManyReads is the maximum number of parameters of which a plan reads the live tags
	// and labels even if the archive knows them: 100 if zero, none if negative. If more are
	// written, tags that are changed are read right before, and others not at all.
	ManyReads int
	// Logger receives details, but never a value. If nil, nothing is logged.
	Logger *slog.Logger
	// Planning is called while [Restorer.Plan], [Restorer.Revert] or [Restorer.Undo] makes a
	// plan, after n parameters have completed a step. Calls may be concurrent.
	Planning func(s Step, n int)
	// Began is called with the ID of a restore when its record is in the archive, before
	// Apply writes to Parameter Store.
	Began func(id string)
	// Away is called when a parameter is deleted to be replaced, and when it exists
	// again. Calls for different parameters may be concurrent.
	Away func(Absence)
	// Progress is called after each parameter that Apply has processed. Calls are not
	// concurrent. total is the number of parameters that the plan changes.
	Progress func(done, total int)
}

// Restorer plans restores and applies them.
type Restorer struct {
	archive *archive.Archive
	live    *paramstore.Store
	sync    Syncer
	o       Options
	// images is set during Apply, and so are guarded for a revert and untested for a plan
	// that read few tags, see [Restorer.guard].
	images   *images
	guarded  bool
	untested map[ssmbak.Name]bool
}

// New returns a Restorer from an archive to the Parameter Store of the same account and
// region. sync records live states that the archive does not have before they are changed.
// If it is nil, parameters whose live version is not recorded are refused.
//
// With [Options.From], the archive may be nil: then nothing is saved before it is
// overwritten, and such a restore has no record and cannot be undone.
func New(a *archive.Archive, live *paramstore.Store, sync Syncer, o Options) *Restorer {
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	if o.ManyReads == 0 {
		o.ManyReads = manyReads
	}
	if o.Recreation == 0 {
		o.Recreation = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Restorer{archive: a, live: live, sync: sync, o: o}
}

// Absence is the time between the deletion and the creation of a replaced parameter.
type Absence struct {
	Name ssmbak.Name
	// Until is the earliest time of the creation, in milliseconds of UTC; zero while the
	// deletion is in progress.
	Until ssmbak.Time
	// Over says that the parameter exists again, or still. Otherwise it is deleted, or
	// about to be.
	Over bool
}

func (o Options) away(a Absence) {
	if o.Away != nil {
		o.Away(a)
	}
}

// progress returns a function that reports the next parameter as processed.
func (o Options) progress(total int) func() {
	if o.Progress == nil {
		return func() {}
	}
	var mu sync.Mutex
	done := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		o.Progress(done, total)
	}
}
