package recording

import (
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/timeline"
)

// The reasons why a last known answer can be wrong.
const (
	CauseLife   = "last known was wrong: no version of a life was ever observed"
	CauseLast   = "last known was wrong: the event of the last changes before a deletion was lost"
	CauseEnd    = "last known was wrong: the event of a deletion was lost, and there was no observation since"
	CauseChange = "last known was wrong: the event of a change was lost, and there was no observation since"
	CauseSecond = "last known was wrong: a deletion and a creation in one second, and other events around them were lost"
	CauseStep   = "last known was wrong: a time stepped back, and no observation has the version with the one before it"
	CauseOrder  = "last known was wrong: another change of the same name was lost"
)

func right(s ssmbak.State, t truth) bool {
	return s.Deleted && !t.live || !s.Deleted && t.live && s.Version.Number == t.number && s.Version.Time == ssmbak.TimeOf(t.at)
}

func (w *world) checkState(when phase, name ssmbak.Name, at ssmbak.Time, s ssmbak.State, t truth, f timeline.Facts) {
	switch s.Certainty {
	case ssmbak.Proved:
		w.Counts.Add(AnswersProved)
		if !right(s, t) {
			w.Problem("%s: %s at %v is proved to be version %d of %v (deleted: %v), it was version %d of %v", when, name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at)
		}
	case ssmbak.LastKnown:
		w.Counts.Add(AnswersLastKnown)
		if right(s, t) {
			return
		}
		if w.unaware(name, at, f) {
			w.Counts.Add(CauseStep)
			return
		}
		cause := w.cause(name, at, t, f)
		w.Counts.Add(cause)
		// A change that was lost before any observation can never be found out.
		forever := cause == CauseLife || cause == CauseLast || cause == CauseSecond
		if !w.lost[string(name)] || when != recorded && !forever {
			w.Problem("%s: %s at %v is last known to be version %d of %v (deleted: %v), it was version %d of %v (%s)", when, name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at, cause)
		}
	case ssmbak.Unknown:
		w.Counts.Add(AnswersUnknown)
	}
}

// unaware reports whether a moment is within a second after a version whose time steps
// back, and for which the archive does not know since when it was current.
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

// cause returns why a last known answer is wrong.
func (w *world) cause(name ssmbak.Name, at ssmbak.Time, t truth, f timeline.Facts) string {
	changes := w.ssm.Truth(string(name))
	if !t.live {
		// An observation of the next life would have found it out.
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
	// The versions certainly observed on both sides of the moment.
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
	// An event has only a second, so a loss just before counts, too.
	before = max(before, 0).Add(-2 * time.Second)
	if t := truthOf(changes, at.Std()); slices.ContainsFunc(changes, func(c ssmapi.Change) bool {
		u := truthOf(changes, c.Time)
		return u.live && u.life == t.life && u.number >= held+keptVersions
	}) {
		return // no observation has the versions on both sides
	}
	if slices.ContainsFunc(f.MissedChanges, func(tr timeline.MissedChange) bool {
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
	w.Problem("%s at %v is unknown (%s), and nothing was lost there between %v and %v", name, at, s.Reason, before, after)
}
