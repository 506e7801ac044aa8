package recording

import (
	"context"
	"errors"
	"slices"
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

// phase is when the archive is checked.
type phase int

const (
	recorded   phase = iota // after the recorders have finished
	reconciled              // after a reconcile without faults
	deep                    // after a deep reconcile
)

func (p phase) String() string {
	return [...]string{"as recorded", "reconciled", "deeply reconciled"}[p]
}

// check compares the archive with the truth, first after the recorders have finished, then
// after a reconcile without faults.
func (w *world) check() {
	ctx := context.Background()
	conn := w.connect(ctx)
	a, err := w.open(ctx, conn)
	if err != nil {
		w.Problem("open the archive: %v", err)
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
			w.Problem("the last reconcile: %v %+v", err, report)
		}
		if report.Same > 0 {
			w.Counts.Add(ProofHeld)
		}
		return report
	}
	reconcile(recorder.ReconcileOptions{})
	w.checkAnswers(ctx, a, reconciled)
	w.checkComplete(ctx, a, live)
	w.checkIntact(ctx, a)
	if slices.ContainsFunc(w.plan.Changes, func(c Change) bool { return c.Op == Label }) {
		reconcile(recorder.ReconcileOptions{Deep: true})
		w.checkAnswers(ctx, a, deep)
	}
	if w.plan.Lifecycle {
		if again := reconcile(recorder.ReconcileOptions{}); len(again.Recorded)+len(again.Deleted) > 0 {
			w.Problem("nothing has changed, and a reconcile recorded %v and %v", again.Recorded, again.Deleted)
		}
		w.lifecycle()
		w.checkAnswers(ctx, a, deep)
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
		for i, v := range w.AWS.S3.Versions(bucket, name) {
			if i > 0 {
				w.AWS.S3.RemoveVersion(bucket, name, v.VersionID)
				w.Counts.Add(LifecycleExpired)
			}
		}
	}
}

// checkAnswers asks at every moment that could matter.
func (w *world) checkAnswers(ctx context.Context, a *archive.Archive, when phase) {
	lines, err := a.Timelines(ctx, everything)
	if err != nil || len(lines.Problems) > 0 {
		w.Problem("%s: read the archive: %v %v", when, err, lines.Problems)
		return
	}
	w.checkListed(ctx, a, when, lines)
	w.checkParts(ctx, a, when, lines)
	w.checkRanges(ctx, a, when, lines)
	if when != recorded { // until then, two listings may differ, because reads are stale
		w.checkBrief(ctx, a, when)
	}
	values := make(map[string]string)
	for i, t := range lines.All {
		name := lines.Names[i]
		w.checkActors(when, name, t)
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
				v, err := a.Value(ctx, name, state.Version, refs)
				switch {
				case errors.Is(err, archive.ErrExpired) && when == deep && w.plan.Lifecycle && !w.lives(string(name), truth):
					continue // a rule removed what is not live
				case err != nil:
					w.Problem("%s: %s version %d: %v", when, name, state.Version.Number, err)
					continue
				}
				values[id] = v.Reveal()
			}
			if want, ok := valueOf(changes, state.Version); !ok || values[id] != want {
				w.Problem("%s: %s at %v: version %d of %v has the value %q, it had %q", when, name, at, state.Version.Number, state.Version.Time, values[id], want)
			}
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
	for _, l := range f.Observations {
		all = append(all, l.AsOf, l.AsOf+1, l.At, l.At+1)
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
