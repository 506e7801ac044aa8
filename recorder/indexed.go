package recorder

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// In a burst, one reading of a parameter reflects the changes of many events that are
// delivered later. The index settles such an event without another reading: it has an
// observation that is certainly later than the event's second, and gets the event's fact.

// mayBeIndexed reports whether the index can settle the events at a time: each is delivered
// for the first time, and so old that a recorded observation can be certainly later.
func (s syncRequest) mayBeIndexed(at ssmbak.Time) bool {
	if len(s.signals) == 0 || s.check || s.calls() {
		return false
	}
	return !slices.ContainsFunc(s.signals, func(n signal) bool { return n.receives != 1 || n.isRecent(at) })
}

// isRecent reports whether no observation that ended by a time is certainly later than the
// event's second.
func (n signal) isRecent(at ssmbak.Time) bool {
	return at < ssmbak.Seconds(n.second+1).Add(timeline.Staleness)
}

// settleByIndex records the facts of the events without reading Parameter Store, and reports
// whether that settles all of them. If not, it wrote nothing, or met another writer.
//
// A replaced index is no longer covered by the last complete listing. So the listing must
// not prove more than the facts do: a reading would prove the same up to now.
func (r *Recorder) settleByIndex(ctx context.Context, index archive.Index, reconciled archive.Reconciled, s syncRequest) (o outcome, settled bool, err error) {
	facts, settled := s.withEvents(index.Facts)
	if !index.Exists || index.Forged() || !settled {
		return o, false, nil
	}
	tags, labels := index.Attributes(reconciled)
	covered := r.archive.Coverage(index, reconciled).Complete != 0 || tags != 0 || labels != 0
	if covered && !reflect.DeepEqual(facts, index.Facts) {
		return o, false, nil
	}
	swap, err := r.archive.Update(ctx, index, func(base timeline.Facts) timeline.Facts {
		var facts timeline.Facts
		if facts, settled = s.withEvents(base); !settled {
			return base
		}
		return facts
	})
	if _, large := errors.AsType[*archive.TooLargeError](err); large || err == nil && (swap.Met || !settled) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	before, after := r.timeline(index.Name, index.Facts), r.timeline(index.Name, swap.Index.Facts)
	newest, present, _ := after.Newest()
	o = outcome{index: swap.Index, wrote: swap.Wrote, present: present, gaps: max(0, after.Gaps()-before.Gaps())}
	r.report(ctx, index.Name, o, 0, newest)
	if swap.Wrote {
		o.index = r.closeRun(ctx, swap.Index)
	}
	return o, true, nil
}

// withEvents returns facts with those of the events, and whether they settle all events,
// and have every value that a reading may find.
func (s syncRequest) withEvents(base timeline.Facts) (f timeline.Facts, settled bool) {
	f = timeline.Union(base, s.facts(func(signal) bool { return true }))
	for _, n := range s.signals {
		claimed := !n.announces()
		if !claimed {
			claimed, _ = f.Claim(n.announcement())
		}
		if !claimed || news(base, n) || n.call == nil && !n.isReflected(base) {
			return f, false
		}
	}
	return f, !slices.ContainsFunc(f.Versions, func(v timeline.Version) bool { return len(v.Objects) == 0 && v.Redacted.IsZero() })
}

// facts returns the facts that the events report, of deletions only those that counts
// accepts.
func (s syncRequest) facts(counts func(deletion signal) bool) (f timeline.Facts) {
	for _, n := range s.signals {
		if n.operation == ssmbak.OpDelete && counts(n) {
			f.Deletions = append(f.Deletions, timeline.Deletion{Event: n.event, Second: n.second})
		}
		if n.tags != nil {
			f.Tags = append(f.Tags, *n.tags)
		}
		if n.labels != nil {
			f.Labels = append(f.Labels, *n.labels)
		}
	}
	return f
}

// isReflected reports whether an observation in the facts, other than a listing, certainly
// reflects every change of the event's second: of labels or tags for their events, and of a
// parameter that did not exist, or of a younger life, for the end of a life.
func (n signal) isReflected(f timeline.Facts) bool {
	switch {
	case n.labels != nil:
		return slices.ContainsFunc(f.Labels, func(l timeline.LabelsFact) bool { return l.Event == "" && n.isBefore(l.Observed) })
	case n.tags != nil:
		return slices.ContainsFunc(f.Tags, func(t timeline.TagsFact) bool { return t.Event == "" && n.isBefore(t.Observed) })
	case n.announces():
		return slices.ContainsFunc(f.Observations, n.isRead)
	case n.operation == ssmbak.OpDelete, n.observe: // or an expiration
		return slices.ContainsFunc(f.Observations, func(o timeline.Observation) bool {
			return n.isRead(o) && (o.Gone || begins(f, o) >= ssmbak.Seconds(n.second+1))
		})
	}
	return false
}

// isRead reports whether an observation is certainly later than the event's second, and not
// of a listing, which shows the newest version alone. That is of one moment, while a reading
// ends at least [timeline.Staleness] after what it is certain of. A reading found all
// versions up to the newest one.
func (n signal) isRead(o timeline.Observation) bool {
	return o.Conclusive(n.second) && o.At > o.AsOf
}

// isBefore is [signal.isRead] for tags and labels.
func (n signal) isBefore(o timeline.Observed) bool {
	certain, ended := o.AsOf, o.At
	if o.LastAt != 0 {
		certain, ended = o.LastAsOf, o.LastAt
	}
	return timeline.Observation{AsOf: certain}.Conclusive(n.second) && ended < certain.Add(listingLag)
}

// begins returns when the life that an observation shows began, or [ssmbak.MinTime] if the
// observation does not show its first version.
func begins(f timeline.Facts, o timeline.Observation) ssmbak.Time {
	began := ssmbak.MinTime
	for _, v := range f.Versions {
		if o.Oldest == 1 && v.Number == 1 && v.Time <= o.Newest.Time {
			began = max(began, v.Time)
		}
	}
	return began
}
