package recording

import (
	"maps"
	"time"

	"github.com/ssmbak/ssmbak"
)

// checkAttributes holds tags and labels that are said to be known.
func (w *world) checkAttributes(when phase, name ssmbak.Name, at ssmbak.Time, s ssmbak.State, t truth) {
	if s.Deleted || !t.live || !right(s, t) {
		return
	}
	now := w.truth(string(name), time.Now())
	met := now.live && now.life == t.life // the life that the last reconcile observed
	switch {
	case !s.Tags.IsProved():
		w.Counts.Add(TagsUnknown)
	case w.tagLost[string(name)] && (when == recorded || !met):
	default:
		w.Counts.Add(TagsKnown)
		if !maps.Equal(s.Tags.V, t.tags) {
			w.Problem("%s: %s at %v is said to have the tags %v, it had %v", when, name, at, s.Tags.V, t.tags)
		}
	}
	switch {
	case !s.Labels.IsProved():
		w.Counts.Add(LabelsUnknown)
	case w.labelLost[string(name)] && (when != deep || !met):
	default:
		w.Counts.Add(LabelsKnown)
		if !maps.Equal(s.Labels.V, t.labels) {
			w.Problem("%s: %s at %v is said to have the labels %v, it had %v", when, name, at, s.Labels.V, t.labels)
		}
	}
}
