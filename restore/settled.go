package restore

import (
	"context"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// isSettled reports whether the parameter does not differ from the state to restore, and
// that is not read.
func (s *subject) isSettled() bool { return s.settled != timeline.Ref{} }

// settle decides which of the settled subjects do not differ: those whose live version is
// the recorded one. It reads the timelines of the others, and those of all if the plan is to
// read live tags and labels.
func (r *Restorer) settle(ctx context.Context, subjects []*subject, complete archive.Reconciled) error {
	var left []*subject
	for _, s := range subjects {
		if s.isSettled() && (len(subjects) <= r.o.ManyReads || s.live == nil || s.ref() != s.settled) {
			s.settled = timeline.Ref{}
			left = append(left, s)
		}
	}
	return each(ctx, r.o.Parallel, left, func(ctx context.Context, s *subject) error { return r.reload(ctx, s, complete) })
}
