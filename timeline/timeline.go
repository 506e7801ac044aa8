package timeline

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/ssmbak/ssmbak"
)

// Coverage is what is known about every name at once.
type Coverage struct {
	// Since is when recording began: from then on, only a change whose event
	// never came can have been missed. Zero where nothing is known of it.
	Since ssmbak.Time
	// Complete is how far back from its start a complete listing of live
	// parameters surely speaks, after which this parameter was looked at and
	// found to be as the facts end. It counts as such a look. Zero where there
	// was none, or where a fact may be younger.
	Complete ssmbak.Time
	// Missed is when the last listing began that found the parameter live while
	// nothing of it could be recorded; zero if there was none.
	Missed ssmbak.Time
}

// Kind is what a span says of the parameter.
type Kind int8

// The kinds of a [Span].
const (
	KindUnrecorded Kind = iota // unknown, and nothing was known before
	KindAbsent                 // there was no such parameter
	KindPresent                // Version was current
)

// Span is a stretch of time [From, Until) with one answer.
type Span struct {
	From, Until ssmbak.Time
	// Kind is the answer; where Unknown is set, only the last known one.
	Kind    Kind
	Unknown bool
	// Reason is why the span is Unknown.
	Reason string
	// Version is the version of a Held span.
	Version Version
	// Legacy is set where the answer is the legacy ssmbak's: Held with a value
	// object, or Absent.
	Legacy *Legacy
	// Since is when the answer began to be so: the version's time, or the
	// beginning of the bounds of the deletion.
	Since ssmbak.Time
	// Proved is the last moment for which the answer is proved, zero if none.
	Proved ssmbak.Time
	// life numbers the lives; tags and labels never pass from one to another.
	life int
}

// Timeline is a parameter's states in order.
type Timeline struct {
	name    ssmbak.Name
	facts   Facts
	order   []Version // the versions in the order of their moments
	horizon Coverage
	slots   []slot
	spans   []Span
	lives   []life
	// doubtful are the deletions that may lie in several slots.
	doubtful []Deletion
	tags     func() layout[string]
	labels   func() []layout[int64] // of each label of which events told, and of all others
}

// New builds the timeline of one parameter. The facts need not be in any order.
func New(name ssmbak.Name, facts Facts, h Coverage) *Timeline {
	t := &Timeline{name: name, facts: Union(facts, Facts{}), horizon: h}
	t.order = t.facts.inOrder()
	t.build()
	t.tags, t.labels = sync.OnceValue(t.layOutTags), sync.OnceValue(t.layOutLabels)
	return t
}

// Facts returns the facts in canonical order. The caller must not change them.
func (t *Timeline) Facts() Facts { return t.facts }

// Spans returns the whole of time as spans in order, each beginning where the
// one before ends.
func (t *Timeline) Spans() []Span { return t.spans }

// Span returns the span in which at lies.
func (t *Timeline) Span(at ssmbak.Time) Span {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].Until > at })
	return t.spans[min(i, len(t.spans)-1)]
}

// Certainty returns how certain the span's answer is at this moment of it.
func (s Span) Certainty(at ssmbak.Time) ssmbak.Certainty {
	switch {
	case s.Unknown:
		return ssmbak.Unknown
	case s.Kind == KindPresent && s.Proved != 0 && at <= s.Proved:
		return ssmbak.Proved
	}
	return ssmbak.LastKnown
}

// Gaps counts the stretches of time in which something was missed: versions, a
// whole life, or a change that only its event told of. The unknown bounds of a
// deletion are none.
func (t *Timeline) Gaps() (n int) {
	for i, s := range t.spans {
		if s.Unknown && s.Gap() && (i == 0 || !t.spans[i-1].Unknown || t.spans[i-1].Reason != s.Reason) {
			n++
		}
	}
	return n
}

// Gap reports whether the span is unknown because something was missed in it.
func (s Span) Gap() bool {
	switch s.Reason {
	case reasonMissing, reasonLife, reasonMissed, reasonTrace:
		return true
	}
	return false
}

func (t *Timeline) build() {
	t.slots = t.newSlots()
	t.placeTraces()
	t.placeLooks()
	t.placeDeletions()
	t.placeListing()
	for i := range t.slots {
		t.spans = append(t.spans, t.slots[i].spans(t.horizon)...)
	}
	t.placeMissed()
	t.numberLives()
	t.layLegacy()
}

// At returns the state of the parameter at the given moment: what had happened
// in or before that millisecond has happened. The state has no value; refs are
// the copies of it in the archive, oldest first, none if there is no value.
func (t *Timeline) At(at ssmbak.Time) (state ssmbak.State, refs []ObjectRef) {
	s := t.Span(at)
	state = ssmbak.State{
		Name: t.name, Certainty: s.Certainty(at), From: s.From, Until: s.Until,
		Deleted: s.Kind == KindAbsent, Modified: s.Since, ProvedUntil: s.Proved,
	}
	if s.Unknown {
		state.Reason = s.Reason
	}
	if s.Kind != KindPresent {
		return state, nil
	}
	state.Version = s.Version.Version
	if len(s.Version.Objects) == 0 {
		state.Value.Reason = cmp.Or(s.Version.Unreadable, reasonNoValue)
	}
	if s.life != noLife && !s.Unknown {
		state.Tags = t.tagsAt(s.life, at)
		if labels := t.labelsAt(s.life, at); !t.ahead(labels.V, s.Version.Number) {
			maps.DeleteFunc(labels.V, func(_ string, number int64) bool { return number > s.Version.Number })
			state.Labels = labels
		}
	}
	return state, s.Version.Objects
}

// ahead reports whether an event told that a label stands on a version above the
// one that is current as far as is known: then one was missed.
func (t *Timeline) ahead(labels map[string]int64, number int64) bool {
	return slices.ContainsFunc(t.facts.Labels, func(f LabelsFact) bool {
		return f.Label != "" && f.To > number && labels[f.Label] == f.To
	})
}

// Newest returns the version that is the last known state, and whether the
// parameter is known to be there. Both are false where the last state is
// unknown.
func (t *Timeline) Newest() (newest Version, present, absent bool) {
	s := t.spans[len(t.spans)-1]
	if s.Unknown {
		return Version{}, false, false
	}
	return s.Version, s.Kind == KindPresent, s.Kind == KindAbsent
}
