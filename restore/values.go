package restore

import (
	"context"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// reads is the maximum number of values that are read from the archive concurrently.
const reads = 64

// values reads the values that [plan.Case.Needs] reports.
func (r *Restorer) values(ctx context.Context, s *subject) error {
	after, before := s.c.Needs(r.o.Options)
	if after {
		if err := r.readAfter(ctx, s); err != nil || !s.c.After.Value.IsKnown() {
			return err // without it there is nothing to compare
		}
	}
	if before {
		return r.readBefore(ctx, s)
	}
	return nil
}

// readBefore reads the live value from the archive.
func (r *Restorer) readBefore(ctx context.Context, s *subject) error {
	if len(s.c.Before.Objects) == 0 {
		return nil
	}
	v, err := r.value(ctx, s, r.archive, s.name, s.c.Before.Version, s.c.Before.Objects)
	if err != nil {
		return err
	}
	if !v.IsKnown() {
		s.c.Unsaved = "its live value is not in the archive: " + v.Reason
		return nil
	}
	s.c.Before.Value = v
	return nil
}

// readAfter reads the value of the state to restore, if it has one.
func (r *Restorer) readAfter(ctx context.Context, s *subject) error {
	w := &s.c.After
	if len(s.c.AfterObjects) == 0 || w.Deleted {
		return nil
	}
	from := r.archive
	if s.c.Move != nil {
		from = r.o.From
	}
	v, err := r.value(ctx, s, from, s.origin, w.Version, s.c.AfterObjects)
	if err == nil {
		w.Value = v
	}
	return err
}

// value reads one value from an archive. If the value is unavailable, the result is
// unknown, and a damaged one is a problem of the subject.
func (r *Restorer) value(
	ctx context.Context, s *subject, from *archive.Archive, of ssmbak.Name, version ssmbak.Version, refs []timeline.ObjectRef,
) (ssmbak.Known[ssmbak.Value], error) {
	v, problem, err := from.KnownValue(ctx, of, version, refs)
	if problem != nil {
		s.problem = problem
	}
	return v, err
}
