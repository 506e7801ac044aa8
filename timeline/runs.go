package timeline

import (
	"cmp"

	"github.com/ssmbak/ssmbak"
)

// Run is a sequence of consecutive versions of one life, joined by observations,
// whose interior is stored in a part: First was current, then each of the versions
// in the part, then Last. Nothing else happened between them.
//
// First and Last are among the facts that contain the run. Facts about the interior
// may be there too: they were not moved, or they were learned again.
type Run struct {
	First Ref `json:"first"`
	Last  Ref `json:"last"`
	// Depth is 0 if the part has versions only, and otherwise one more than that of
	// the runs in the part.
	Depth int     `json:"depth,omitempty"`
	Part  PartRef `json:"part"`
}

// PartRef identifies a part: an object that is written once.
type PartRef struct {
	ID     string `json:"id"`      // random
	Object string `json:"version"` // the S3 object version
	SHA256 string `json:"sha256"`  // of the object, hexadecimal
}

// Limits are the limits by which [Timeline.Close] chooses a run.
type Limits struct {
	// Keep is the number of newest versions that are never moved. Parameter Store
	// returns up to 100 versions in a history, and recording them again would write
	// their values again.
	Keep int
	// Least and Most bound the number of versions that are moved to one part.
	Least, Most int
	// Runs is the number of runs of one depth above which they are moved.
	Runs int
}

// edge is the least time, in milliseconds, between the ends of the versions that are
// joined and those of the run that is closed, so that no later fact about the time
// outside of it concerns its interior: a version that precedes its moment by less than
// [stepBack], an event of the second of a version, or a change [slack] before that.
const edge = 3000

// Closing is a set of facts divided by [Timeline.Close].
type Closing struct {
	run  Run
	rest Facts
	// Part are the facts of the part: versions, the observations whose newest
	// version they are, and runs.
	Part Facts
}

// Run returns the first and the last version of the run.
func (c Closing) Run() (first, last Ref) { return c.run.First, c.run.Last }

// Facts returns the remaining facts with the run, whose part is written.
func (c Closing) Facts(part PartRef) Facts {
	c.run.Part = part
	return Union(c.rest, Facts{Runs: []Run{c.run}})
}

// Close divides the facts: it moves the interior of the oldest run that exceeds the
// limits to a part. It returns false if there is none.
//
// Versions without a value and versions whose moment is not their own time stay, and
// so do all facts that are neither versions nor observations of them. If an
// observation that is moved includes versions before the run, an observation of the
// run's first version remains that includes them.
func (t *Timeline) Close(l Limits) (Closing, bool) {
	for _, s := range t.stretches() {
		for depth := 1; depth <= t.facts.depth()+1; depth++ {
			if first, last, ok := t.crowded(s, depth, l); ok {
				return t.divide(first, last, depth), true
			}
		}
		if first, last, ok := t.interior(s, l); ok {
			return t.divide(first, last, 0), true
		}
	}
	return Closing{}, false
}

func (f Facts) depth() (depth int) {
	for _, r := range f.Runs {
		depth = max(depth, r.Depth)
	}
	return depth
}

// stretch is versions of one life that follow each other, by their indexes in
// [Timeline.order]: those of a run that is closed are at least [edge] from its ends.
type stretch struct{ first, last int }

func (t *Timeline) stretches() (all []stretch) {
	for begin := 0; begin < len(t.order); {
		end := begin
		for end+1 < len(t.order) && t.slots[end+1].contiguous() && t.order[end].Moment() < t.order[end+1].Moment() && t.ordered(end+1) {
			end++
		}
		s := stretch{begin, end}
		for s.first < end && (t.order[s.first].Moment() < t.order[begin].Moment()+edge || !t.currentAtOnce(s.first)) {
			s.first++
		}
		for s.last > begin && (t.order[s.last].Moment() > t.order[end].Moment()-edge || !t.currentAtOnce(s.last)) {
			s.last--
		}
		if s.first < s.last {
			all = append(all, s)
		}
		begin = end + 1
	}
	return all
}

// ordered reports whether a version is where its own fact places it.
func (t *Timeline) ordered(i int) bool {
	v, _ := t.facts.Version(t.order[i].Ref())
	return v.Since == t.order[i].Since
}

// currentAtOnce reports whether a version certainly was current from its moment on.
func (t *Timeline) currentAtOnce(i int) bool {
	return t.slots[i+1].currentFrom == t.order[i].Moment()
}

// movable reports whether a version may be moved to a part.
func (t *Timeline) movable(i int) bool {
	v := t.order[i]
	return len(v.Objects) > 0 && v.Moment() == v.Time
}

// interior returns the first and the last version of a run whose interior is to be
// moved: the oldest after the last run of the stretch.
func (t *Timeline) interior(s stretch, l Limits) (first, last int, ok bool) {
	first = s.first
	for _, r := range t.facts.Runs {
		if from, until, ok := t.bounds(r); ok && from < s.last && until > s.first {
			first = max(first, until)
		}
	}
	if first >= s.last {
		return first, first, false
	}
	moved := 0
	for last = first + 1; last < min(s.last, len(t.order)-l.Keep) && moved < l.Most; last++ {
		if t.movable(last) {
			moved++
		}
	}
	for last > first && !t.currentAtOnce(last) {
		last--
		if t.movable(last) {
			moved--
		}
	}
	return first, last, moved >= max(1, l.Least)
}

// crowded returns the ends of the runs of a stretch that are to be moved to a part of
// the given depth.
func (t *Timeline) crowded(s stretch, depth int, l Limits) (first, last int, ok bool) {
	n := 0
	for _, r := range t.facts.Runs {
		from, until, ok := t.bounds(r)
		if !ok || r.Depth != depth-1 || from < s.first || until > s.last || until > len(t.order)-l.Keep {
			continue
		}
		if n == 0 {
			first, last = from, until
		}
		n, first, last = n+1, min(first, from), max(last, until)
	}
	return first, last, n > max(1, l.Runs)
}

// bounds returns the indexes of a run's first and last version, false if the facts do
// not have them.
func (t *Timeline) bounds(r Run) (first, last int, ok bool) {
	first, okFirst := t.position[r.First]
	last, okLast := t.position[r.Last]
	return first, last, okFirst && okLast && first < last
}

// divide moves what is between two versions, and runs up to them, to a part.
func (t *Timeline) divide(first, last, depth int) Closing {
	c := Closing{run: Run{First: t.order[first].Ref(), Last: t.order[last].Ref(), Depth: depth}, rest: t.facts}
	c.rest.Runs, c.Part.Runs = divided(t.facts.Runs, func(r Run) bool {
		from, until, ok := t.bounds(r)
		return ok && r.Depth < depth && from >= first && until <= last
	})
	moved := make(map[Ref]bool)
	for i := first + 1; i < last; i++ {
		if t.movable(i) {
			moved[t.order[i].Ref()] = true
		}
	}
	for _, r := range c.rest.Runs { // their ends stay
		delete(moved, r.First)
		delete(moved, r.Last)
	}
	c.rest.Versions, c.Part.Versions = divided(t.facts.Versions, func(v Version) bool { return moved[v.Ref()] })
	c.rest.Observations, c.Part.Observations = divided(t.facts.Observations, func(o Observation) bool { return !o.Gone && moved[o.Newest] })
	begin := t.order[first]
	oldest := begin.Number
	for _, o := range c.Part.Observations {
		oldest = min(oldest, o.Oldest)
	}
	if oldest < begin.Number {
		c.rest.Observations = append(c.rest.Observations, Observation{Newest: begin.Ref(), Oldest: oldest, AsOf: begin.Time, At: begin.Time})
	}
	return c
}

// divided returns the elements that stay, and those that are moved.
func divided[T any](all []T, moves func(T) bool) (rest, moved []T) {
	for _, x := range all {
		if moves(x) {
			moved = append(moved, x)
		} else {
			rest = append(rest, x)
		}
	}
	return rest, moved
}

// Open returns the facts with those of the part of one of their runs, which is then
// no longer a run.
func (f Facts) Open(r Run, part Facts) Facts {
	f.Runs, _ = divided(f.Runs, func(other Run) bool { return other == r })
	return Union(f, part)
}

// RunAt returns the run that contains a moment, whose part has the state at that
// moment. If several do, it returns the least one. A run that later facts contradict
// concerns every moment.
func (t *Timeline) RunAt(at ssmbak.Time) (least Run, ok bool) {
	size := len(t.order)
	for _, r := range t.facts.Runs {
		first, last, found := t.bounds(r)
		contains := found && (t.order[first].Moment() <= at && at < t.order[last].Moment() || t.contradicted(first, last))
		if contains && last-first <= size {
			least, size, ok = r, last-first, true
		}
	}
	return least, ok
}

// contradicted reports whether a version between the ends of a run belongs to another
// life: the observation that joined them was recorded before the versions that it
// includes.
func (t *Timeline) contradicted(first, last int) bool {
	for i := first; i < last; i++ {
		if t.order[i].Number >= t.order[i+1].Number {
			return true
		}
	}
	return false
}

// hides reports whether the run has a later version of the same number in its
// interior.
func (r Run) hides(v Version) bool {
	return v.Number > r.First.Number && v.Number < r.Last.Number && v.Time < r.First.Time
}

// presences returns the observations that found the parameter. One whose newest
// version is only in a part, since it was recorded late, says of the versions before
// the run what an observation of the run's first version would say.
func (f Facts) presences() []Observation {
	var all []Observation
	for _, o := range f.Observations {
		if o.Gone {
			continue
		}
		if len(f.Runs) > 0 && !f.Has(o.Newest) {
			for _, r := range f.Runs {
				if o.Newest.Number > r.First.Number && o.Newest.Number < r.Last.Number && o.Newest.Time > r.First.Time && o.Newest.Time < r.Last.Time {
					o.Newest, o.AsOf, o.At = r.First, r.First.Time, r.First.Time
				}
			}
		}
		all = append(all, o)
	}
	return all
}

func compareRuns(a, b Run) int {
	return cmp.Or(compareRef(a.First, b.First), compareRef(a.Last, b.Last), cmp.Compare(a.Depth, b.Depth),
		cmp.Compare(a.Part.ID, b.Part.ID), cmp.Compare(a.Part.Object, b.Part.Object), cmp.Compare(a.Part.SHA256, b.Part.SHA256))
}

// setRuns marks the slots within runs: nothing happened in them that is not in a part.
func (t *Timeline) setRuns(slots []slot) {
	for _, r := range t.facts.Runs {
		if first, last, ok := t.bounds(r); ok && !t.contradicted(first, last) {
			for i := first + 1; i <= last; i++ {
				slots[i].inRun = true
			}
		}
	}
}
