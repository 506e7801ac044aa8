package archive

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Held is what the archive holds of one parameter, as an index and a listing of its values
// show it. No value is read.
type Held struct {
	Name ssmbak.Name
	// Live says that the parameter was not deleted since its newest version.
	Live bool
	// Versions counts the recorded versions, and Gaps the gaps in the timeline.
	Versions, Gaps int
	// Unreadable are versions of which no value was recorded, Expired those whose values are
	// no longer in the bucket, and Redacted those whose values were removed permanently.
	Unreadable, Expired, Redacted []timeline.Version
	// Hidden says that the index has a delete marker or is missing.
	Hidden bool
	// Problem is why the index, or a part of it, cannot be read; nil if it can.
	Problem error
}

// Held yields what the archive holds of the parameters of a target, by name, without those
// that only the legacy ssmbak recorded. It sends one request per 1,000 object versions, and
// one per index and part. An error is the last thing that it yields.
func (a *Archive) Held(ctx context.Context, target ssmbak.Target) iter.Seq2[Held, error] {
	began := ssmbak.TimeOf(time.Now())
	return func(yield func(Held, error) bool) {
		for h, err := range eachSubject(ctx, a, target, nil, func(ctx context.Context, s *subject) (Held, error) { return a.held(ctx, s, began) }) {
			if err != nil {
				yield(Held{}, err)
				return
			}
			if (h.Hidden || h.Problem != nil || h.Versions > 0) && !yield(h, nil) {
				return
			}
		}
	}
}

func (a *Archive) held(ctx context.Context, s *subject, began ssmbak.Time) (Held, error) {
	h := Held{Name: s.name}
	x, err := a.Index(ctx, s.name)
	var missing *MissingIndexError
	switch {
	case errors.As(err, &missing):
		h.Hidden = true
		return h, nil
	case Unreadable(err):
		h.Problem = err
		return h, nil
	case err != nil:
		return h, err
	case !x.Exists:
		h.Hidden = len(s.indexes) > 0 || len(s.entries) > 0
		return h, nil
	}
	facts, problem, err := a.opened(ctx, s.name, x.Facts, allParts)
	if err != nil {
		return h, err
	}
	_, h.Live = x.Newest()
	h.Problem, h.Versions = problem, len(facts.Versions)
	h.Gaps = timeline.New(s.name, facts, timeline.Coverage{}).Gaps()
	there := valueIDs(s.values)
	for _, v := range facts.Versions {
		switch {
		case !v.Redacted.IsZero():
			h.Redacted = append(h.Redacted, v)
		case len(v.Objects) == 0:
			h.Unreadable = append(h.Unreadable, v)
		case !slices.ContainsFunc(v.Objects, func(o timeline.ObjectRef) bool {
			// It may have been written after the listing.
			return slices.Contains(there, o.ID) || o.Written.Add(time.Minute) > began
		}):
			h.Expired = append(h.Expired, v)
		}
	}
	return h, nil
}
