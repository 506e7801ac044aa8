package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Why a span is unknown.
const (
	reasonUnrecorded = "nothing was recorded yet"
	reasonCreation   = "its creation was not recorded"
	reasonMissing    = "versions are missing"
	reasonDeletion   = "versions and possibly a deletion are missing"
	reasonSecond     = "it was deleted within this second"
	reasonBounds     = "it was deleted at an unknown time"
	reasonLife       = "no version of this life was recorded"
	reasonEvent      = "a change is known only from its event"
	reasonListed     = "it existed in a listing, but could not be recorded"
	reasonPart       = "it is in a part of the index that was not read"
	reasonOrder      = "deleted and recreated within the same second, order unknown"
)

// paint paints the spans from the moment of prev to that of next on an empty canvas.
func (s *slot) paint(c *canvas, coverage Coverage) {
	s.paintKnown(c, coverage)
	if s.sameLife {
		switch {
		case s.moved():
			c.unknown(s.prev.Moment(), s.until(), reasonPart)
		case !s.contiguous():
			c.unknown(s.unproved(), s.until(), reasonMissing)
		}
		return
	}
	ends := s.ends()
	s.paintEnds(c, ends)
	for _, m := range s.missed {
		c.unknown(max(m.from(), s.unproved()), s.endOf(m).until, reasonEvent)
	}
	s.paintCreation(c, ends)
}

// paintKnown paints what is known without regard to the ends in the slot.
func (s *slot) paintKnown(c *canvas, coverage Coverage) {
	if s.prev == nil {
		c.span(Span{From: ssmbak.MinTime, Until: s.until(), Kind: KindUnrecorded, Unknown: true, Reason: reasonUnrecorded})
		if coverage.Since != 0 && (s.next == nil || s.next.Number == 1 || s.earliestCreation(ssmbak.MinTime, s.until()) != ssmbak.MinTime) {
			c.span(Span{From: coverage.Since, Until: s.until(), Kind: KindAbsent, Since: coverage.Since})
		}
		return
	}
	present := Span{From: s.prev.Moment(), Until: s.until(), Kind: KindPresent, Version: *s.prev, Since: s.prev.Moment()}
	c.span(present)
	present.From, present.Proved = s.currentFrom, s.provedUntil
	if s.contiguous() {
		present.Proved = s.until() - 1
	}
	if present.From <= present.Proved {
		c.span(present)
	}
}

// paintEnds paints the absence after the first end, and what the ends leave
// unknown.
func (s *slot) paintEnds(c *canvas, ends []end) {
	for i, e := range ends {
		if i > 0 {
			if !e.observed {
				c.unknown(e.bornFrom, e.until, reasonLife)
			}
			continue
		}
		switch {
		case s.prev != nil && e.observed:
			c.unknown(e.from, e.until, reasonBounds)
		case s.prev != nil:
			c.unknown(max(e.from, s.unproved()), e.until, reasonSecond)
		case !e.observed:
			c.unknown(e.bornFrom, e.until, reasonLife)
		}
		c.span(Span{From: e.until, Until: s.until(), Kind: KindAbsent, Since: e.from})
	}
	if s.prev != nil && len(ends) > 0 && (ends[0].doubtful || ends[0].chosen) {
		// The life of prev may have lasted until its first certain end.
		c.unknown(max(ends[0].from, s.unproved()), s.certainEnd(ends), reasonOrder)
	}
}

// paintCreation paints the time in which the life of next may have begun: after
// the last moment at which the parameter certainly did not exist.
func (s *slot) paintCreation(c *canvas, ends []end) {
	absent, ended := s.unproved(), false
	for _, e := range ends {
		if !e.doubtful {
			absent, ended = max(absent, e.lastAlive()), true
		}
	}
	switch {
	case s.next == nil && s.undecided:
		// In any order, a later observation of absence shows that the life of
		// prev ended.
		c.unknown(s.unproved(), s.certainEnd(ends), reasonOrder)
	case s.next == nil:
	case s.next.Number > 1 && (s.prev == nil || ended):
		c.unknown(s.earliestCreation(absent, s.until()), s.until(), reasonCreation)
	case s.prev == nil || ended:
	case s.recreated():
		c.unknown(absent, s.until(), reasonBounds)
	default:
		c.unknown(absent, s.until(), reasonDeletion)
	}
}

// certainEnd returns by when the life of prev had ended, regardless of what is
// doubtful.
func (s *slot) certainEnd(ends []end) ssmbak.Time {
	for _, e := range ends {
		if s.prev != nil && !e.doubtful && !e.chosen && (!e.observed || e.created || e.asOf >= s.prev.Moment()) {
			return e.until
		}
	}
	return s.until()
}

// endOf returns the end of the life of a missed change: one that certainly came
// after it, or, assuming that no event was lost, the one that makes the number of
// ends equal to the number of lives. Without such an end, it is that of the slot.
func (s *slot) endOf(m MissedChange) end {
	for _, e := range s.ends() {
		if e.lastAlive() >= m.until()-1 || !e.observed && e.until >= m.until() && s.allEnded(e.until) {
			return e
		}
	}
	return end{until: s.until()}
}

// allEnded reports whether by this moment, the end of a second, events had
// reported as many ends as lives.
func (s *slot) allEnded(until ssmbak.Time) bool {
	lives := 0
	if s.prev != nil {
		lives = 1
	}
	for _, m := range s.missed {
		if m.Operation == ssmbak.OpCreate && m.until() <= until {
			lives++
		}
	}
	for _, d := range slices.Concat(s.deletions, s.chosen, s.doubtful) {
		if d.until() <= until {
			lives--
		}
	}
	return lives <= 0
}

// earliestCreation returns the earliest beginning of a life whose first version
// was never read: the event of its creation, or else absent, the last moment at
// which the parameter certainly did not exist.
func (s *slot) earliestCreation(absent, until ssmbak.Time) ssmbak.Time {
	for _, m := range s.missed { // sorted by second
		if m.Operation == ssmbak.OpCreate && m.until() > absent && m.from() < until {
			return max(absent, m.from())
		}
	}
	return absent
}

// applyMissedListing makes the absence unknown during which a listing found the
// parameter live, up to an observation of absence that is certainly later.
func (t *Timeline) applyMissedListing() {
	at, staleness := t.coverage.Missed, ssmbak.Time(Staleness.Milliseconds())
	if at == 0 {
		return
	}
	until := ssmbak.MaxTime
	for _, o := range t.facts.Observations {
		if o.Gone && o.AsOf > at+staleness {
			until = min(until, o.At+1)
		}
	}
	c := canvas{t.spans}
	for _, s := range slices.Clone(t.spans) {
		if s.Kind == KindAbsent && s.From <= at && s.Until > at-staleness {
			c.unknown(s.From, min(s.Until, until), reasonListed)
		}
	}
	t.spans = c.spans
}

// canvas is a sequence of consecutive spans. A later span replaces those that it
// covers.
type canvas struct{ spans []Span }

// empty removes all spans, and what they refer to.
func (c *canvas) empty() {
	clear(c.spans)
	c.spans = c.spans[:0]
}

// span puts s over the spans of its time.
func (c *canvas) span(s Span) {
	if s.From >= s.Until {
		return
	}
	c.split(s.From)
	c.split(s.Until)
	c.spans = slices.DeleteFunc(c.spans, func(o Span) bool { return o.From >= s.From && o.Until <= s.Until })
	c.spans = append(c.spans, s)
	slices.SortFunc(c.spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
}

// unknown makes the answers in [from, until) unknown. They remain as the last
// known ones.
func (c *canvas) unknown(from, until ssmbak.Time, reason string) {
	if from >= until {
		return
	}
	c.split(from)
	c.split(until)
	for i := range c.spans {
		if s := &c.spans[i]; s.From >= from && s.Until <= until && !s.Unknown {
			s.Unknown, s.Reason = true, reason
		}
	}
}

// split divides the span that contains at.
func (c *canvas) split(at ssmbak.Time) {
	for i, s := range c.spans {
		if s.From < at && at < s.Until {
			tail := s
			tail.From = at
			c.spans[i].Until = at
			c.spans = slices.Insert(c.spans, i+1, tail)
			return
		}
	}
}
