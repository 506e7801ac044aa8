package archive

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// Log holds the changes of a target's parameters in a span of time.
type Log struct {
	// One says that the target was one parameter, not a path.
	One bool
	// Names counts the parameters of the target that the archive ever recorded,
	// including those without a change in that time.
	Names int
	// Changes are sorted by Until, newest first, then by name. For one name the later
	// change comes first.
	Changes []ssmbak.Change
	// Problems are the parameters that could not be read, by name.
	Problems []Problem
	// Complete is when the last complete listing of live parameters began, zero if
	// there was none. No change before it was missed.
	Complete ssmbak.Time
	// Unproved are the parameters whose changes may be incomplete.
	Unproved Unproved
	// Unchecked is as in a [Snapshot].
	Unchecked bool
}

// Log returns every recorded change and every known gap that happened, or may have
// happened, between since and until, inclusive. A zero time is no bound. Log reads no
// values: it sends one request per 1,000 parameters, one per parameter and one per part. It
// keeps only the changes of that time in memory.
//
// An error means that there is no answer. Parameters that could not be read are in
// [Log].Problems.
func (a *Archive) Log(ctx context.Context, target ssmbak.Target, since, until ssmbak.Time) (Log, error) {
	if since == 0 {
		since = ssmbak.MinTime
	}
	if until == 0 {
		until = ssmbak.MaxTime
	}
	var out Log
	var mu sync.Mutex
	texts := make(shared)
	walked, err := a.Walk(ctx, target, Period{since, until}, false, func(_ context.Context, _ bool, t *timeline.Timeline) error {
		changes := t.Changes()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range slices.Backward(changes) {
			if c.Within(since, until) {
				texts.share(&c)
				out.Changes = append(out.Changes, c)
			}
		}
		return nil
	})
	if err != nil {
		return Log{}, err
	}
	newestFirst(out.Changes)
	out.One, out.Names, out.Problems = walked.One, len(walked.Names)+len(walked.Unchanged), walked.Problems
	out.Complete, out.Unproved, out.Unchecked = walked.Complete, walked.Unproved, walked.Unchecked
	return out, nil
}

// shared has one copy of each text that many changes have.
type shared map[string]string

// share replaces the texts of a change by those of earlier ones.
func (s shared) share(c *ssmbak.Change) {
	v := &c.Version
	for _, text := range []*string{&c.By, &c.Reason, &v.User, (*string)(&v.Type), &v.KeyID, &v.Tier, &v.DataType} {
		if known, ok := s[*text]; ok {
			*text = known
		} else if len(s) < mostShared {
			s[*text] = *text
		}
	}
}

// mostShared bounds the texts: those of more principals are hardly repeated.
const mostShared = 10_000

// newestFirst sorts changes as in a [Log]. Those of one name must follow each other, the
// newest first.
func newestFirst(changes []ssmbak.Change) {
	slices.SortStableFunc(changes, func(a, b ssmbak.Change) int {
		return cmp.Or(cmp.Compare(b.Until, a.Until), cmp.Compare(a.Name, b.Name))
	})
}

// Changes returns every recorded change and every known gap of the timelines, in the order
// of those of a [Log]. The timelines must have all parts.
func (t Timelines) Changes() (all []ssmbak.Change) {
	for _, line := range t.All {
		for _, c := range slices.Backward(line.Changes()) {
			all = append(all, c)
		}
	}
	newestFirst(all)
	return all
}
