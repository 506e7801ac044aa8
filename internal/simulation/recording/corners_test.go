package recording

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/timeline"
)

// The corners that a run can reach.
const (
	FirstIndexTaken    = "412 on a first index"
	LaterIndexTaken    = "412 on a later index"
	IndexConflict      = "409 on an index"
	IndexVanished      = "404 on If-Match"
	IndexAnswerLost    = "index written, response lost"
	ValueAnswerLost    = "value written, response lost"
	MarkerAnswerLost   = "marker written, response lost"
	KilledBeforeIndex  = "killed between value and index"
	KilledBeforeMarker = "killed between index and marker"
	PausedSameLife     = "paused across another's swap in the same life"
	PausedOtherLife    = "paused across a swap and a re-creation"
	HeldDropped        = "wrote a value that Parameter Store no longer has"
	LateOldValue       = "an older value is the current object of a live parameter"
	LateMarker         = "a delete marker is the current version of a live parameter"
	OtherLifeSecret    = "re-created between history and values"
	DroppedSecret      = "deleted between history and values"
	StaleOldLife       = "stale read of an old life"
	StaleAfterCreate   = "stale read after a create"
	ListingMissed      = "a listing that misses a live name"
	HandedBack         = "message returned after recording"
	CameTwice          = "event came twice"
	CameLate           = "event came more than a minute late"
	OutOfOrder         = "event overtaken by a later one of its name"
	EventLost          = "event lost"
	TwoAtOnce          = "two recorders on one name at once"
	ReconcileBeside    = "reconcile concurrent with a recorder"
	ReconcilesBeside   = "concurrent reconciles"
	NeverSeen          = "a Create or Update whose version was never observed"
	LifeMissed         = "a life that was never observed"
	VersionsDropped    = "more versions between observations than are kept"
	SecondOfEverything = "deletion and re-creation in one second"
	TwoDeletions       = "two deletions in one second"
	SteppedBack        = "a version whose time is before the one before it"
	NumberAgain        = "a number used again"
	DeletionAgain      = "a deletion repeated after a re-creation"
	TagEventLost       = "event of a tag lost"
	LateAttribute      = "label or tag event processed after newer versions"
	TwoTagEvents       = "two tag events in one second"
	Unlabelled         = "a removed label, which causes no event"
	LabelBlocks        = "a label on the oldest version that blocks a put"
	Expired            = "a parameter that expired"
	EndMadeExact       = "an inferred end made exact later"
	IndexUnderMarker   = "an index under a marker"
	EntryUnderMarker   = "an entry of the register under a marker"
	HiddenNamed        = "a reader that names a hidden parameter"
	LifecycleExpired   = "a value that a lifecycle rule removed"
	ReadInBetween      = "a reader in the middle of a write"
	ProofHeld          = "a reconcile that reads only what changed"
	RunClosed          = "the interior of a run moved to a part"
	RunOfRuns          = "runs moved to a part"
	RunGivenUp         = "a run not closed, since the index changed"
	KilledBeforeRun    = "killed between part and index"
	PartAnswerLost     = "part written, response lost"
	PartRead           = "a reader in a part"
	IndexSkipped       = "an index that a reader of a period skips"
	LeftUnread         = "a parameter that a plan finds the same without its index"
	ClosedBeforeRead   = "a late fact about a closed run"
	Denied             = "a request that a reconcile was not allowed"
	ListedMissed       = "a live parameter that a complete listing could not record"
	SettledByIndex     = "an event that the index settled without a read"
	Collapsed          = "events of one name in one batch"
	ForgedDirect       = "a forged event that invokes the function"
	ForgedDeletion     = "a forged deletion in the queue, of a parameter that exists"
	ListingContinued   = "a listing that a later reconcile continues"
	CallLost           = "CloudTrail's record of a request lost"
	ActorKnown         = "who deleted, or changed tags or labels, known"
	ActorUnknown       = "who made a change not known"
	ActorTwin          = "another principal's request for the same change, whose own was lost"
)

// corners must each be reached in enough histories.
var corners = []string{
	FirstIndexTaken, LaterIndexTaken, IndexConflict, IndexVanished, IndexAnswerLost, ValueAnswerLost, MarkerAnswerLost,
	KilledBeforeIndex, KilledBeforeMarker, PausedSameLife, PausedOtherLife, HeldDropped, LateOldValue, LateMarker,
	OtherLifeSecret, DroppedSecret, StaleOldLife, StaleAfterCreate, ListingMissed, HandedBack, CameTwice, CameLate,
	OutOfOrder, EventLost, TwoAtOnce, ReconcileBeside, ReconcilesBeside, NeverSeen, LifeMissed, VersionsDropped,
	SecondOfEverything, TwoDeletions, SteppedBack, NumberAgain, DeletionAgain, TagEventLost, LateAttribute, TwoTagEvents, Unlabelled,
	LabelBlocks, Expired, EndMadeExact, IndexUnderMarker, EntryUnderMarker, HiddenNamed, LifecycleExpired, ReadInBetween, ProofHeld,
	CallLost, ActorKnown, ActorUnknown,
	Denied, ListedMissed, ListingContinued, RunClosed, RunOfRuns, RunGivenUp, KilledBeforeRun, PartAnswerLost, PartRead, ClosedBeforeRead,
	ForgedDirect, ForgedDeletion, SettledByIndex, Collapsed, IndexSkipped, LeftUnread,
}

// summary returns the shares of the kinds of answers.
func summary(c *simulation.Counts) string {
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
	return b.String()
}

// countTruths counts the corners that are found in the complete history.
func (w *world) countTruths(a *archive.Archive) {
	for _, name := range w.ssm.Names() {
		index, err := a.Index(context.Background(), ssmbak.Name(name))
		if err != nil {
			w.Problem("read the index of %s: %v", name, err)
			continue
		}
		w.countRuns(index.Facts)
		line, err := a.Timelines(context.Background(), ssmbak.NameTarget(ssmbak.Name(name)))
		if err != nil || len(line.All) != 1 {
			continue // checkAnswers reports it
		}
		index.Facts = line.All[0].Facts()
		w.countSeconds(w.ssm.Truth(name))
		w.countLives(w.ssm.Truth(name), index.Facts)
		if len(index.Facts.MissedChanges) > 0 {
			w.Counts.Add(NeverSeen)
		}
		w.countEvents(index.Facts)
		numbers := make(map[int64]bool)
		for _, v := range index.Facts.Versions {
			if numbers[v.Number] {
				w.Counts.Add(NumberAgain)
			}
			numbers[v.Number] = true
			switch {
			case strings.HasPrefix(v.Unreadable, "deleted and recreated"):
				w.Counts.Add(OtherLifeSecret)
			case strings.HasPrefix(v.Unreadable, "deleted before"):
				w.Counts.Add(DroppedSecret)
			}
		}
	}
}

// countRuns counts the corners of closed runs.
func (w *world) countRuns(f timeline.Facts) {
	for _, r := range f.Runs {
		if r.Depth > 0 {
			w.Counts.Add(RunOfRuns)
		}
		for _, o := range f.Observations {
			if !o.Gone && o.Newest.Number > r.First.Number && o.Newest.Number < r.Last.Number && o.Newest.Time > r.First.Time && o.Newest.Time < r.Last.Time {
				w.Counts.Add(ClosedBeforeRead)
			}
		}
	}
}

func (w *world) countSeconds(changes []ssmapi.Change) {
	deleted, deletedIn := int64(0), make(map[int64]int)
	for _, c := range changes {
		second := c.Time.Unix()
		switch {
		case c.Op == "Delete":
			deleted = second
			deletedIn[second]++
			if deletedIn[second] == 2 {
				w.Counts.Add(TwoDeletions)
			}
		case c.Op == "Create" && deleted == second:
			w.Counts.Add(SecondOfEverything)
		}
	}
}

// countEvents counts the corners that events with a fact of their own reached.
func (w *world) countEvents(f timeline.Facts) {
	for _, d := range f.Deletions {
		if slices.ContainsFunc(f.Observations, func(l timeline.Observation) bool {
			return l.Gone && l.At >= ssmbak.Seconds(d.Second) && l.At.Std().Before(w.came[d.Event])
		}) {
			w.Counts.Add(EndMadeExact)
		}
	}
	seconds := make(map[int64]int)
	for _, t := range f.Tags {
		if t.Event != "" {
			seconds[t.Second]++
			if seconds[t.Second] == 2 {
				w.Counts.Add(TwoTagEvents)
			}
		}
	}
}

func (w *world) countLives(changes []ssmapi.Change, f timeline.Facts) {
	known, missing := 0, 0
	end := func() {
		switch {
		case known == 0 && missing > 0:
			w.Counts.Add(LifeMissed)
		case missing > 0:
			w.Counts.Add(VersionsDropped)
		}
		known, missing = 0, 0
	}
	for _, c := range changes {
		switch {
		case c.Op == "Delete":
			end()
		case c.Op != "Create" && c.Op != "Update":
		case f.Has(timeline.Ref{Number: c.Version, Time: ssmbak.TimeOf(c.Modified)}):
			known++
		default:
			missing++
		}
	}
	end()
}
