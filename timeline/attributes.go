package timeline

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/ssmbak/ssmbak"
)

// observation says what a parameter's tags or labels were at some moment from
// lo to hi. One that an event told of says that they became so then.
type observation[V comparable] struct {
	lo, hi  ssmbak.Time
	at      ssmbak.Time // if no look answered from the past, it was so then
	event   bool
	counter int64
	from    map[string]V // what an event said that was so before it, nil if it did not
	seen    map[string]V
	untold  bool // the event did not say what became so, and seen is nil
	other   bool // the event told of another label
}

func (o observation[V]) says(m map[string]V) bool { return maps.Equal(o.seen, m) }

// happened returns what an event says that became so in its second.
func happened[V comparable](second int64, seen map[string]V) observation[V] {
	hi := ssmbak.Seconds(second+1) - 1
	return observation[V]{lo: ssmbak.Seconds(second), hi: hi, at: hi, event: true, seen: seen}
}

// sights returns the first and the last look that saw the same. They ended at
// their moments by the recorder's clock.
func sights[V comparable](s Observed, seen map[string]V) []observation[V] {
	all := []observation[V]{{lo: s.AsOf, hi: s.At, at: s.At.Add(-Skew), seen: seen}}
	if s.LastAt != 0 {
		all = append(all, observation[V]{lo: s.LastAsOf, hi: s.LastAt, at: s.LastAt.Add(-Skew), seen: seen})
	}
	return all
}

// tagsSeen returns everything that was seen of tags.
func (f Facts) tagsSeen() (all []observation[string]) {
	for _, x := range f.Tags {
		if x.Event == "" {
			all = append(all, sights(x.Observed, x.Tags)...)
			continue
		}
		o := happened(x.Second, x.Tags)
		o.counter = x.Counter
		all = append(all, o)
	}
	return all
}

// labelSeen returns everything that was seen of one label, or with "" of those
// that no event named. moved are the labels that events named.
func (f Facts) labelSeen(label string, moved []string) (all []observation[int64]) {
	for _, x := range f.Labels {
		switch {
		case x.Event == "":
			all = append(all, sights(x.Observed, alone(x.Labels, label, moved))...)
		case x.Label == label && label != "":
			all = append(all, x.move())
		default: // it may stand for a request that moved several
			o := happened[int64](x.Second, nil)
			o.untold, o.other = true, x.Label != "" && slices.Contains(moved, x.Label)
			all = append(all, o)
		}
	}
	return all
}

// move returns what the event of a label says of it.
func (f LabelsFact) move() observation[int64] {
	o := happened(f.Second, map[string]int64{f.Label: f.To})
	if f.From > 0 {
		o.from = map[string]int64{f.Label: f.From}
	}
	return o
}

// movedLabels returns the labels of which events told, and "" for all others.
// Where an event told no more than that labels may have changed, that is all.
func (f Facts) movedLabels() []string {
	moved := []string{""}
	if slices.ContainsFunc(f.Labels, func(x LabelsFact) bool { return x.Event != "" && x.Label == "" }) {
		return moved
	}
	for _, x := range f.Labels {
		if x.Label != "" && !slices.Contains(moved, x.Label) {
			moved = append(moved, x.Label)
		}
	}
	return moved
}

// alone returns what a look says of one label, or with "" of all that are not
// among those moved.
func alone(labels map[string]int64, label string, moved []string) map[string]int64 {
	one := make(map[string]int64)
	for k, v := range labels {
		if k == label || label == "" && !slices.Contains(moved, k) {
			one[k] = v
		}
	}
	return one
}

// layout is everything that was seen of the tags, or of one label, by the life of
// which it is.
type layout[V comparable] struct {
	lives  []track[V]
	strays []observation[V] // the events of which it is not known
}

// track is what was seen of one life, by the ends of what was seen.
type track[V comparable] struct {
	life
	events, looks []observation[V] // surely of this life, as far as anything is known
	proof         observations[V]  // what is proved, and what may be
	seen          []observation[V] // by their moments, if no look answered from the past
	silent        []ssmbak.Time    // the seconds of events that may tell of this life, and not what
}

// deal deals out what was seen to the lives. born is what is so at the beginning
// of a life, nil if that is not known.
func deal[V comparable](t *Timeline, all []observation[V], born map[string]V) layout[V] {
	out := layout[V]{lives: make([]track[V], len(t.lives))}
	for n, l := range t.lives {
		k := &out.lives[n]
		if k.life = l; l.whole && born != nil {
			k.born(born)
		}
	}
	slices.SortStableFunc(all, byEnd)
	for _, o := range all {
		own := t.livesOf(o.lo, o.hi)
		certain := len(own) == 1 && t.after(own[0], o.lo)
		clear := certain && !t.deleted(o.lo, t.lives[own[0]].begin)
		for _, n := range own {
			k := &out.lives[n]
			switch {
			case !certain || o.untold:
				k.proof.doubts = append(k.proof.doubts, o)
			case o.event:
				k.happened(o, t.surely(n, o.lo, o.hi), clear)
			default:
				k.looked(o, born, clear)
			}
			k.sighted(o, t.after(n, o.lo))
		}
		if o.event && !clear {
			out.strays = append(out.strays, o)
		}
	}
	for n := range out.lives {
		// Of a look and an event at one moment the look is the earlier one.
		slices.SortStableFunc(out.lives[n].seen, func(a, b observation[V]) int {
			return cmp.Or(byMoment(a, b), cmp.Compare(a.rank(), b.rank()))
		})
	}
	return out
}

func byEnd[V comparable](a, b observation[V]) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.counter, b.counter))
}

func byMoment[V comparable](a, b observation[V]) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.counter, b.counter))
}

func (o observation[V]) rank() int {
	if o.event {
		return 1
	}
	return 0
}

// born adds what is so at the beginning of the life.
func (k *track[V]) born(seen map[string]V) {
	o := observation[V]{lo: k.begin, hi: k.begin, at: k.begin, seen: seen}
	k.proof.looks, k.seen = append(k.proof.looks, o), append(k.seen, o)
}

// looked adds a look, which speaks for no time before the life; one that saw
// something else than is so at its beginning speaks for none but a later one.
func (k *track[V]) looked(o observation[V], born map[string]V, clear bool) {
	if clear {
		k.looks = append(k.looks, o)
	}
	if o.lo = max(o.lo, k.begin); k.whole && born != nil && !o.says(born) {
		o.lo = max(o.lo, k.begin+1)
	}
	k.proof.looks = append(k.proof.looks, o)
}

// happened adds an event, which proves something where the parameter surely was
// there.
func (k *track[V]) happened(o observation[V], surely, clear bool) {
	if clear {
		k.events = append(k.events, o)
	}
	if surely {
		k.proof.events = append(k.proof.events, o)
	} else {
		k.proof.doubts = append(k.proof.doubts, o)
	}
}

// sighted adds what is so as long as nothing contradicts it.
func (k *track[V]) sighted(o observation[V], after bool) {
	switch {
	case o.other:
	case o.event && (o.untold || !after):
		k.silent = append(k.silent, o.lo)
	case o.at >= k.begin && o.at < k.until:
		k.seen = append(k.seen, o)
	}
}

// layOutTags lays out what was seen of the tags.
func (t *Timeline) layOutTags() layout[string] {
	out := deal(t, t.facts.tagsSeen(), nil)
	for n := range out.lives {
		// Where the first look saw no tags there were none from the beginning: it
		// would take some that were given and taken away at once.
		if k := &out.lives[n]; k.whole && len(k.proof.looks) > 0 && len(k.proof.looks[0].seen) == 0 {
			k.proof.looks = slices.Insert(k.proof.looks, 0, observation[string]{lo: k.begin, hi: k.begin, seen: map[string]string{}})
		}
	}
	return out
}

// layOutLabels lays out what was seen of the labels, each by itself, since its
// events tell of it alone. A new parameter has none.
func (t *Timeline) layOutLabels() (all []layout[int64]) {
	moved := t.facts.movedLabels()
	for _, label := range moved {
		all = append(all, deal(t, t.facts.labelSeen(label, moved), map[string]int64{}))
	}
	return all
}

// tagsAt returns the tags in a life at one moment of it.
func (t *Timeline) tagsAt(n int, at ssmbak.Time) ssmbak.Known[map[string]string] {
	k := &t.tags().lives[n]
	if tags, ok := k.proof.at(at); ok {
		return ssmbak.Know(maps.Clone(tags), ssmbak.Proved)
	}
	if tags, ok := k.last(at); ok {
		return ssmbak.Know(maps.Clone(tags), ssmbak.LastKnown)
	}
	return ssmbak.Known[map[string]string]{}
}

// labelsAt returns the labels in a life at one moment of it.
func (t *Timeline) labelsAt(n int, at ssmbak.Time) ssmbak.Known[map[string]int64] {
	if labels, ok := t.eachLabel(n, func(k *track[int64]) (map[string]int64, bool) { return k.proof.at(at) }); ok {
		return ssmbak.Know(labels, ssmbak.Proved)
	}
	if labels, ok := t.eachLabel(n, func(k *track[int64]) (map[string]int64, bool) { return k.last(at) }); ok {
		return ssmbak.Know(labels, ssmbak.LastKnown)
	}
	return ssmbak.Known[map[string]int64]{}
}

// eachLabel joins what is so of each label in a life, if it is known of all.
func (t *Timeline) eachLabel(n int, of func(*track[int64]) (map[string]int64, bool)) (map[string]int64, bool) {
	all := make(map[string]int64)
	for _, l := range t.labels() {
		labels, known := of(&l.lives[n])
		if !known {
			return nil, false
		}
		maps.Copy(all, labels)
	}
	return all, true
}

// last returns what was seen last up to a moment of the life, unless something
// says that it changed in between.
func (k *track[V]) last(at ssmbak.Time) (map[string]V, bool) {
	next := sort.Search(len(k.seen), func(i int) bool { return k.seen[i].at > at })
	if next == 0 || open(k.seen[:next], k.silent, k.begin, at) {
		return nil, false
	}
	now := k.seen[next-1]
	if next > 1 && byMoment(now, k.seen[next-2]) == 0 && !now.says(k.seen[next-2].seen) {
		return nil, false // two in an order that is not known
	}
	return now.seen, next == len(k.seen) || k.lasts(next, at)
}

// lasts reports whether what was seen before the one with the index next was so
// until then.
func (k *track[V]) lasts(next int, at ssmbak.Time) bool {
	seen, counter := k.seen[next-1].seen, int64(0)
	for _, o := range k.seen[:next] {
		if o.event {
			counter = o.counter
		}
	}
	switch o := k.seen[next]; {
	case o.event && o.lo <= at: // within its second
		return false
	case o.event && counter != 0 && o.counter != 0 && o.counter != counter+1: // one was missed
		return false
	case o.event:
		return o.from == nil || maps.Equal(o.from, seen) // or one was missed
	case o.says(seen):
		return true
	default:
		// A look that differs is explained by a change that an event told of.
		within := func(lo ssmbak.Time) bool { return lo > at && lo <= o.at }
		return slices.ContainsFunc(k.silent, within) ||
			slices.ContainsFunc(k.seen[next:], func(e observation[V]) bool { return e.event && within(e.lo) && e.says(o.seen) })
	}
}

// open reports whether an event up to the moment told of a change in a life that
// none of what was seen shows. What was seen after its second shows it. What was
// seen within it shows as many changes as there are differences: two labels that
// came in one second were seen together, or one after the other.
func open[V comparable](seen []observation[V], silent []ssmbak.Time, begin, at ssmbak.Time) bool {
	waiting := slices.Sorted(slices.Values(silent))
	waiting = slices.DeleteFunc(waiting, func(s ssmbak.Time) bool { return s > at || s+1000 <= begin })
	for i, s := range seen {
		for shown := differences(seen, i); shown > 0 && len(waiting) > 0 && waiting[0] <= s.at; shown-- {
			waiting = waiting[1:]
		}
		for len(waiting) > 0 && waiting[0]+1000 <= s.at {
			waiting = waiting[1:]
		}
	}
	return len(waiting) > 0
}

// differences counts the changes, of one key each, that lie between the observation
// with the index i and the one before it.
func differences[V comparable](seen []observation[V], i int) int {
	if i == 0 {
		return 0
	}
	now, was, came, went := seen[i].seen, seen[i-1].seen, 0, 0
	for key, v := range now {
		if old, ok := was[key]; !ok || old != v {
			came++
		}
	}
	for key := range was {
		if _, ok := now[key]; !ok {
			went++
		}
	}
	return max(came, went)
}
