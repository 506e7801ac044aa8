package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Why something is not known of a change.
const (
	reasonNoValue    = "the value was not recorded"
	reasonLegacy     = "recorded by the original ssmbak"
	reasonMarker     = "recorded by the original ssmbak, which notes when it heard of a deletion"
	reasonTagsBefore = "what its tags were before is not known"
	reasonTagsMissed = "a change of its tags before this one was missed"
)

// Changes returns everything that happened to the parameter, and everything
// that is known to be missing, each once, oldest first: by Until, and where that
// is the same, in the order in which it happened.
//
// Every version that was seen is a Create or an Update, and every end of a life
// a Delete. A Gap says that something was missed: versions by their numbers, a
// whole life, or a change of which only its event is known. Nothing is said of
// the time before the first record, unless versions of it are known to be
// missing.
//
// A deletion in whose second versions lie too is put where a life needs an end,
// and labels that only looks saw change into the second of an event between them.
// Only an event that never came can make that wrong.
func (t *Timeline) Changes() []ssmbak.Change {
	c := changes{name: t.name}
	legacy := c.legacy(t)
	for _, d := range t.doubtful {
		from, until := t.bounds(d.Second)
		c.deleted(from, until, reasonOrder)
	}
	for i := range t.slots {
		s := &t.slots[i]
		if i > 0 {
			legacy = nil
		}
		c.between(t, s, legacy)
		if s.before != nil {
			c.version(s.before)
		}
	}
	c.traces(t)
	c.all = append(c.over, c.all...)
	c.tags(t)
	c.labels(t)
	slices.SortStableFunc(c.all, func(a, b ssmbak.Change) int {
		// What happened before a moment comes before what happened in it.
		return cmp.Or(cmp.Compare(a.Until, b.Until), cmp.Compare(moment(a), moment(b)))
	})
	return c.all
}

func moment(c ssmbak.Change) int {
	if c.From == c.Until {
		return 1
	}
	return 0
}

// missing returns the numbers from first to last if versions with all of them are
// missing between two moments, and none if that is not sure: a version may stand
// on the wrong side of one of the two, if its time stepped back.
func (t *Timeline) missing(first, last int64, from, until ssmbak.Time) (int64, int64) {
	if slices.ContainsFunc(t.order, func(v Version) bool {
		return v.Number >= first && v.Number <= last &&
			(v.Moment() > from-stepBack && v.Moment() <= from || v.Moment() >= until && v.Moment() < until+stepBack)
	}) {
		return 1, 0
	}
	return first, last
}

// bounds returns what of a second lies in the slots that may hold a deletion of
// it.
func (t *Timeline) bounds(second int64) (from, until ssmbak.Time) {
	d := Deletion{Second: second}
	touched := t.touching(d)
	return max(d.from(), touched[0].open()), min(d.until(), touched[len(touched)-1].until())
}

// changes collects the changes of one parameter.
type changes struct {
	name ssmbak.Name
	all  []ssmbak.Change
	// over are the gaps that end with what ended the missed change.
	over []ssmbak.Change
}

func (c *changes) add(x ssmbak.Change) {
	x.Name = c.name
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

// deleted adds a deletion of which an event told.
func (c *changes) deleted(from, until ssmbak.Time, reason string) {
	c.add(ssmbak.Change{Operation: ssmbak.OpDelete, Time: from, From: from, Until: max(from, until), Reason: reason})
}

// vanished adds a deletion that is known only by what was there before and not
// after.
func (c *changes) vanished(from, until ssmbak.Time) {
	x := ssmbak.Change{Operation: ssmbak.OpDelete, From: min(from, until), Until: until, Reason: reasonBounds}
	if x.From == until {
		x.Time = until
	}
	c.add(x)
}

// gap adds a stretch in which something was missed: first to last are the
// numbers of versions that surely were there.
func (c *changes) gap(from, until ssmbak.Time, reason string, first, last int64) {
	x := ssmbak.Change{Operation: ssmbak.OpGap, From: from, Until: until, Reason: reason}
	if first <= last {
		x.Missing = ssmbak.Numbers{First: first, Last: last}
	} else if from >= until {
		return // nothing can have happened
	}
	if from >= until {
		x.From, x.Time = until, until
	}
	c.add(x)
}

// legacy adds what the legacy ssmbak recorded before our own first fact,
// as far as it counts, and returns the last answer that follows from it: nil if
// there is none.
func (c *changes) legacy(t *Timeline) *Span {
	var last *Span
	for i := range t.spans {
		s := &t.spans[i]
		if s.Legacy == nil {
			continue
		}
		x := ssmbak.Change{Operation: ssmbak.OpUpdate, Time: s.Since, From: s.Since, Until: s.Since + 1000, Reason: reasonLegacy}
		switch {
		case s.Kind == KindAbsent:
			x.Operation, x.Reason = ssmbak.OpDelete, reasonMarker
		case len(t.facts.Versions) > 0 && t.order[0].Moment() < x.Until:
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

// between adds what happened, or was missed, between two versions that are next
// to each other in time. legacy is what the legacy ssmbak recorded last
// before the first of them.
func (c *changes) between(t *Timeline, s *slot, legacy *Span) {
	if s.joined {
		if !s.succession() {
			c.gap(s.open(), s.until(), reasonMissing, s.after.Number+1, s.before.Number-1)
		}
		return
	}
	held, open := s.after != nil, s.open()
	if legacy != nil {
		held, open = legacy.Kind == KindPresent, legacy.Since
	}
	born, ended := open, false
	for _, e := range s.ends() {
		last := ssmbak.MinTime // of the missed changes that surely ended here
		for _, tr := range s.traces {
			if by, ok := s.endOf(tr); ok && by == e && e.seen && !e.created {
				last = max(last, tr.from(), s.open())
			}
		}
		if e.doubtful {
			continue
		}
		born = max(born, e.after())
		if e.seen && !e.created && s.undecided && last == ssmbak.MinTime {
			continue // perhaps it saw the deletion that may lie elsewhere
		}
		switch {
		case !e.seen:
			from, until := max(e.from, open), min(e.until, s.until())
			if e.chosen {
				from, until = t.bounds(e.from.Second())
			}
			if !held {
				c.gap(e.born, until, reasonMissed, 0, 0)
			}
			reason := ""
			if e.chosen {
				reason = reasonOrder
			}
			c.deleted(from, until, reason)
		case held:
			from := e.from
			if legacy != nil {
				from = open
			}
			c.vanished(from, e.until)
		case last != ssmbak.MinTime:
			c.vanished(last, e.until)
		}
		held, ended = false, true
	}
	b := s.before
	if b == nil {
		return
	}
	switch {
	case held && s.after == nil:
		// What the legacy ssmbak recorded has no numbers.
		if b.Number == 1 && !s.undecided {
			c.vanished(open, s.until())
		}
		return
	case s.after == nil || ended:
	case s.reborn():
		c.vanished(open, s.until())
	default:
		first, last := t.missing(s.after.Number+1, b.Number-1, s.after.Moment(), b.Moment())
		c.gap(open, s.until(), reasonLife, first, last)
		return
	}
	if b.Number > 1 {
		first, last := t.missing(1, b.Number-1, born, b.Moment())
		c.gap(s.began(born, s.until()), s.until(), reasonBeginning, first, last)
	}
}

// traces adds a gap for each change that only its event told of. It may lie in
// several slots, and is not told where versions of that time, or a whole life,
// are told to be missing anyway.
func (c *changes) traces(t *Timeline) {
	gaps := slices.DeleteFunc(slices.Clone(c.all), func(x ssmbak.Change) bool { return x.Operation != ssmbak.OpGap })
	for _, tr := range t.facts.MissedChanges {
		x := ssmbak.Change{Operation: ssmbak.OpGap, From: ssmbak.MaxTime, Until: ssmbak.MinTime, Reason: reasonTrace}
		explained, over := true, ssmbak.MinTime
		for i := range t.slots {
			s := &t.slots[i]
			if !slices.Contains(s.traces, tr) {
				continue
			}
			from, until := max(tr.from(), s.open()), min(tr.until(), s.until())
			// What ended in between did not end what was missed.
			if over := min(s.over(tr), s.until()); slices.ContainsFunc(c.all, func(d ssmbak.Change) bool {
				return d.Operation == ssmbak.OpDelete && d.From >= from && d.Until > until && d.Until < over
			}) {
				until = over
			}
			x.From, x.Until, over = min(x.From, from), max(x.Until, until), max(over, s.over(tr))
			explained = explained && (s.joined || slices.ContainsFunc(gaps, func(g ssmbak.Change) bool { return g.From <= from && s.over(tr) <= g.Until }))
		}
		switch {
		case explained:
		case over <= x.Until:
			x.Name = t.name
			c.over = append(c.over, x)
		default:
			c.add(x)
		}
	}
}
