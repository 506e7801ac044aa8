package simulation

import (
	"context"
	"fmt"
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
)

// check holds the archive against the truth, first as the recorders left it,
// then after one reconcile without any trouble.
func (w *world) check() {
	ctx := context.Background()
	conn := w.connect(ctx, plainClient{w})
	a, err := w.open(ctx, conn)
	if err != nil {
		w.problem("open the archive: %v", err)
		return
	}
	w.countTruths(a)
	w.checkAnswers(ctx, a, "as recorded")

	time.Sleep(time.Minute)
	w.plan.Stale = 0
	live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging()})
	report, err := recorder.New(a, live, recorder.Options{Account: account, Region: region}).Reconcile(ctx, everything, recorder.ReconcileOptions{})
	if err != nil || len(report.Failed) > 0 {
		w.problem("the last reconcile: %v %v", err, report.Failed)
		return
	}
	w.checkAnswers(ctx, a, "reconciled")
	w.checkComplete(ctx, a, live)
}

// checkAnswers asks at every moment that could matter.
func (w *world) checkAnswers(ctx context.Context, a *archive.Archive, when string) {
	lines, err := a.Timelines(ctx, everything)
	if err != nil || len(lines.Problems) > 0 {
		w.problem("%s: read the archive: %v %v", when, err, lines.Problems)
		return
	}
	values := make(map[string]string)
	for i, t := range lines.All {
		name := lines.Names[i]
		changes := w.ssm.Truth(string(name))
		for _, at := range moments(changes, t.Facts()) {
			state, refs := t.At(at)
			truth := truthOf(changes, at.Std())
			w.checkState(when, name, at, state, truth)
			if state.Deleted || state.Version.Number == 0 || state.Certainty == ssmbak.Unknown || len(refs) == 0 {
				continue
			}
			id := refs[0].ID
			if _, read := values[id]; !read {
				v, err := a.Value(ctx, name, refs)
				if err != nil {
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

func (w *world) checkState(when string, name ssmbak.Name, at ssmbak.Time, s ssmbak.State, t truth) {
	right := s.Deleted && !t.live || !s.Deleted && t.live && s.Version.Number == t.number && s.Version.Time == ssmbak.TimeOf(t.at)
	switch s.Certainty {
	case ssmbak.Proved:
		w.counts.Add(AnswersProved)
		if !right {
			w.problem("%s: %s at %v is proved to be version %d of %v (deleted: %v), it was version %d of %v", when, name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at)
		}
	case ssmbak.LastKnown:
		w.counts.Add(AnswersLastKnown)
		if !right && !w.lost[string(name)] {
			w.problem("%s: %s at %v is last known to be version %d of %v (deleted: %v), it was version %d of %v, and no event was lost", when, name, at, s.Version.Number, s.Version.Time, s.Deleted, t.number, t.at)
		}
	case ssmbak.Unknown:
		w.counts.Add(AnswersUnknown)
	}
}

// moments are the times at which an answer could go wrong.
func moments(changes []ssmapi.Change, f timeline.Facts) []ssmbak.Time {
	var all []ssmbak.Time
	for _, c := range changes {
		at := ssmbak.TimeOf(c.Time)
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
		if c.Version == v.Number && ssmbak.TimeOf(c.Time) == v.Time {
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
		case f.Has(timeline.Ref{Number: c.Version, Time: ssmbak.TimeOf(c.Time)}):
			known++
		default:
			missing++
		}
	}
	end()
}

// String tells a plan in lines.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, archive made after %v, events lost: %v, kills %v, reconciles %v\n", p.Seed, p.Established, p.Lossy, p.Kills, p.Reconciles)
	fmt.Fprintf(&b, "of 1,000 requests: %d pause, %d fail before, %d after, %d throttled, %d conflicts, %d stale\n", p.Pause, p.FailBefore, p.FailAfter, p.Throttle, p.Conflict, p.Stale)
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "  %v\n", c)
	}
	return b.String()
}
