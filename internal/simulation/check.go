package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// The kinds of answers that a check counted.
const (
	AnswersProved    = "answers proved"
	AnswersLastKnown = "answers last known"
	AnswersUnknown   = "answers unknown"
	TagsKnown        = "tags known"
	TagsUnknown      = "tags unknown"
	LabelsKnown      = "labels known"
	LabelsUnknown    = "labels unknown"
)

// Why a last known answer may be wrong.
const (
	CauseLife   = "last known was wrong: no version of a whole life was ever seen"
	CauseLast   = "last known was wrong: the event of the last changes before a deletion was lost"
	CauseEnd    = "last known was wrong: the event of a deletion was lost, and nobody has looked since"
	CauseChange = "last known was wrong: the event of a change was lost, and nobody has looked since"
	CauseSecond = "last known was wrong: a deletion and a creation in one second, and other events around them were lost"
	CauseStep   = "last known was wrong: a time stepped back, and no look saw the version with the one before it"
	CauseOrder  = "last known was wrong: another change of the same name was lost"
)

// Causes lists them.
func Causes() []string {
	return []string{CauseLife, CauseLast, CauseSecond, CauseEnd, CauseChange, CauseStep, CauseOrder}
}

// phase is how far the archive has come when it is asked.
type phase int

const (
	recorded   phase = iota // as the recorders left it
	reconciled              // after one reconcile without any trouble
	looked                  // after one that looked at every parameter
)

func (p phase) String() string { return [...]string{"as recorded", "reconciled", "looked at"}[p] }

// check holds the archive against the truth, first as the recorders left it,
// then after a reconcile without any trouble.
func (w *world) check() {
	ctx := context.Background()
	conn := w.connect(ctx, plainClient{w})
	a, err := w.open(ctx, conn)
	if err != nil {
		w.problem("open the archive: %v", err)
		return
	}
	w.countTruths(a)
	w.checkAnswers(ctx, a, recorded)

	time.Sleep(time.Minute)
	w.plan.Stale = 0
	live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()})
	r := recorder.New(a, live, recorder.Options{Account: account, Region: region})
	reconcile := func(o recorder.ReconcileOptions) recorder.Report {
		report, err := r.Reconcile(ctx, everything, o)
		if err != nil || len(report.Failed) > 0 || !report.Complete || report.TagsUnchecked != nil {
			w.problem("the last reconcile: %v %+v", err, report)
		}
		if report.Same > 0 {
			w.counts.Add(ProofHeld)
		}
		return report
	}
	reconcile(recorder.ReconcileOptions{})
	w.checkAnswers(ctx, a, reconciled)
	w.checkComplete(ctx, a, live)
	if slices.ContainsFunc(w.plan.Changes, func(c Change) bool { return c.Op == Label }) {
		reconcile(recorder.ReconcileOptions{Deep: true})
		w.checkAnswers(ctx, a, looked)
	}
	if w.plan.Lifecycle {
		if again := reconcile(recorder.ReconcileOptions{}); len(again.Recorded)+len(again.Deleted) > 0 {
			w.problem("nothing has changed, and a reconcile recorded %v and %v", again.Recorded, again.Deleted)
		}
		w.lifecycle()
		w.checkAnswers(ctx, a, looked)
		w.checkComplete(ctx, a, live)
	}
}

// lives reports whether a state is the present one. Times alone do not tell: they
// may step back onto that of another version.
func (w *world) lives(name string, t truth) bool {
	now := w.truth(name, time.Now())
	return t.live && t.life == now.life && t.number == now.number && t.at.Equal(now.at)
}

// lifecycle removes every object version of a value that is not current, as a
// rule for noncurrent versions does in time.
func (w *world) lifecycle() {
	for _, name := range w.ssm.Names() {
		for i, v := range w.s3.Versions(bucket, name) {
			if i > 0 {
				w.s3.RemoveVersion(bucket, name, v.VersionID)
				w.counts.Add(LifecycleExpired)
			}
		}
	}
}

// reader reads everything in the middle of what goes on.
func (w *world) reader(ctx context.Context, id int) {
	w.mu.Lock()
	if w.recorders > 0 {
		w.counts.Add(ReadInBetween)
	}
	w.mu.Unlock()
	conn := w.connect(ctx, slowClient{w, fmt.Sprint("reader ", id)})
	a, err := archive.Open(ctx, conn.S3(), archive.Options{Bucket: bucket, Account: account, Region: region, Parallel: 2})
	if err != nil {
		w.problem("a reader opens the archive: %v", err)
		return
	}
	ago := time.Duration(w.draw("reader", int(time.Since(w.start)/time.Millisecond)+1)) * time.Millisecond
	at := ssmbak.TimeOf(time.Now().Add(-ago - time.Millisecond))
	found, err := a.At(ctx, everything, at, archive.AllValues)
	if err != nil || len(found.Problems) > 0 && w.plan.Hurt == 0 {
		w.problem("a reader asks for %v: %v %v", at, err, found.Problems)
		return
	}
	for _, s := range found.States {
		if s.Certainty != ssmbak.Proved {
			continue // an event may still be on its way
		}
		t := w.truth(string(s.Name), at.Std())
		if !right(s, t) || s.Value.IsKnown() && s.Value.V.Reveal() != t.value {
			w.problem("to a reader %s at %v is proved to be version %d of %v (deleted: %v), it was version %d of %v", s.Name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at)
		}
	}
}

// checkAnswers asks at every moment that could matter.
func (w *world) checkAnswers(ctx context.Context, a *archive.Archive, when phase) {
	lines, err := a.Timelines(ctx, everything)
	if err != nil || len(lines.Problems) > 0 {
		w.problem("%s: read the archive: %v %v", when, err, lines.Problems)
		return
	}
	w.checkListed(ctx, a, when, lines)
	values := make(map[string]string)
	for i, t := range lines.All {
		name := lines.Names[i]
		changes := w.ssm.Truth(string(name))
		for _, at := range moments(changes, t.Facts()) {
			state, refs := t.At(at)
			truth := truthOf(changes, at.Std())
			w.checkState(when, name, at, state, truth, t.Facts())
			if when == reconciled && w.plan.Calm && w.plan.Deny == 0 && state.Certainty == ssmbak.Unknown && lines.Since != 0 && at >= lines.Since {
				w.checkUnknown(name, at, state, changes, t.Facts())
			}
			w.checkAttributes(when, name, at, state, truth)
			if state.Deleted || state.Version.Number == 0 || state.Certainty == ssmbak.Unknown || len(refs) == 0 {
				continue
			}
			id := refs[0].ID
			if _, read := values[id]; !read {
				v, err := a.Value(ctx, name, refs)
				switch {
				case errors.Is(err, archive.ErrExpired) && when == looked && w.plan.Lifecycle && !w.lives(string(name), truth):
					continue // a rule removed what is not live
				case err != nil:
					w.problem("%s: %s version %d: %v", when, name, state.Version.Number, err)
					continue
				}
				values[id] = v.Reveal()
			}
			if want, ok := valueOf(changes, state.Version); !ok || values[id] != want {
				w.problem("%s: %s at %v: version %d of %v has the value %q, it had %q", when, name, at, state.Version.Number, state.Version.Time, values[id], want)
			}
		}
	}
}

// checkListed holds that no parameter that was live all the time while a complete
// listing ran is taken for absent at its beginning: `restore --exact` would delete
// it. Here it does not matter which events were lost.
func (w *world) checkListed(ctx context.Context, a *archive.Archive, when phase, lines archive.Timelines) {
	r, err := a.Reconciled(ctx)
	if err != nil {
		w.problem("%s: read the last complete listing: %v", when, err)
		return
	}
	for _, l := range w.complete {
		for _, text := range w.ssm.Names() {
			name := ssmbak.Name(text)
			before, after := w.truth(text, l.began.Add(-timeline.Staleness).Std()), w.truth(text, l.ended)
			if !before.live || !after.live || before.life != after.life {
				continue
			}
			i, recorded := slices.BinarySearch(lines.Names, name)
			if !recorded {
				w.counts.Add(ListedMissed)
				if r.Covers(name, l.began) {
					w.problem("%s: nothing is recorded of %s, and a complete listing of %v says that it was not there; it was", when, name, l.began)
				}
				continue
			}
			if s, _ := lines.All[i].At(l.began); s.Deleted && s.Certainty != ssmbak.Unknown {
				w.problem("%s: %s is taken for absent at %v (%v), when it was listed", when, name, l.began, s.Certainty)
			}
		}
	}
}

func right(s ssmbak.State, t truth) bool {
	return s.Deleted && !t.live || !s.Deleted && t.live && s.Version.Number == t.number && s.Version.Time == ssmbak.TimeOf(t.at)
}

func (w *world) checkState(when phase, name ssmbak.Name, at ssmbak.Time, s ssmbak.State, t truth, f timeline.Facts) {
	switch s.Certainty {
	case ssmbak.Proved:
		w.counts.Add(AnswersProved)
		if !right(s, t) {
			w.problem("%s: %s at %v is proved to be version %d of %v (deleted: %v), it was version %d of %v", when, name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at)
		}
	case ssmbak.LastKnown:
		w.counts.Add(AnswersLastKnown)
		if right(s, t) {
			return
		}
		if w.unaware(name, at, f) {
			w.counts.Add(CauseStep)
			return
		}
		cause := w.cause(name, at, t, f)
		w.counts.Add(cause)
		// What was lost before anybody looked at it can never be found out.
		forever := cause == CauseLife || cause == CauseLast || cause == CauseSecond
		if !w.lost[string(name)] || when != recorded && !forever {
			w.problem("%s: %s at %v is last known to be version %d of %v (deleted: %v), it was version %d of %v (%s)", when, name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at, cause)
		}
	case ssmbak.Unknown:
		w.counts.Add(AnswersUnknown)
	}
}

// unaware reports whether a moment lies within a second of a version whose time
// steps back, and of which the archive does not know from when it was current.
func (w *world) unaware(name ssmbak.Name, at ssmbak.Time, f timeline.Facts) bool {
	changes := w.ssm.Truth(string(name))
	counted := momentsOf(changes)
	for i, c := range changes {
		from := ssmbak.TimeOf(c.Modified)
		if c.Op != "Update" || counted[i].Equal(c.Modified) || at < from || at >= from.Add(time.Second) {
			continue
		}
		if v, ok := f.Version(timeline.Ref{Number: c.Version, Time: from}); !ok || v.Moment() != ssmbak.TimeOf(counted[i]) {
			return true
		}
	}
	return false
}

// cause says why a last known answer is wrong.
func (w *world) cause(name ssmbak.Name, at ssmbak.Time, t truth, f timeline.Facts) string {
	changes := w.ssm.Truth(string(name))
	if !t.live {
		// It would have been found out by the next life, if anybody had seen that.
		born, seen := false, false
		for _, c := range changes {
			if u := truthOf(changes, c.Time); u.live && u.life == t.life+1 {
				born, seen = true, seen || f.Has(timeline.Ref{Number: u.number, Time: ssmbak.TimeOf(u.at)})
			}
		}
		if born && !seen {
			return CauseLife
		}
		return CauseEnd
	}
	if f.Has(timeline.Ref{Number: t.number, Time: ssmbak.TimeOf(t.at)}) {
		if w.deletedIn(name, ssmbak.TimeOf(t.at).Second()) {
			return CauseSecond
		}
		return CauseOrder
	}
	known, later := false, false // versions of this life, and of those after the moment
	for _, c := range changes {
		u := truthOf(changes, c.Time)
		if u.live && u.life == t.life && f.Has(timeline.Ref{Number: u.number, Time: ssmbak.TimeOf(u.at)}) {
			known, later = true, later || u.at.After(at.Std())
		}
	}
	now := truthOf(changes, time.Now())
	switch {
	case !known:
		return CauseLife
	case !later && (!now.live || now.life != t.life):
		return CauseLast
	}
	return CauseChange
}

func (w *world) deletedIn(name ssmbak.Name, second int64) bool {
	return slices.ContainsFunc(w.ssm.Truth(string(name)), func(c ssmapi.Change) bool { return c.Op == "Delete" && c.Time.Unix() == second })
}

// checkAttributes holds tags and labels that are said to be known.
func (w *world) checkAttributes(when phase, name ssmbak.Name, at ssmbak.Time, s ssmbak.State, t truth) {
	if s.Deleted || !t.live || !right(s, t) {
		return
	}
	now := w.truth(string(name), time.Now())
	met := now.live && now.life == t.life // the life in which the last reconcile looked
	switch {
	case !s.Tags.IsProved():
		w.counts.Add(TagsUnknown)
	case w.tagLost[string(name)] && (when == recorded || !met):
	default:
		w.counts.Add(TagsKnown)
		if !maps.Equal(s.Tags.V, t.tags) {
			w.problem("%s: %s at %v is said to have the tags %v, it had %v", when, name, at, s.Tags.V, t.tags)
		}
	}
	switch {
	case !s.Labels.IsProved():
		w.counts.Add(LabelsUnknown)
	case w.labelLost[string(name)] && (when != looked || !met):
	default:
		w.counts.Add(LabelsKnown)
		if !maps.Equal(s.Labels.V, t.labels) {
			w.problem("%s: %s at %v is said to have the labels %v, it had %v", when, name, at, s.Labels.V, t.labels)
		}
	}
}

// moments are the times at which an answer could go wrong.
func moments(changes []ssmapi.Change, f timeline.Facts) []ssmbak.Time {
	var all []ssmbak.Time
	counted := momentsOf(changes)
	for i, c := range changes {
		if !c.Modified.IsZero() {
			all = append(all, ssmbak.TimeOf(c.Modified), ssmbak.TimeOf(c.Time))
		}
		at := ssmbak.TimeOf(counted[i])
		second := ssmbak.Seconds(at.Second())
		all = append(all, at-1, at, at+1, second-1, second, second+999, second+1000)
	}
	for _, l := range f.Looks {
		all = append(all, l.Sure, l.Sure+1, l.Seen, l.Seen+1)
	}
	all = append(all, ssmbak.TimeOf(time.Now()))
	slices.Sort(all)
	return slices.Compact(all)
}

func valueOf(changes []ssmapi.Change, v ssmbak.Version) (string, bool) {
	for _, c := range changes {
		if c.Version == v.Number && ssmbak.TimeOf(c.Modified) == v.Time {
			return c.Value, true
		}
	}
	return "", false
}

// checkComplete holds that everything Parameter Store has now is recorded, is
// what the archive answers, and lies on top of its key.
func (w *world) checkComplete(ctx context.Context, a *archive.Archive, live *paramstore.Store) {
	for _, name := range w.ssm.Names() {
		index, err := a.Index(ctx, ssmbak.Name(name))
		if err != nil {
			w.problem("read the index of %s: %v", name, err)
			continue
		}
		top := w.s3.Versions(bucket, name)
		now := w.truth(name, time.Now())
		if !now.live {
			if len(top) > 0 && !top[0].Marker {
				w.problem("%s is gone, and a value lies on top of its key; its facts: %+v", name, index.Facts)
			}
			continue
		}
		h, err := live.History(ctx, ssmbak.Name(name))
		if err != nil {
			w.problem("read the history of %s: %v", name, err)
			continue
		}
		for _, v := range h.Versions {
			fact, ok := index.Facts.Version(timeline.Ref{Number: v.Number, Time: v.Time})
			if !ok || len(fact.Objects) == 0 {
				w.problem("version %d of %s is not in the archive, or without its value: %+v", v.Number, name, fact)
			}
		}
		if string(top[0].Body) != now.value {
			w.problem("the current object of %s is not its live value", name)
		}
		line := timeline.New(ssmbak.Name(name), index.Facts, timeline.Horizon{})
		newest, present, _ := line.Newest()
		if !present || newest.Number != now.number {
			w.problem("%s is at version %d, and the archive says %d (present: %v)", name, now.number, newest.Number, present)
		}
	}
}

// countTruths counts the corners that only the whole of a run shows.
func (w *world) countTruths(a *archive.Archive) {
	for _, name := range w.ssm.Names() {
		index, err := a.Index(context.Background(), ssmbak.Name(name))
		if err != nil {
			w.problem("read the index of %s: %v", name, err)
			continue
		}
		w.countSeconds(w.ssm.Truth(name))
		w.countLives(w.ssm.Truth(name), index.Facts)
		if len(index.Facts.Traces) > 0 {
			w.counts.Add(NeverSeen)
		}
		w.countEvents(index.Facts)
		numbers := make(map[int64]bool)
		for _, v := range index.Facts.Versions {
			if numbers[v.Number] {
				w.counts.Add(NumberAgain)
			}
			numbers[v.Number] = true
			switch {
			case strings.HasPrefix(v.Unreadable, "another life"):
				w.counts.Add(OtherLifeSecret)
			case strings.HasPrefix(v.Unreadable, "it was gone"):
				w.counts.Add(DroppedSecret)
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
				w.counts.Add(TwoDeletions)
			}
		case c.Op == "Create" && deleted == second:
			w.counts.Add(SecondOfEverything)
		}
	}
}

// countEvents counts the corners that events with a fact of their own reached.
func (w *world) countEvents(f timeline.Facts) {
	for _, d := range f.Deletions {
		if slices.ContainsFunc(f.Looks, func(l timeline.Look) bool {
			return l.Gone && l.Seen >= ssmbak.Seconds(d.Second) && l.Seen.Std().Before(w.came[d.Event])
		}) {
			w.counts.Add(EndMadeExact)
		}
	}
	seconds := make(map[int64]int)
	for _, t := range f.Tags {
		if t.Event != "" {
			seconds[t.Second]++
			if seconds[t.Second] == 2 {
				w.counts.Add(TwoTagEvents)
			}
		}
	}
}

func (w *world) countLives(changes []ssmapi.Change, f timeline.Facts) {
	known, missing := 0, 0
	end := func() {
		switch {
		case known == 0 && missing > 0:
			w.counts.Add(LifeMissed)
		case missing > 0:
			w.counts.Add(VersionsDropped)
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

// checkUnknown holds that what is unknown in a calm world, after a reconcile, has
// a reason: a deletion in this very second, a deletion whose event was lost
// between what was seen before it and after it, versions that Parameter Store no
// longer had by the time of the next look, or the border between two pages of a
// history.
func (w *world) checkUnknown(name ssmbak.Name, at ssmbak.Time, s ssmbak.State, changes []ssmapi.Change, f timeline.Facts) {
	for _, c := range changes {
		if c.Op == "Delete" && c.Time.Unix() == at.Second() {
			return
		}
	}
	// What was surely seen on both sides of the moment.
	before, after := ssmbak.MinTime, ssmbak.MaxTime
	number, held := int64(0), int64(0)
	for _, v := range f.Versions { // in the order of their times
		if v.Time <= at {
			before, held = v.Time, v.Number
		} else {
			after, number = v.Time, v.Number
			break
		}
	}
	if number > historyPage {
		return
	}
	if w.lost[string(name)] && before > 0 && w.deletedIn(name, before.Second()) {
		return // the deletion may have come after the version, if another life was missed
	}
	// An event tells its second only, so what is lost just before counts too.
	before = max(before, 0).Add(-2 * time.Second)
	if t := truthOf(changes, at.Std()); slices.ContainsFunc(changes, func(c ssmapi.Change) bool {
		u := truthOf(changes, c.Time)
		return u.live && u.life == t.life && u.number >= held+keptVersions
	}) {
		return // no look saw the versions on both sides
	}
	if slices.ContainsFunc(f.Traces, func(tr timeline.Trace) bool {
		return ssmbak.Seconds(tr.Second-1) <= at && strings.Contains(s.Reason, "event")
	}) {
		return // its second may hold versions on both sides of what is known
	}
	for _, d := range w.dropped[string(name)] {
		if t := ssmbak.TimeOf(d); before <= t && t < after {
			return
		}
	}
	for _, c := range changes {
		t := ssmbak.TimeOf(c.Time)
		if (c.Op == "Create" || c.Op == "Update") && before <= t && t < after && !f.Has(timeline.Ref{Number: c.Version, Time: ssmbak.TimeOf(c.Modified)}) {
			return
		}
	}
	w.problem("%s at %v is unknown (%s), and nothing was lost there between %v and %v", name, at, s.Reason, before, after)
}
