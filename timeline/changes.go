package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// Why something is not known of a change.
const (
	reasonNoValue    = "the value was not recorded"
	reasonOriginal   = "recorded by the original ssmbak"
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
	original := c.originals(t)
	slots, doubtful := t.placed()
	for i := range slots {
		s := &slots[i]
		if i > 0 {
			original = nil
		}
		c.between(s, original)
		if s.before != nil {
			c.version(s.before)
		}
	}
	c.traces(t, slots)
	for _, d := range doubtful {
		c.add(ssmbak.Change{Operation: ssmbak.Delete, Time: d.from(), From: d.from(), Until: d.until(), Reason: reasonOrder})
	}
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

// placed returns the slots with all that lies in them, but for the deletions
// that may lie in several.
func (t *Timeline) placed() (slots []slot, doubtful []Deletion) {
	again := &Timeline{facts: t.facts, horizon: t.horizon}
	slots = again.slots()
	again.placeDeletions(slots)
	again.placeLooks(slots)
	again.placeListing(slots)
	again.placeTraces(slots)
	times := make(map[string]int, len(t.facts.Deletions))
	for _, s := range slots {
		for _, d := range s.deletions {
			if times[d.Event]++; times[d.Event] == 2 {
				doubtful = append(doubtful, d)
			}
		}
	}
	// What was put into a slot because it needed an end may belong elsewhere,
	// if one that is in doubt may be that end.
	for grown := len(doubtful) > 0; grown; {
		grown = false
		for _, d := range t.facts.Deletions {
			touched := touching(slots, d)
			if undecided := func(s *slot) bool { return s.undecided }; len(touched) > 1 && slices.ContainsFunc(touched, undecided) {
				for _, s := range touched {
					grown = grown || !s.undecided
					s.undecided = true
				}
			}
		}
	}
	for i := range slots {
		s := &slots[i]
		s.deletions = slices.DeleteFunc(s.deletions, func(d Deletion) bool { return times[d.Event] > 1 })
	}
	return slots, doubtful
}

// touching returns the slots that may hold a deletion: those that touch its
// second and are not proved to its end.
func touching(slots []slot, d Deletion) (touched []*slot) {
	for i := slotAt(slots, d.from()); i < len(slots) && (slots[i].after == nil || slots[i].after.Time < d.until()-1); i++ {
		if s := &slots[i]; !s.joined && s.from() < d.until()-1 {
			touched = append(touched, s)
		}
	}
	return touched
}

// changes collects the changes of one parameter.
type changes struct {
	name ssmbak.Name
	all  []ssmbak.Change
}

func (c *changes) add(x ssmbak.Change) {
	x.Name = c.name
	c.all = append(c.all, x)
}

func (c *changes) version(v *Version) {
	x := ssmbak.Change{Operation: ssmbak.Update, Time: v.Time, From: v.Time, Until: v.Time, Version: v.Domain()}
	if v.Number == 1 {
		x.Operation = ssmbak.Create
	}
	if len(v.Objects) == 0 {
		x.Reason = cmp.Or(v.Unreadable, reasonNoValue)
	}
	c.add(x)
}

// deleted adds a deletion of which an event told.
func (c *changes) deleted(from, until ssmbak.Time) {
	c.add(ssmbak.Change{Operation: ssmbak.Delete, Time: from, From: from, Until: max(from, until)})
}

// vanished adds a deletion that is known only by what was there before and not
// after.
func (c *changes) vanished(from, until ssmbak.Time) {
	x := ssmbak.Change{Operation: ssmbak.Delete, From: min(from, until), Until: until, Reason: reasonBounds}
	if x.From == until {
		x.Time = until
	}
	c.add(x)
}

// gap adds a stretch in which something was missed: first to last are the
// numbers of versions that surely were there.
func (c *changes) gap(from, until ssmbak.Time, reason string, first, last int64) {
	x := ssmbak.Change{Operation: ssmbak.Gap, From: from, Until: until, Reason: reason}
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

// originals adds what the original ssmbak recorded before our own first fact,
// as far as it counts, and returns the last answer that follows from it: nil if
// there is none.
func (c *changes) originals(t *Timeline) *Span {
	var last *Span
	for i := range t.spans {
		s := &t.spans[i]
		if s.Original == nil {
			continue
		}
		x := ssmbak.Change{Operation: ssmbak.Update, Time: s.Since, From: s.Since, Until: s.Since + 1000, Reason: reasonOriginal}
		switch {
		case s.Kind == Absent:
			x.Operation, x.Reason = ssmbak.Delete, reasonMarker
		case len(t.facts.Versions) > 0 && t.facts.Versions[0].Time < x.Until:
			continue // the version of this second is the same change
		default:
			x.Version = s.Version.Domain()
			if last != nil && last.Kind == Absent {
				x.Operation = ssmbak.Create
			}
		}
		if s.Kind != Absent || last == nil || last.Kind != Absent {
			c.add(x)
		}
		last = s
	}
	return last
}

// between adds what happened, or was missed, between two versions that are next
// to each other in time. original is what the original ssmbak recorded last
// before the first of them.
func (c *changes) between(s *slot, original *Span) {
	if s.joined {
		if !s.succession() {
			c.gap(s.open(), s.until(), reasonMissing, s.after.Number+1, s.before.Number-1)
		}
		return
	}
	held, open := s.after != nil, s.open()
	if original != nil {
		held, open = original.Kind == Held, original.Since
	}
	since, born, ended := open, open, false
	for _, e := range s.ends() {
		if e.seen && s.undecided {
			continue // perhaps it saw the deletion that may lie elsewhere
		}
		// What was missed and surely ended here.
		missed := slices.IndexFunc(s.traces, func(tr Trace) bool { return tr.from() >= since && tr.until()-1 <= e.after() })
		switch {
		case !e.seen:
			from, until := e.from, e.until
			if !s.undecided {
				from, until = max(from, open), min(until, s.until())
			}
			if !held {
				c.gap(born, until, reasonMissed, 0, 0)
			}
			c.deleted(from, until)
		case held:
			c.vanished(since, e.until)
		case missed >= 0:
			c.vanished(s.traces[missed].from(), e.until)
		}
		held, ended, since, born = false, true, e.until, max(born, e.after())
	}
	b := s.before
	if b == nil {
		return
	}
	switch {
	case held && s.after == nil:
		// What the original ssmbak recorded has no numbers.
		if b.Number == 1 && !s.undecided {
			c.vanished(open, s.until())
		}
		return
	case s.after == nil || ended:
	case s.reborn():
		c.vanished(open, s.until())
	default:
		c.gap(open, s.until(), reasonLife, s.after.Number+1, b.Number-1)
		return
	}
	if b.Number > 1 {
		c.gap(born, s.until(), reasonBeginning, 1, b.Number-1)
	}
}

// traces adds a gap for each change that only its event told of. It may lie in
// several slots, and is not told where versions of that time, or a whole life,
// are told to be missing anyway.
func (c *changes) traces(t *Timeline, slots []slot) {
	missed := slices.DeleteFunc(slices.Clone(c.all), func(x ssmbak.Change) bool { return x.Reason != reasonMissed })
	for _, tr := range t.facts.Traces {
		x := ssmbak.Change{Operation: ssmbak.Gap, From: ssmbak.MaxTime, Until: ssmbak.MinTime, Reason: reasonTrace}
		explained := true
		for i := slotAt(slots, tr.from()); i < len(slots) && (slots[i].after == nil || slots[i].after.Time < tr.until()); i++ {
			s := &slots[i]
			from, until := max(tr.from(), s.open()), min(tr.until(), s.until())
			if s.succession() || from >= until {
				continue
			}
			x.From, x.Until = min(x.From, from), max(x.Until, until)
			explained = explained && (s.joined || slices.ContainsFunc(missed, func(g ssmbak.Change) bool { return g.From <= from && until <= g.Until }))
		}
		if !explained {
			c.add(x)
		}
	}
}
