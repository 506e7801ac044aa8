package sweep

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/timeline"
	"github.com/ssmbak/ssmbak/verify"
)

// When the archive is checked.
const (
	healed     = "healed"
	reconciled = "reconciled"
)

// check judges a healed world, and again after a reconcile, after which another one has
// nothing to do.
func (w *world) check() {
	time.Sleep(10 * time.Minute) // verification allows a change some time to be recorded
	w.verify()
	w.checkMarkers()
	w.checkAnswers(healed)
	for i, when := range []string{"a reconcile", "the reconcile after it"} {
		report, err := w.reconcile(w.calm())
		if err != nil || !report.Complete || report.Failed+report.Left+report.Unreadable > 0 {
			w.Problem("%s: %+v, %v", when, report, err)
		}
		if n := report.Recorded + report.Deleted; i > 0 && n > 0 {
			w.Problem("%s: nothing has changed, and it recorded %d parameters", when, n)
		}
		time.Sleep(10 * time.Minute)
	}
	w.checkAnswers(reconciled)
}

// verify demands that verification finds nothing in the archive, nor a difference between
// it and the live parameters. It knows the checkpoint that was kept.
func (w *world) verify() {
	o := verify.Options{
		Live:  paramstore.New(w.users, paramstore.Options{}),
		Found: func(f archive.Finding) { w.Problem("verify: %s: %s %s: %s", f.Fault, f.Name, f.Key, f.Detail) },
	}
	if w.signing.arn != "" {
		o.Known = []archive.CheckpointLine{w.signing.known}
	}
	report, err := verify.Run(w.Context(), w.archive(), w.everything(), o)
	if err != nil || report.Expired+report.Unreadable > 0 || report.Redacted != w.redacted || w.signing.arn != "" && report.Checkpoints.Number == 0 {
		w.Problem("verify: %+v, %v", report, err)
	}
}

// checkMarkers demands that the current object of each parameter that does not exist is a
// delete marker, so that a rule for noncurrent objects removes its values in time.
func (w *world) checkMarkers() {
	for _, name := range w.AWS.SSM.Names() {
		top := w.AWS.S3.Versions(bucket, name)
		if truthOf(w.AWS.SSM.Truth(name), ssmbak.MaxTime).Version == 0 && len(top) > 0 && !top[0].Marker {
			w.Problem("%s does not exist, but a value is the current object of its key", name)
		}
	}
}

// answer is how certain the archive is of a parameter at a time.
type answer struct {
	state, tags, labels ssmbak.Certainty
}

// checkAnswers compares the states in the archive, at every moment that matters, with the
// true ones, and keeps how certain they are.
func (w *world) checkAnswers(when string) {
	a := w.archive()
	lines, err := a.Timelines(w.Context(), w.everything())
	if err != nil || len(lines.Problems) > 0 {
		w.Problem("read the archive: %v, %v", lines.Problems, err)
		return
	}
	if u := lines.Unproved(w.everything(), lines.Complete, lines.Complete); !u.Empty() {
		w.Problem("not proved: %+v", u)
	}
	last, err := a.Reconciled(w.Context())
	w.must(err)
	// What a listing could not record is unknown before its own first fact for ever.
	missed := func(name string) bool {
		return slices.ContainsFunc(last.Missed, func(m archive.Missed) bool { return string(m.Name) == name })
	}
	values := make(map[string]string) // by object version
	for _, name := range w.AWS.SSM.Names() {
		i, found := slices.BinarySearch(lines.Names, ssmbak.Name(name))
		if !found {
			w.Problem("nothing of %s is recorded", name)
			continue
		}
		changes := w.AWS.SSM.Truth(name)
		moments := slices.Concat(w.moments, []ssmbak.Time{ssmbak.TimeOf(time.Now())})
		for _, c := range changes {
			at := ssmbak.TimeOf(c.Time)
			moments = append(moments, at-1, at, at+1)
		}
		for _, at := range moments {
			if at < lines.Since || at < ssmbak.TimeOf(changes[0].Time) && missed(name) {
				continue
			}
			s, refs := lines.All[i].At(at)
			w.checkAnswer(name, at, s, truthOf(changes, at))
			if slices.Contains(w.moments, at) {
				w.answers[fmt.Sprint(when, ": ", name, " at ", at)] = answer{s.Certainty, s.Tags.Certainty, s.Labels.Certainty}
			}
			if s.Certainty == ssmbak.Unknown || s.Deleted || len(refs) == 0 {
				continue
			}
			if values[refs[0].ID] == "" {
				value, err := a.Value(w.Context(), s.Name, s.Version, refs)
				if err != nil {
					w.Problem("%s version %d: %v", name, s.Version.Number, err)
					continue
				}
				values[refs[0].ID] = value.Reveal()
			}
			if got, want := values[refs[0].ID], truthOf(changes, at).Value; got != want {
				w.Problem("%s at %v has the value %q, it had %q", name, at, got, want)
			}
		}
		if when == reconciled {
			w.checkCertain(lines.All[i], lines.Complete)
		}
	}
}

// checkCertain demands that no doubt is left about a parameter at the last complete
// listing, which may be a little old.
func (w *world) checkCertain(line *timeline.Timeline, complete ssmbak.Time) {
	s, _ := line.At(complete.Add(-timeline.Staleness - time.Second))
	switch {
	case s.Certainty == ssmbak.Unknown, !s.Deleted && !(s.Certainty == ssmbak.Proved && s.Tags.IsProved() && s.Labels.IsProved()):
		w.Problem("at the last complete listing, %s is %v, its tags %v and its labels %v: %s", s.Name, s.Certainty, s.Tags.Certainty, s.Labels.Certainty, s.Reason)
	}
}

// truthOf returns the last change at a time or before. Its Version is 0 if the parameter did
// not exist.
func truthOf(changes []ssmapi.Change, at ssmbak.Time) (last ssmapi.Change) {
	for _, c := range changes {
		if ssmbak.TimeOf(c.Time) <= at {
			last = c
		}
	}
	return last
}

func (w *world) checkAnswer(name string, at ssmbak.Time, s ssmbak.State, t ssmapi.Change) {
	if s.Certainty == ssmbak.Unknown {
		return
	}
	if s.Deleted != (t.Version == 0) || !s.Deleted && (s.Version.Number != t.Version || s.Version.Time != ssmbak.TimeOf(t.Modified)) {
		w.Problem("%s at %v is %v to be version %d of %v (deleted: %v), it was version %d of %v", name, at, s.Certainty, s.Version.Number, s.Version.Time, s.Deleted, t.Version, t.Modified)
		return
	}
	if s.Tags.IsProved() && !maps.Equal(s.Tags.V, t.Tags) {
		w.Problem("%s at %v has the tags %v, it had %v", name, at, s.Tags.V, t.Tags)
	}
	if s.Labels.IsProved() && !maps.Equal(s.Labels.V, t.Labels) {
		w.Problem("%s at %v has the labels %v, it had %v", name, at, s.Labels.V, t.Labels)
	}
}

// compare demands that everything that is known after a run without a fault is known
// after this one too. If observations were late, tags and labels that changed before them
// may be unknown.
func (w *world) compare(good *world, late bool) {
	for _, about := range slices.Sorted(maps.Keys(good.answers)) {
		want := good.answers[about]
		got, asked := w.answers[about]
		if asked && (got.state < want.state || !late && (got.tags < want.tags || got.labels < want.labels)) {
			w.Problem("%s: %v, without a fault %v", about, got, want)
		}
	}
}

// live is everything about the live parameters that a restore restores, as one text per
// name. A label comes with the value of the version that it is attached to.
func (w *world) live() map[string]string {
	all := make(map[string]string)
	for _, name := range w.AWS.SSM.Names() {
		changes := w.AWS.SSM.Truth(name)
		c := truthOf(changes, ssmbak.MaxTime)
		if c.Version == 0 {
			continue
		}
		labels := make(map[string]string)
		for label, number := range c.Labels {
			for _, x := range changes { // the last one is of the present life
				if x.Version == number {
					labels[label] = x.Value
				}
			}
		}
		all[name] = fmt.Sprintf("%s %q tier=%s description=%q tags=%v labels=%v", c.Type, c.Value, c.Tier, c.Description, c.Tags, labels)
	}
	return all
}
