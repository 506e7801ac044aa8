// Package restore brings parameters back to what they were at a moment.
//
// # The model
//
// A [Plan] compares two things: what the archive says of each parameter at the
// moment, and what Parameter Store holds now. It says for each parameter what
// has to be done and which attributes differ, and nothing is written until
// [Restorer.Apply] is called with it. What decides about a parameter is a pure
// function of these two, so a plan that is shown is the plan that is applied.
//
// # What a restore never does
//
// It acts on no state that is unknown, unless [Options.AssumeLastKnown] is set.
// It overwrites and deletes no live version that the archive does not hold with
// its value. It writes nothing that is equal already. It leaves a parameter
// alone that was changed since the plan was made. Tags whose keys begin with
// aws: belong to AWS and are neither sent nor removed.
//
// # The way back
//
// Before a restore writes to Parameter Store, its record stands in the archive:
// what it is about to change, and what was there. [Restorer.Undo] plans the way
// back from it, whether the restore ended, failed or was killed. The way back is
// a restore like any other and can itself be taken back.
//
// Each parameter is looked at again at most a second before its write is sent, and
// left alone if it changed. Parameter Store has no conditional write: a change that
// comes between that look and the write is overwritten. It is found by the number
// that the write gets, and reported.
//
// # Concurrency
//
// A [Restorer] may be used by many goroutines at once. A [Plan] must not be
// changed while it is applied.
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

// Syncer looks at one live parameter and records what the archive lacks of it.
// It may be called for several names at once, and again for the same name. It
// returns an error if the look was not recorded; a name that is not there is
// recorded as gone, without an error.
type Syncer interface {
	Sync(ctx context.Context, name ssmbak.Name) error
}

// Options tune a [Restorer]. The zero value works.
type Options struct {
	plan.Options
	// FindNew makes the plan show live parameters that the archive does not know,
	// which costs a listing of the account. Without it they are looked for only
	// where they may matter: Exact is set, or no complete listing says that they
	// were created after the moment.
	FindNew bool
	// By is who restores, and Arguments how they said so, for the record.
	By, Arguments string
	// Recreation is how long a name is left alone after its deletion before it is
	// created anew: the 30 seconds that AWS asks for if zero, none if negative.
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
	Recreation time.Duration
	// Parallel bounds the parameters that are worked on at once in Parameter
	// Store, 32 if zero.
	Parallel int
	// Logger takes what happens below the answers; nothing if nil. No value
	// ever reaches it.
	Logger *slog.Logger
	// Began is called with the id of a restore when its record is in the archive,
	// before Apply writes anything else.
	Began func(id string)
	// Away is called when a parameter is deleted to be created again and when it is
	// there again, for several parameters at once.
	Away func(Absence)
	// Progress is called after each parameter that Apply worked on, one call at
	// a time. total counts the parameters that the plan wants to change.
	Progress func(done, total int)
}

// Restorer plans restores and applies them.
type Restorer struct {
	archive *archive.Archive
	live    *paramstore.Store
	sync    Syncer
	o       Options
	// images is set while Apply works.
	images *images
}

// New returns a Restorer from an archive to the Parameter Store of the same
// account and region. sync records what the archive lacks of the live
// parameters before they are changed; without one, nil, parameters whose live
// version is not recorded are refused.
func New(a *archive.Archive, live *paramstore.Store, sync Syncer, o Options) *Restorer {
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	if o.Recreation == 0 {
		o.Recreation = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Restorer{archive: a, live: live, sync: sync, o: o}
}

// Absence is the time between the deletion of a parameter that is replaced and
// its creation.
type Absence struct {
	Name ssmbak.Name
	// Until is when the parameter is created again at the earliest, in
	// milliseconds of UTC; zero while its deletion is under way.
	Until ssmbak.Time
	// Over says that the parameter is there again, or still. Without it, it is
	// deleted, or will be in a moment.
	Over bool
}

func (o Options) away(a Absence) {
	if o.Away != nil {
		o.Away(a)
	}
}

// progress returns a function that reports one more parameter as done.
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
