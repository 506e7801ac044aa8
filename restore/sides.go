package restore

import (
	"cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
)

// fillAfter sets the state to restore.
func (r *Restorer) fillAfter(s *subject, at ssmbak.Time, complete archive.Reconciled) {
	c := &s.c
	switch {
	case s.problem != nil:
		c.After = ssmbak.State{Name: s.origin, Reason: "its record cannot be read: " + s.problem.Error()}
	case r.o.Version != nil:
		r.fillVersion(s)
	case s.past != nil:
		c.After, c.AfterObjects = s.past.At(at)
		c.Existed, c.Covered = s.past.Facts().KnownBy(at)
	case s.origin != s.name || c.Move != nil:
		// There is no state to restore. Whether there ever was one matters only if the
		// parameter would be deleted.
		c.After = ssmbak.State{Name: s.origin, Deleted: true, Certainty: ssmbak.LastKnown}
		c.Covered = !r.o.Exact
	default:
		c.After = ssmbak.State{Name: s.origin, Reason: "nothing was recorded"}
	}
	c.Covered = c.Covered || complete.Covers(s.origin, at)
}

// fillBefore sets the live parameter, without its value.
func (s *subject) fillBefore() {
	c := &s.c
	if s.live == nil {
		if s.line != nil {
			c.Gone, _ = s.line.At(ssmbak.MaxTime - 1)
		}
		return
	}
	c.Before = &plan.Parameter{Version: s.live.Version}
	c.Unsaved = "its live version is not in the archive"
	if s.unsaved != nil {
		c.Unsaved += ": " + s.unsaved.Error()
	}
	if s.line == nil {
		return
	}
	recorded, ok := s.line.Facts().Version(s.ref())
	if !ok {
		return
	}
	// Both sides have the attributes that GetParameterHistory returns.
	c.Before.Version, c.Before.Objects, c.Unsaved = recorded.Version, recorded.Objects, ""
	if len(recorded.Objects) == 0 {
		c.Unsaved = "its live value is not in the archive: " + cmp.Or(recorded.Unreadable, "it was not recorded")
	}
	if last, _ := s.line.At(ssmbak.MaxTime - 1); last.Version.Same(c.Before.Version) {
		c.Before.Tags, c.Before.Labels = provedOnly(last.Tags), provedOnly(last.Labels)
	}
}

// provedOnly returns k if it is proved, and otherwise an unknown one.
func provedOnly[T any](k ssmbak.Known[T]) ssmbak.Known[T] {
	if !k.IsProved() {
		return ssmbak.Known[T]{}
	}
	return k
}
