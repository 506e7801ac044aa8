package simulation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The corners that a run may reach.
const (
	FirstIndexTaken    = "412 on a first index"
	LaterIndexTaken    = "412 on a later index"
	IndexConflict      = "409 on an index"
	IndexVanished      = "404 on If-Match"
	IndexAnswerLost    = "index written and answer lost"
	ValueAnswerLost    = "value written and answer lost"
	MarkerAnswerLost   = "marker left and answer lost"
	KilledBeforeIndex  = "killed between value and index"
	KilledBeforeMarker = "killed between index and marker"
	PausedSameLife     = "paused across another's swap in the same life"
	PausedOtherLife    = "paused across a swap and a re-creation"
	HeldDropped        = "wrote a value that Parameter Store no longer has"
	LateOldValue       = "an older value on top of a live one"
	LateMarker         = "a delete marker on top of a live value"
	OtherLifeSecret    = "re-created between history and values"
	DroppedSecret      = "gone between history and values"
	StaleOldLife       = "stale read of an old life"
	StaleAfterCreate   = "stale read after a create"
	ListingMissed      = "a listing that misses a live name"
	HandedBack         = "message handed back after recording"
	CameTwice          = "event came twice"
	CameLate           = "event came more than a minute late"
	OutOfOrder         = "event overtaken by a later one of its name"
	EventLost          = "event lost"
	TwoAtOnce          = "two recorders on one name at once"
	ReconcileBeside    = "reconcile beside a recorder"
	ReconcilesBeside   = "reconcile beside itself"
	NeverSeen          = "a Create or Update whose version nobody saw"
	LifeMissed         = "a whole life nobody saw"
	VersionsDropped    = "more versions between looks than are kept"
	SecondOfEverything = "deletion and re-creation in one second"
	TwoDeletions       = "two deletions in one second"
	SteppedBack        = "a version whose time is before the one before it"
	NumberAgain        = "a number used again"
	DeletionAgain      = "a deletion repeated after a re-creation"
	TagEventLost       = "event of a tag lost"
	LateAttribute      = "label or tag event processed after newer versions"
	TwoTagEvents       = "two tag events in one second"
	Unlabelled         = "a label taken away, which no event tells"
	LabelBlocks        = "a label on the oldest version that blocks a put"
	Expired            = "a parameter that expired"
	EndMadeExact       = "an inferred end made exact later"
	IndexUnderMarker   = "an index under a marker"
	LifecycleExpired   = "a value that a lifecycle rule removed"
	ReadInBetween      = "a reader in the middle of a write"
	ProofHeld          = "a reconcile that looks only at what changed"
	Denied             = "a request that a reconcile was not allowed"
	ListedMissed       = "a live parameter that a complete listing could not record"
)

// All lists every corner.
func All() []string {
	return []string{
		FirstIndexTaken, LaterIndexTaken, IndexConflict, IndexVanished, IndexAnswerLost, ValueAnswerLost, MarkerAnswerLost,
		KilledBeforeIndex, KilledBeforeMarker, PausedSameLife, PausedOtherLife, HeldDropped, LateOldValue, LateMarker,
		OtherLifeSecret, DroppedSecret, StaleOldLife, StaleAfterCreate, ListingMissed, HandedBack, CameTwice, CameLate,
		OutOfOrder, EventLost, TwoAtOnce, ReconcileBeside, ReconcilesBeside, NeverSeen, LifeMissed, VersionsDropped,
		SecondOfEverything, TwoDeletions, SteppedBack, NumberAgain, DeletionAgain, TagEventLost, LateAttribute, TwoTagEvents, Unlabelled,
		LabelBlocks, Expired, EndMadeExact, IndexUnderMarker, LifecycleExpired, ReadInBetween, ProofHeld,
		Denied, ListedMissed,
	}
}

// Counts counts corners and answers. It may be used by many goroutines at once.
type Counts struct {
	mu sync.Mutex
	of map[string]int
}

// Add counts one more of a corner.
func (c *Counts) Add(corner string) { c.AddN(corner, 1) }

// AddN counts n more of a corner.
func (c *Counts) AddN(corner string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.of[corner] += n
}

// Get returns the count of a corner.
func (c *Counts) Get(corner string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[corner]
}

// Missing returns the corners that were never reached.
func (c *Counts) Missing() []string {
	return slices.DeleteFunc(All(), func(corner string) bool { return c.Get(corner) > 0 })
}

// String lists every corner with its count.
func (c *Counts) String() string {
	var b strings.Builder
	for _, corner := range All() {
		fmt.Fprintf(&b, "%8d  %s\n", c.Get(corner), corner)
	}
	return b.String()
}

// Report tells the shares of the answers, why last known ones were wrong, and
// every corner.
func (c *Counts) Report() string {
	var b strings.Builder
	shares := func(what string, kinds ...string) {
		sum := 0
		for _, k := range kinds {
			sum += c.Get(k)
		}
		fmt.Fprintf(&b, "%s: %d", what, sum)
		for _, k := range kinds {
			fmt.Fprintf(&b, ", %.1f %% %s", 100*float64(c.Get(k))/float64(max(1, sum)), strings.TrimPrefix(k, what+" "))
		}
		b.WriteByte('\n')
	}
	shares("answers", AnswersProved, AnswersLastKnown, AnswersUnknown)
	shares("tags", TagsKnown, TagsUnknown)
	shares("labels", LabelsKnown, LabelsUnknown)
	for _, cause := range Causes() {
		fmt.Fprintf(&b, "%8d  %s\n", c.Get(cause), cause)
	}
	return b.String() + c.String()
}
