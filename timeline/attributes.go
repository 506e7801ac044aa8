package timeline

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// evidence is what one observation or event shows of a parameter's tags or
// labels. An observation shows their values at some moment from earliest to
// latest, both included. An event shows that they changed to these values then.
type evidence[V comparable] struct {
	earliest, latest ssmbak.Time
	at               ssmbak.Time // the moment, unless the read was stale
	event            bool
	counter          int64
	before           map[string]V // the values before the event, nil if it does not report them
	values           map[string]V
	opaque           bool // the event does not report the values, and values is nil
	other            bool // the event reports another label
}

func (e evidence[V]) shows(values map[string]V) bool { return maps.Equal(e.values, values) }

// eventOf returns the evidence of an event for values that changed in its second.
func eventOf[V comparable](second int64, values map[string]V) evidence[V] {
	latest := ssmbak.Seconds(second+1) - 1
	return evidence[V]{earliest: ssmbak.Seconds(second), latest: latest, at: latest, event: true, values: values}
}

// observed returns the evidence of the first and the last observation of the same
// values. Their times are from the recorder's clock.
func observed[V comparable](o Observed, values map[string]V) []evidence[V] {
	all := []evidence[V]{{earliest: o.AsOf, latest: o.At, at: o.At.Add(-Skew), values: values}}
	if o.LastAt != 0 {
		all = append(all, evidence[V]{earliest: o.LastAsOf, latest: o.LastAt, at: o.LastAt.Add(-Skew), values: values})
	}
	return all
}

// tagEvidence returns all evidence of tags.
func (f Facts) tagEvidence() (all []evidence[string]) {
	for _, x := range f.Tags {
		if x.Event == "" {
			all = append(all, observed(x.Observed, x.Tags)...)
			continue
		}
		e := eventOf(x.Second, x.Tags)
		e.counter = x.Counter
		all = append(all, e)
	}
	return all
}

// labelEvidence returns all evidence of one label, or with "" of all labels except
// those in named, which events name.
func (f Facts) labelEvidence(label string, named []string) (all []evidence[int64]) {
	for _, x := range f.Labels {
		switch {
		case x.Event == "":
			labels := make(map[string]int64)
			for k, number := range x.Labels {
				if k == label || label == "" && !slices.Contains(named, k) {
					labels[k] = number
				}
			}
			all = append(all, observed(x.Observed, labels)...)
		case x.Label == label && label != "":
			all = append(all, x.move())
		default: // one request may move several labels
			e := eventOf[int64](x.Second, nil)
			e.opaque, e.other = true, x.Label != "" && slices.Contains(named, x.Label)
			all = append(all, e)
		}
	}
	return all
}

// move returns the evidence of an event for its label.
func (f LabelsFact) move() evidence[int64] {
	e := eventOf(f.Second, map[string]int64{f.Label: f.To})
	if f.From > 0 {
		e.before = map[string]int64{f.Label: f.From}
	}
	return e
}

// namedLabels returns the labels that events name, and "" for all others. If an
// event only reports that labels may have changed, it returns "" alone.
func (f Facts) namedLabels() []string {
	named := []string{""}
	if slices.ContainsFunc(f.Labels, func(x LabelsFact) bool { return x.Event != "" && x.Label == "" }) {
		return named
	}
	for _, x := range f.Labels {
		if x.Label != "" && !slices.Contains(named, x.Label) {
			named = append(named, x.Label)
		}
	}
	return named
}

// layout is all evidence of the tags, or of one label, by life.
type layout[V comparable] struct {
	lives      []history[V]
	unassigned []evidence[V] // events whose life is uncertain
}

// history is the evidence of one life.
type history[V comparable] struct {
	life
	events, observations []evidence[V] // certainly of this life, as far as is known
	proof                proof[V]
	sequence             []evidence[V] // by moment, as if no read was stale
	opaque               []ssmbak.Time // seconds of events that may report an unknown change of this life
}

// assign assigns all evidence to the lives. initial are the values at the
// beginning of a life, nil if they are unknown.
func assign[V comparable](t *Timeline, all []evidence[V], initial map[string]V) layout[V] {
	out := layout[V]{lives: make([]history[V], len(t.lives))}
	for n, l := range t.lives {
		h := &out.lives[n]
		if h.life = l; l.complete && initial != nil {
			e := evidence[V]{earliest: h.begin, latest: h.begin, at: h.begin, values: initial}
			h.proof.observations, h.sequence = append(h.proof.observations, e), append(h.sequence, e)
		}
	}
	slices.SortStableFunc(all, func(a, b evidence[V]) int {
		return cmp.Or(cmp.Compare(a.latest, b.latest), cmp.Compare(a.counter, b.counter))
	})
	for _, e := range all {
		within := t.livesWithin(e.earliest, e.latest)
		certain := len(within) == 1 && t.notBefore(within[0], e.earliest)
		clear := certain && !t.deletedBetween(e.earliest, t.lives[within[0]].begin)
		for _, n := range within {
			h := &out.lives[n]
			switch {
			case !certain || e.opaque:
				h.proof.doubts = append(h.proof.doubts, e)
			case !e.event:
				h.addObservation(e, initial, clear)
			case t.throughout(n, e.earliest, e.latest):
				h.proof.events = append(h.proof.events, e)
			default: // it proves nothing, since the parameter may not have existed
				h.proof.doubts = append(h.proof.doubts, e)
			}
			if clear && e.event && !e.opaque {
				h.events = append(h.events, e)
			}
			h.addToSequence(e, t.notBefore(n, e.earliest))
		}
		if e.event && !clear {
			out.unassigned = append(out.unassigned, e)
		}
	}
	for n := range out.lives {
		// An observation precedes an event of the same moment.
		slices.SortStableFunc(out.lives[n].sequence, func(a, b evidence[V]) int {
			return cmp.Or(byMoment(a, b), compareBool(a.event, b.event))
		})
	}
	return out
}

func byMoment[V comparable](a, b evidence[V]) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.counter, b.counter))
}

// addObservation adds an observation of this life. It shows nothing about the time
// before the life, nor about its first moment if the values are not the initial
// ones.
func (h *history[V]) addObservation(e evidence[V], initial map[string]V, clear bool) {
	if clear {
		h.observations = append(h.observations, e)
	}
	if e.earliest = max(e.earliest, h.begin); h.complete && initial != nil && !e.shows(initial) {
		e.earliest = max(e.earliest, h.begin+1)
	}
	h.proof.observations = append(h.proof.observations, e)
}

// addToSequence adds evidence of the last known values.
func (h *history[V]) addToSequence(e evidence[V], notBefore bool) {
	switch {
	case e.other:
	case e.event && (e.opaque || !notBefore):
		h.opaque = append(h.opaque, e.earliest)
	case e.at >= h.begin && e.at < h.until:
		h.sequence = append(h.sequence, e)
	}
}

// layOutTags returns the evidence of tags.
func (t *Timeline) layOutTags() []layout[string] {
	out := assign(t, t.facts.tagEvidence(), nil)
	for n := range out.lives {
		// If the first observation shows no tags, there were none since the creation,
		// except for tags that were added and removed at once.
		if h := &out.lives[n]; h.complete && len(h.proof.observations) > 0 && len(h.proof.observations[0].values) == 0 {
			h.proof.observations = slices.Insert(h.proof.observations, 0, evidence[string]{earliest: h.begin, latest: h.begin, values: map[string]string{}})
		}
	}
	return []layout[string]{out}
}

// layOutLabels returns the evidence of each label separately, since an event
// reports one label. A new parameter has no labels.
func (t *Timeline) layOutLabels() (all []layout[int64]) {
	named := t.facts.namedLabels()
	for _, label := range named {
		all = append(all, assign(t, t.facts.labelEvidence(label, named), map[string]int64{}))
	}
	return all
}
