package timeline

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/ssmbak/ssmbak"
)

// Coverage is what the archive contains about one parameter in addition to its
// facts. A time is zero if it is unknown or does not apply.
type Coverage struct {
	// Since is when recording began. A later change is missing only if its event
	// was lost.
	Since ssmbak.Time
	// Complete is the time up to which a complete listing of live parameters
	// confirms the last state in the facts. It counts as an observation of that
	// state. It is zero also if a fact may be younger than the listing.
	Complete ssmbak.Time
	// Missed is when the last listing began that found the parameter live but
	// could not record it.
	Missed ssmbak.Time
	// Unproved says that it is not certain who wrote the facts. Then they prove nothing:
	// every answer is at most the last known one.
	Unproved bool
}

// Kind is whether the parameter existed in a [Span].
type Kind int8

// The kinds of a [Span].
const (
	KindUnrecorded Kind = iota // unknown, without a last known state
	KindAbsent                 // the parameter did not exist
	KindPresent                // Version was current
)

// Span is a period [From, Until) with one answer.
type Span struct {
	From, Until ssmbak.Time
	// Kind is the answer, or only the last known one if Unknown is set.
	Kind    Kind
	Unknown bool
	// Reason is why the span is Unknown.
	Reason string
	// Version is the current version if Kind is KindPresent.
	Version Version
	// Legacy is the fact of the legacy ssmbak from which the answer comes, nil for
	// any other answer. A present one has a value object.
	Legacy *Legacy
	// Since is when the answer began to be true: the version's moment, or the
	// earliest time of the deletion.
	Since ssmbak.Time
	// Proved is the last moment for which the answer is proved, zero if there is
	// none.
	Proved ssmbak.Time
	life   int // index into Timeline.lives, or noLife
}

// Timeline is the states of a parameter in order.
type Timeline struct {
	name     ssmbak.Name
	facts    Facts
	order    []Version   // the versions by when they became current
	position map[Ref]int // of the versions in order, nil without runs
	coverage Coverage
	slots    []slot
	spans    []Span
	lives    []life
	doubtful []Deletion              // those that may belong to several slots
	tags     func() []layout[string] // one for all tags
	labels   func() []layout[int64]  // one for each label that an event names, one for all others
	changes  func() []ssmbak.Change
}

// New returns the timeline of one parameter. The facts may be in any order; the caller must
// not modify them as long as the timeline is used.
func New(name ssmbak.Name, facts Facts, c Coverage) *Timeline {
	t := &Timeline{name: name, facts: Canonical(facts), coverage: c}
	t.order = t.facts.inOrder()
	if len(t.facts.Runs) > 0 {
		t.position = make(map[Ref]int, len(t.order))
		for i, v := range t.order {
			t.position[v.Ref()] = i
		}
	}
	t.slots = t.newSlots()
	t.placeMissedChanges()
	t.placeAbsences()
	t.placeDeletions()
	t.applyListing()
	t.spans = t.paint()
	t.applyMissedListing()
	if c.Unproved {
		for i := range t.spans {
			t.spans[i].Proved = 0
		}
	}
	t.numberLives()
	t.applyLegacy()
	t.tags, t.labels, t.changes = sync.OnceValue(t.layOutTags), sync.OnceValue(t.layOutLabels), sync.OnceValue(t.Changes)
	return t
}

// canvases are pooled, since a timeline keeps an array of just as many spans as it has.
var canvases = sync.Pool{New: func() any { return new(canvas) }}

// paint returns the spans of the slots.
func (t *Timeline) paint() []Span {
	all, one := canvases.Get().(*canvas), canvases.Get().(*canvas)
	for i := range t.slots {
		t.slots[i].paint(one, t.coverage)
		all.spans = append(all.spans, one.spans...)
		one.empty()
	}
	spans := slices.Clone(all.spans)
	for _, c := range []*canvas{all, one} {
		if c.empty(); cap(c.spans) <= 1024 {
			canvases.Put(c)
		}
	}
	return spans
}

// Name returns the name of the parameter.
func (t *Timeline) Name() ssmbak.Name { return t.name }

// Facts returns the facts in canonical order. The caller must not modify them.
func (t *Timeline) Facts() Facts { return t.facts }

// Spans returns consecutive spans from [ssmbak.MinTime] to [ssmbak.MaxTime]. The
// caller must not modify them.
func (t *Timeline) Spans() []Span { return t.spans }

// Span returns the span that contains at.
func (t *Timeline) Span(at ssmbak.Time) Span {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].Until > at })
	return t.spans[min(i, len(t.spans)-1)]
}

// Certainty returns how certain the answer is at a moment of the span.
func (s Span) Certainty(at ssmbak.Time) ssmbak.Certainty {
	switch {
	case s.Unknown:
		return ssmbak.Unknown
	case s.Kind == KindPresent && s.Proved != 0 && at <= s.Proved:
		return ssmbak.Proved
	}
	return ssmbak.LastKnown
}

// Gaps counts the gaps in the timeline. Consecutive spans with the same reason
// are one gap.
func (t *Timeline) Gaps() (n int) {
	for i, s := range t.spans {
		if s.gap() && (i == 0 || !t.spans[i-1].Unknown || t.spans[i-1].Reason != s.Reason) {
			n++
		}
	}
	return n
}

// gap reports whether the span is unknown because versions are missing in it. The
// uncertain time of a deletion is not a gap.
func (s Span) gap() bool {
	switch s.Reason {
	case reasonMissing, reasonDeletion, reasonLife, reasonEvent:
		return true
	}
	return false
}

// At returns the state of the parameter at a moment, including the changes of
// that millisecond. The state has no value; refs are the copies of the value in
// the archive, oldest first, or nil if there is no value.
func (t *Timeline) At(at ssmbak.Time) (state ssmbak.State, refs []ObjectRef) {
	s := t.Span(at)
	state = ssmbak.State{
		Name: t.name, Certainty: s.Certainty(at), From: s.From, Until: s.Until,
		Deleted: s.Kind == KindAbsent, Modified: s.Since, ProvedUntil: s.Proved,
	}
	if s.Unknown {
		state.Reason = s.Reason
	} else {
		state.By = t.actor(s)
	}
	if s.Kind != KindPresent {
		return state, nil
	}
	state.Version = s.Version.Version
	if len(s.Version.Objects) == 0 {
		state.Value.Reason = cmp.Or(s.Version.Unreadable, reasonNoValue)
	}
	if s.life != noLife && !s.Unknown {
		state.Tags = believed(knownAt(t.tags(), s.life, at), t.coverage)
		if labels := believed(knownAt(t.labels(), s.life, at), t.coverage); !t.ahead(labels.V, s.Version.Number) {
			maps.DeleteFunc(labels.V, func(_ string, number int64) bool { return number > s.Version.Number })
			state.Labels = labels
		}
	}
	state.AttributesChanged = t.attributesChanged(s.life, at)
	return state, s.Version.Objects
}

// attributesChanged reports whether an event of tags or labels is from the second of a time
// in a life, unless they are known to be the same before and after that second.
func (t *Timeline) attributesChanged(life int, at ssmbak.Time) bool {
	second := at.Second()
	tagged := slices.ContainsFunc(t.facts.Tags, func(f TagsFact) bool { return f.Event != "" && f.Second == second })
	labelled := slices.ContainsFunc(t.facts.Labels, func(f LabelsFact) bool { return f.Event != "" && f.Second == second })
	if life == noLife {
		return tagged || labelled
	}
	before, after := ssmbak.Seconds(second)-1, ssmbak.Seconds(second+1)
	return tagged && differs(t.tags(), life, before, after) || labelled && differs(t.labels(), life, before, after)
}

// differs reports whether tags or labels may be others at one time than at another.
func differs[V comparable](layouts []layout[V], life int, a, b ssmbak.Time) bool {
	x, y := knownAt(layouts, life, a), knownAt(layouts, life, b)
	return !x.IsKnown() || !y.IsKnown() || !maps.Equal(x.V, y.V)
}

// ahead reports whether an event attached one of the labels to a version above
// the one that appears to be current: then a version was missed.
func (t *Timeline) ahead(labels map[string]int64, number int64) bool {
	return slices.ContainsFunc(t.facts.Labels, func(f LabelsFact) bool {
		return f.Label != "" && f.To > number && labels[f.Label] == f.To
	})
}

// Newest returns the version that is the last known state, and whether the
// parameter is known to be present or absent. Both are false if its last state
// is unknown.
func (t *Timeline) Newest() (newest Version, present, absent bool) {
	s := t.spans[len(t.spans)-1]
	if s.Unknown {
		return Version{}, false, false
	}
	return s.Version, s.Kind == KindPresent, s.Kind == KindAbsent
}
