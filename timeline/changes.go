package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Why something about a change is unknown.
const (
	reasonNoValue    = "the value was not recorded"
	reasonLegacy     = "recorded by the legacy ssmbak"
	reasonMarker     = "recorded by the legacy ssmbak, when it received the event"
	reasonTagsBefore = "its earlier tags are unknown"
	reasonTagsMissed = "an earlier change of its tags was missed"
)

// Changes returns every change of the parameter and every gap in what is known of
// it, each once, sorted by Until, and changes with the same Until in the order in
// which they happened.
//
// Each version is a Create or an Update, and each end of a life a Delete. A Gap
// means that something was missed: versions with known numbers, a life, or a
// change known only from its event. Changes returns nothing for the time before
// the first fact, unless versions of that time are known to be missing.
//
// A deletion whose second also contains versions is placed where a life needs an
// end, and a change of labels known only from observations is placed in the second
// of an event between them. Only a lost event can make that wrong.
//
// The principal of a change without a version is that of the [Call] that made it, if it is
// certain which one that is.
func (t *Timeline) Changes() []ssmbak.Change {
	c := changes{timeline: t}
	legacy := c.legacy()
	for _, d := range t.doubtful {
		from, until := t.deletionBounds(d.Second)
		c.deleted(from, until, reasonOrder)
	}
	for i := range t.slots {
		s := &t.slots[i]
		c.between(s, legacy)
		legacy = nil
		if s.next != nil {
			c.version(s.next)
		}
	}
	c.missed()
	c.all = append(c.ended, c.all...)
	c.tags()
	c.labels()
	slices.SortStableFunc(c.all, func(a, b ssmbak.Change) int {
		// Changes before a moment precede the one at that moment.
		return cmp.Or(cmp.Compare(a.Until, b.Until), compareBool(a.From == a.Until, b.From == b.Until))
	})
	c.actors()
	return c.all
}

// changes collects the changes of one parameter.
type changes struct {
	timeline *Timeline
	all      []ssmbak.Change
	ended    []ssmbak.Change // the gaps that end together with the life of the missed change
}

func (c *changes) add(x ssmbak.Change) {
	x.Name = c.timeline.name
	c.all = append(c.all, x)
}

func (c *changes) version(v *Version) {
	x := ssmbak.Change{Operation: ssmbak.OpUpdate, Time: v.Moment(), From: v.Moment(), Until: v.Moment(), Version: v.Version}
	if v.Number == 1 {
		x.Operation = ssmbak.OpCreate
	}
	if len(v.Objects) == 0 {
		x.Reason = cmp.Or(v.Unreadable, reasonNoValue)
	}
	c.add(x)
}

// deleted adds a deletion that an event reported.
func (c *changes) deleted(from, until ssmbak.Time, reason string) {
	c.add(ssmbak.Change{Operation: ssmbak.OpDelete, Time: from, From: from, Until: max(from, until), Reason: reason})
}

// vanished adds a deletion without an event: the parameter existed before and not
// after.
func (c *changes) vanished(from, until ssmbak.Time) {
	c.bounded(ssmbak.Change{Operation: ssmbak.OpDelete, Reason: reasonBounds}, from, until)
}

// gap adds a gap in which the versions from first to last are certainly missing.
// 0 and 0 mean versions of unknown numbers, and last less than first that perhaps
// nothing is missing.
func (c *changes) gap(from, until ssmbak.Time, reason string, first, last int64) {
	x := ssmbak.Change{Operation: ssmbak.OpGap, Reason: reason}
	if first <= last {
		x.Missing = ssmbak.Numbers{First: first, Last: last}
	} else if from >= until {
		return // nothing can have happened
	}
	c.bounded(x, from, until)
}

func (c *changes) bounded(x ssmbak.Change, from, until ssmbak.Time) {
	x.From, x.Until = min(from, until), until
	if x.From == until {
		x.Time = until
	}
	c.add(x)
}

// legacy adds the changes that the legacy ssmbak recorded before the first other
// fact, and returns the last answer that follows from them, nil if there is none.
func (c *changes) legacy() (last *Span) {
	t := c.timeline
	for i := range t.spans {
		s := &t.spans[i]
		if s.Legacy == nil {
			continue
		}
		x := ssmbak.Change{Operation: ssmbak.OpUpdate, Time: s.Since, From: s.Since, Until: s.Since + 1000, Reason: reasonLegacy}
		switch {
		case s.Kind == KindAbsent:
			x.Operation, x.Reason = ssmbak.OpDelete, reasonMarker
		case len(t.order) > 0 && t.order[0].Moment() < x.Until:
			continue // the version of this second is the same change
		default:
			x.Version = s.Version.Version
			if last != nil && last.Kind == KindAbsent {
				x.Operation = ssmbak.OpCreate
			}
		}
		if s.Kind != KindAbsent || last == nil || last.Kind != KindAbsent {
			c.add(x)
		}
		last = s
	}
	return last
}

// between adds what happened or was missed in a slot. legacy is the last answer
// from the legacy ssmbak if the slot is the first one.
func (c *changes) between(s *slot, legacy *Span) {
	if s.sameLife {
		switch {
		case s.moved():
			c.gap(s.prev.Moment(), s.until(), reasonPart, s.prev.Number+1, s.next.Number-1)
		case !s.contiguous():
			c.gap(s.unproved(), s.until(), reasonMissing, s.prev.Number+1, s.next.Number-1)
		}
		return
	}
	present, from := s.prev != nil, s.unproved()
	if legacy != nil {
		present, from = legacy.Kind == KindPresent, legacy.Since
	}
	absent, ended := from, false
	for _, e := range s.ends() {
		if e.doubtful {
			continue
		}
		absent = max(absent, e.lastAlive())
		missed := s.lastMissed(e)
		switch {
		case !e.observed:
			c.reported(s, e, present, from)
		case !e.created && s.undecided && missed == ssmbak.MinTime:
			continue // perhaps the result of the deletion that may be elsewhere
		case present && legacy != nil:
			c.vanished(from, e.until)
		case present:
			c.vanished(e.from, e.until)
		case missed != ssmbak.MinTime:
			c.vanished(missed, e.until)
		}
		present, ended = false, true
	}
	if s.next == nil {
		return
	}
	switch {
	case present && s.prev == nil:
		// The versions of the legacy ssmbak have no numbers.
		if s.next.Number == 1 && !s.undecided {
			c.vanished(from, s.until())
		}
	case s.prev == nil || ended:
		c.creation(s, absent)
	case s.recreated():
		c.vanished(from, s.until())
		c.creation(s, absent)
	default:
		first, last := c.timeline.certainlyMissing(s.prev.Number+1, s.next.Number-1, s.prev.Moment(), s.until())
		c.gap(from, s.until(), reasonDeletion, first, last)
	}
}

// reported adds an end that an event reported. If the parameter was absent before
// it, a life was missed.
func (c *changes) reported(s *slot, e end, present bool, from ssmbak.Time) {
	from, until, reason := max(e.from, from), min(e.until, s.until()), ""
	if e.chosen {
		from, until = c.timeline.deletionBounds(e.from.Second())
		reason = reasonOrder
	}
	if !present {
		c.gap(e.bornFrom, until, reasonLife, 0, 0)
	}
	c.deleted(from, until, reason)
}

// creation adds a gap if the versions before the slot's next one are missing. The
// parameter was absent at the given moment.
func (c *changes) creation(s *slot, absent ssmbak.Time) {
	if s.next.Number == 1 {
		return
	}
	first, last := c.timeline.certainlyMissing(1, s.next.Number-1, absent, s.until())
	c.gap(s.earliestCreation(absent, s.until()), s.until(), reasonCreation, first, last)
}

// lastMissed returns the earliest time of the last missed change that certainly
// ended with an observed end, MinTime if there is none.
func (s *slot) lastMissed(e end) ssmbak.Time {
	last := ssmbak.MinTime
	if !e.observed || e.created {
		return last
	}
	for _, m := range s.missed {
		if s.endOf(m) == e {
			last = max(last, m.from(), s.unproved())
		}
	}
	return last
}

// certainlyMissing returns first and last if all versions with these numbers are
// missing between two moments, and otherwise an empty range: a version whose time
// decreased may appear on the wrong side of one of the moments.
func (t *Timeline) certainlyMissing(first, last int64, from, until ssmbak.Time) (int64, int64) {
	if slices.ContainsFunc(t.order, func(v Version) bool {
		return v.Number >= first && v.Number <= last &&
			(v.Moment() > from-stepBack && v.Moment() <= from || v.Moment() >= until && v.Moment() < until+stepBack)
	}) {
		return 1, 0
	}
	return first, last
}

// missed adds a gap for each change known only from its event, unless other gaps
// cover it in every slot in which it may have happened.
func (c *changes) missed() {
	gaps := slices.DeleteFunc(slices.Clone(c.all), func(x ssmbak.Change) bool { return x.Operation != ssmbak.OpGap })
	for _, m := range c.timeline.facts.MissedChanges {
		x := ssmbak.Change{Operation: ssmbak.OpGap, From: ssmbak.MaxTime, Until: ssmbak.MinTime, Reason: reasonEvent}
		covered, ended := true, ssmbak.MinTime
		for i := range c.timeline.slots {
			s := &c.timeline.slots[i]
			if !slices.Contains(s.missed, m) {
				continue
			}
			from, until, lasts := max(m.from(), s.unproved()), min(m.until(), s.until()), s.endOf(m).until
			// A deletion in between did not end the missed change.
			if slices.ContainsFunc(c.all, func(d ssmbak.Change) bool {
				return d.Operation == ssmbak.OpDelete && d.From >= from && d.Until > until && d.Until < min(lasts, s.until())
			}) {
				until = min(lasts, s.until())
			}
			x.From, x.Until, ended = min(x.From, from), max(x.Until, until), max(ended, lasts)
			covered = covered && (s.sameLife || slices.ContainsFunc(gaps, func(g ssmbak.Change) bool { return g.From <= from && lasts <= g.Until }))
		}
		switch {
		case covered:
		case ended <= x.Until:
			x.Name = c.timeline.name
			c.ended = append(c.ended, x)
		default:
			c.add(x)
		}
	}
}
