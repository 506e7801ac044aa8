package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Why a span is unknown.
const (
	reasonBefore    = "nothing was recorded yet"
	reasonBeginning = "its beginning is not known"
	reasonMissing   = "versions are missing"
	reasonLife      = "versions are missing, and perhaps a deletion"
	reasonSecond    = "it was deleted within this second"
	reasonBounds    = "it was deleted at a time that is not known"
	reasonMissed    = "a whole life was missed"
	reasonTrace     = "a change was seen only by its event"
	reasonOrder     = "it was deleted and made within one second, in an order that is not known"
)

// end is one end of a life in a slot: it happened in [from, until).
type end struct {
	from, until ssmbak.Time
	seen        bool        // known by a look only
	sure        ssmbak.Time // of a look: what was there at this time has surely ended
}

// after is the last moment at which something may have been there that this end
// surely ended.
func (e end) after() ssmbak.Time {
	if e.seen {
		return e.sure
	}
	return e.from
}

// spans lays out the time from the slot's first version to its second.
func (s *slot) spans(h Horizon) []Span {
	var c canvas
	if s.after == nil {
		c.span(Span{From: ssmbak.MinTime, Until: s.until(), Kind: Nothing, Unknown: true, Reason: reasonBefore})
		if h.Since != 0 && (s.before == nil || s.before.Number == 1 || s.began(ssmbak.MinTime, s.until()) != ssmbak.MinTime) {
			c.span(Span{From: h.Since, Until: s.until(), Kind: Absent, Since: h.Since})
		}
	} else {
		c.span(Span{From: s.after.Time, Until: s.until(), Kind: Held, Version: *s.after, Since: s.after.Time, Proved: s.sure})
	}
	if s.joined {
		if s.succession() {
			c.spans[0].Proved = s.until() - 1
		} else {
			c.unknown(s.open(), s.until(), reasonMissing)
		}
		return c.spans
	}
	ends := s.ends()
	absent := ssmbak.MinTime // the last moment at which there surely was no parameter
	for i, e := range ends {
		switch {
		case i > 0 && e.seen:
			if !s.undecided {
				absent = max(absent, e.sure)
			}
			continue
		case i > 0:
			c.unknown(s.began(absent, e.until), e.until, reasonMissed)
		default:
			if s.after != nil && e.seen {
				c.unknown(s.open(), e.until, reasonBounds)
			} else if s.after != nil {
				c.unknown(max(e.from, s.open()), e.until, reasonSecond)
			} else if !e.seen {
				c.unknown(s.began(absent, e.until), e.until, reasonMissed)
			}
			c.span(Span{From: e.until, Until: s.until(), Kind: Absent, Since: e.from})
		}
		if i == 0 || !s.undecided { // one of an undecided slot may have ended nothing
			absent = max(absent, e.until)
		}
	}
	for _, tr := range s.traces {
		// A creation tells that what was there before had ended.
		if tr.Operation == ssmbak.Create && s.after != nil && !slices.ContainsFunc(ends, func(e end) bool { return e.from < tr.until() }) {
			c.unknown(s.open(), tr.until(), reasonBounds)
		}
		// What was missed lasted until an end that surely came after it.
		until := s.until()
		if i := slices.IndexFunc(ends, func(e end) bool { return e.after() >= tr.until()-1 }); i >= 0 {
			until = ends[i].until
		}
		c.unknown(max(tr.from(), s.open()), until, reasonTrace)
	}
	// The life of before began after the last moment at which there surely was
	// no parameter.
	last := s.open()
	for _, e := range ends {
		last = max(last, e.after())
	}
	switch {
	case s.before == nil && s.undecided:
		// Whatever the order was, a later look that surely came after the
		// version and found nothing says how it ended.
		until := s.until()
		if i := slices.IndexFunc(ends, func(e end) bool { return e.seen && s.after != nil && e.sure >= s.after.Time }); i >= 0 {
			until = ends[i].until
		}
		c.unknown(s.open(), until, reasonOrder)
	case s.before == nil:
	case s.after == nil && s.before.Number > 1, len(ends) > 0 && s.before.Number > 1:
		c.unknown(s.began(last, s.until()), s.until(), reasonBeginning)
	case s.after == nil || len(ends) > 0:
	case s.reborn():
		c.unknown(last, s.until(), reasonBounds)
	default:
		c.unknown(last, s.until(), reasonLife)
	}
	return c.spans
}

// began returns when a life began at the earliest whose first version nobody saw:
// where an event told of its creation, if one came.
func (s *slot) began(absent, end ssmbak.Time) ssmbak.Time {
	if s.undecided {
		return absent
	}
	for _, tr := range s.traces { // in the order of their seconds
		if tr.Operation == ssmbak.Create && tr.until() > absent && tr.from() < end {
			return max(absent, tr.from())
		}
	}
	return absent
}

// open is the first moment of the slot that nothing proves.
func (s *slot) open() ssmbak.Time {
	if s.after == nil {
		return ssmbak.MinTime
	}
	return s.sure + 1
}

// ends returns the slot's ends in order. A look that found nothing is one only
// if no deletion before it already explains it.
func (s *slot) ends() []end {
	var ends []end
	for _, d := range s.deletions {
		ends = append(ends, end{from: d.from(), until: d.until()})
	}
	for _, g := range s.gone {
		e := end{from: g.Seen, until: g.Seen + 1, seen: true, sure: g.Sure}
		if s.after != nil {
			e.from = s.open()
		}
		ends = append(ends, e)
	}
	slices.SortStableFunc(ends, func(a, b end) int {
		at := func(e end) ssmbak.Time {
			if e.seen {
				return e.until - 1
			}
			return e.from
		}
		// A deletion in whose first millisecond a look found nothing is what the
		// look saw.
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(b.until, a.until))
	})
	return ends
}

// canvas holds spans that cover a stretch of time; what is laid later covers
// what lies there.
type canvas struct{ spans []Span }

// span lays s over what is there.
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

// unknown marks what lies in [from, until); the answer there stays as the last
// known one.
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

// split cuts the span in which at lies into two.
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
