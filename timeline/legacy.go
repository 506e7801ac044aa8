package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// first returns the time of the first fact that is not from the legacy ssmbak.
func (f Facts) first() ssmbak.Time {
	first := ssmbak.MaxTime
	for _, v := range f.Versions {
		first = min(first, v.Time)
	}
	for _, d := range f.Deletions {
		first = min(first, d.from())
	}
	for _, m := range f.MissedChanges {
		first = min(first, m.from())
	}
	for _, o := range f.Observations {
		if o.Gone {
			first = min(first, o.At)
		}
	}
	return first
}

// applyLegacy fills the time before the first other fact with what the legacy
// ssmbak recorded, by its own rules: at a time T, the object version or delete
// marker with the latest second up to T counts, and of several in one second the
// one stored last.
func (t *Timeline) applyLegacy() {
	if len(t.facts.Legacy) == 0 {
		return
	}
	all := slices.Clone(t.facts.Legacy)
	slices.SortFunc(all, func(a, b Legacy) int {
		return cmp.Or(cmp.Compare(a.second(), b.second()), cmp.Compare(a.LastModified, b.LastModified), cmp.Compare(a.Sequence, b.Sequence))
	})
	c := canvas{spans: t.spans}
	until := t.facts.first()
	for i := range all {
		l := &all[i]
		from := ssmbak.Seconds(l.second())
		if from >= until {
			break
		}
		s := Span{From: from, Until: until, Kind: KindPresent, Since: from, Legacy: l, life: noLife}
		if l.Deleted {
			s.Kind = KindAbsent
		} else {
			s.Version = Version{Version: ssmbak.Version{Time: from, Attributes: ssmbak.Attributes{Type: l.Type, Description: l.Description}}, Objects: []ObjectRef{{ID: l.ID, Written: l.LastModified}}}
		}
		c.span(s)
	}
	t.spans = c.spans
}
