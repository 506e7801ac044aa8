package restore

import (
	"context"
	"errors"
	"fmt"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
)

// ensureRecorded records the live state of a parameter that is not the last state in the
// archive, and reads the archive again. If this fails for this parameter alone, the error
// is kept in the subject.
func (r *Restorer) ensureRecorded(ctx context.Context, s *subject, complete archive.Reconciled) error {
	if r.archive == nil || s.problem != nil || s.isRecorded() {
		return nil
	}
	if r.sync == nil {
		s.unsaved = errors.New("recording is not possible here")
		return nil
	}
	if err := r.sync.Sync(ctx, s.name); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
		r.o.Logger.WarnContext(ctx, "a live parameter could not be recorded", "name", s.name, "error", err.Error())
		s.unsaved = err
		return nil
	}
	if err := r.reload(ctx, s, complete); err != nil {
		return err
	}
	if s.isRecorded() {
		return nil
	}
	// The listing was older than the archive, or the parameter has changed since.
	d, err := r.live.DescribeOne(ctx, s.name)
	switch {
	case err == nil:
		s.live = &d
	case errors.Is(err, paramstore.ErrNotFound):
		s.live = nil
	default:
		return err
	}
	if !s.isRecorded() {
		s.unsaved = errors.New("it is being changed now")
	}
	return nil
}

// reload reads the timeline of a parameter, as far as its last state and the one to
// restore need it. An index that is damaged, hidden or of a newer program is a problem of
// the subject.
func (r *Restorer) reload(ctx context.Context, s *subject, complete archive.Reconciled) error {
	if r.archive == nil {
		return nil
	}
	x, err := r.archive.KnownIndex(ctx, s.name, complete)
	if archive.Unreadable(err) {
		s.problem = err
		return nil
	}
	if err != nil {
		return err
	}
	s.line = nil
	if x.Facts.Empty() {
		return nil
	}
	moments := s.moments
	if len(moments) == 0 {
		moments = []ssmbak.Time{0} // no part, instead of all
	}
	line, problem, err := r.archive.Timeline(ctx, x, complete, moments...)
	if err != nil {
		return err
	}
	s.line, s.problem = line, problem
	return nil
}
