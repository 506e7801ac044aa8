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
	reasonListed    = "a listing found it, and nothing of it could be recorded"
	reasonOrder     = "it was deleted and made within one second, in an order that is not known"
)

// end is one end of a life in a slot: it happened in [from, until).
type end struct {
	from, until ssmbak.Time
	seen        bool        // known by a look only
	created     bool        // known by the creation that followed, of which an event told
	chosen      bool        // it may have been elsewhere, if a doubtful one was here
	doubtful    bool        // it may have been elsewhere
	born        ssmbak.Time // if what ended was a life that was missed, it began then at the earliest
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
func (s *slot) spans(h Coverage) []Span {
	var c canvas
	if s.after == nil {
		c.span(Span{From: ssmbak.MinTime, Until: s.until(), Kind: KindUnrecorded, Unknown: true, Reason: reasonBefore})
		if h.Since != 0 && (s.before == nil || s.before.Number == 1 || s.began(ssmbak.MinTime, s.until()) != ssmbak.MinTime) {
			c.span(Span{From: h.Since, Until: s.until(), Kind: KindAbsent, Since: h.Since})
		}
	} else {
		held := Span{From: s.after.Moment(), Until: s.until(), Kind: KindPresent, Version: *s.after, Since: s.after.Moment()}
		c.span(held)
		held.From, held.Proved = s.surely, s.sure
		if s.succession() {
			held.Proved = s.until() - 1
		}
		if held.From <= held.Proved {
			c.span(held)
		}
	}
	if s.joined {
		if !s.succession() {
			c.unknown(s.open(), s.until(), reasonMissing)
		}
		return c.spans
	}
	ends := s.ends()
	for i, e := range ends {
		switch {
		case i > 0 && e.seen:
			continue
		case i > 0:
			c.unknown(e.born, e.until, reasonMissed)
		default:
			if s.after != nil && e.seen {
				c.unknown(e.from, e.until, reasonBounds)
			} else if s.after != nil {
				c.unknown(max(e.from, s.open()), e.until, reasonSecond)
			} else if !e.seen {
				c.unknown(e.born, e.until, reasonMissed)
			}
			c.span(Span{From: e.until, Until: s.until(), Kind: KindAbsent, Since: e.from})
		}
	}
	if s.after != nil && len(ends) > 0 && (ends[0].doubtful || ends[0].chosen) {
		// What was there before may have lasted until it surely ended.
		until := s.until()
		if i := slices.IndexFunc(ends, s.certain); i >= 0 {
			until = ends[i].until
		}
		c.unknown(max(ends[0].from, s.open()), until, reasonOrder)
	}
	for _, tr := range s.traces {
		c.unknown(max(tr.from(), s.open()), s.over(tr), reasonTrace)
	}
	// The life of before began after the last moment at which there surely was
	// no parameter.
	last := s.open()
	ended := false
	for _, e := range ends {
		if !e.doubtful {
			last, ended = max(last, e.after()), true
		}
	}
	switch {
	case s.before == nil && s.undecided:
		// Whatever the order was, a later look that surely came after the
		// version and found nothing says how it ended.
		until := s.until()
		if i := slices.IndexFunc(ends, s.certain); i >= 0 {
			until = ends[i].until
		}
		c.unknown(s.open(), until, reasonOrder)
	case s.before == nil:
	case s.after == nil && s.before.Number > 1, ended && s.before.Number > 1:
		c.unknown(s.began(last, s.until()), s.until(), reasonBeginning)
	case s.after == nil || ended:
	case s.reborn():
		c.unknown(last, s.until(), reasonBounds)
	default:
		c.unknown(last, s.until(), reasonLife)
	}
	return c.spans
}

// certain reports whether an end is one of the version before the slot, whatever
// was in doubt.
func (s *slot) certain(e end) bool {
	return s.after != nil && !e.doubtful && !e.chosen && (!e.seen || e.created || e.sure >= s.after.Moment())
}

// over returns when the change of a trace had no effect any more: what was missed
// lasted until an end that surely came after it, or until the one that makes the
// ends as many as the lives, which it is if no event was lost.
func (s *slot) over(tr MissedChange) ssmbak.Time {
	if e, ok := s.endOf(tr); ok {
		return e.until
	}
	return s.until()
}

// endOf returns the end by which the change of a trace was over, false if it
// lasted as long as the slot.
func (s *slot) endOf(tr MissedChange) (end, bool) {
	for _, e := range s.ends() {
		if e.after() >= tr.until()-1 || !e.seen && e.until >= tr.until() && s.ended(e.until) {
			return e, true
		}
	}
	return end{}, false
}

// ended reports whether events told of as many ends as of lives by the end of a
// second.
func (s *slot) ended(until ssmbak.Time) bool {
	lives := 0
	if s.after != nil {
		lives = 1
	}
	for _, tr := range s.traces {
		if tr.Operation == ssmbak.OpCreate && tr.until() <= until {
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

// began returns when a life began at the earliest whose first version nobody saw:
// where an event told of its creation, if one came.
func (s *slot) began(absent, end ssmbak.Time) ssmbak.Time {
	for _, tr := range s.traces { // in the order of their seconds
		if tr.Operation == ssmbak.OpCreate && tr.until() > absent && tr.from() < end {
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

// ends returns the slot's ends in order, and those that doubtful deletions would
// be. A look that found nothing is one only if no deletion before it already
// explains it.
func (s *slot) ends() []end {
	var ends []end
	for _, d := range s.deletions {
		ends = append(ends, end{from: d.from(), until: d.until()})
	}
	for _, d := range s.chosen {
		ends = append(ends, end{from: d.from(), until: d.until(), chosen: s.undecided && !s.ofHere(d)})
	}
	for _, d := range slices.Concat(s.doubtful, s.elsewhere) {
		ends = append(ends, end{from: d.from(), until: d.until(), doubtful: true})
	}
	for _, tr := range s.traces {
		// A creation tells that what was there before had ended.
		if tr.Operation == ssmbak.OpCreate && s.after != nil && !s.shared && !slices.ContainsFunc(ends, func(e end) bool { return e.from < tr.until() }) {
			ends = append(ends, end{from: s.open(), until: min(tr.until(), s.until()), seen: true, created: true, sure: s.sure})
			break
		}
	}
	for _, g := range s.gone {
		e := end{from: g.At, until: g.At + 1, seen: true, sure: g.AsOf}
		if s.after != nil {
			e.from = s.open()
			for _, tr := range s.traces { // it was there when this change came
				if tr.Operation == ssmbak.OpUpdate && tr.until()-1 <= e.sure {
					e.from = max(e.from, tr.from())
				}
			}
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
	absent := ssmbak.MinTime // the last moment at which there surely was no parameter
	if s.after != nil {
		absent = s.open()
	}
	for i := range ends {
		e := &ends[i]
		e.born = s.began(absent, e.until)
		switch {
		case e.doubtful && e.born == absent: // no event tells that a life had begun
			e.born = max(absent, e.from)
		case e.seen && (i == 0 || s.undecided): // it may have seen what a doubtful one ended
		case !e.doubtful:
			absent = max(absent, e.after())
		}
	}
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

// placeMissed makes the absence unknown in which a listing found the parameter
// live: until a look that surely came after it found nothing.
func (t *Timeline) placeMissed() {
	at := t.horizon.Missed
	if at == 0 {
		return
	}
	until := ssmbak.MaxTime
	for _, g := range t.facts.Observations {
		if g.Gone && g.AsOf > at+ssmbak.Time(Staleness.Milliseconds()) {
			until = min(until, g.At+1)
		}
	}
	c := canvas{t.spans}
	for _, s := range slices.Clone(t.spans) {
		if s.Kind == KindAbsent && s.From <= at && s.Until > at-ssmbak.Time(Staleness.Milliseconds()) {
			c.unknown(s.From, min(s.Until, until), reasonListed)
		}
	}
	t.spans = c.spans
}
