package timeline

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// At returns the state of the parameter at the given moment: what had happened
// in or before that millisecond has happened. The state has no value; refs are
// the copies of it in the archive, oldest first, none if there is no value.
func (t *Timeline) At(at ssmbak.Time) (state ssmbak.State, refs []ObjectRef) {
	s := t.Span(at)
	state = ssmbak.State{
		Name: t.name, Certainty: s.Certainty(at), From: s.From, Until: s.Until,
		Deleted: s.Kind == Absent, Modified: s.Since, ProvedUntil: s.Proved,
	}
	if s.Unknown {
		state.Reason = s.Reason
	}
	if s.Kind != Held {
		return state, nil
	}
	state.Version = s.Version.Domain()
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
	return slices.ContainsFunc(t.facts.Labels, func(f LabelsSeen) bool {
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
	return s.Version, s.Kind == Held, s.Kind == Absent
}
