package timeline

import (
	"cmp"
	"slices"

	"github.com/ssmbak/ssmbak"
)

// first returns the event time of the first fact that ssmbak itself recorded.
func (f Facts) first() ssmbak.Time {
	first := ssmbak.MaxTime
	for _, v := range f.Versions {
		first = min(first, v.Time)
	}
	for _, d := range f.Deletions {
		first = min(first, d.from())
	}
	for _, tr := range f.MissedChanges {
		first = min(first, tr.from())
	}
	for _, l := range f.Observations {
		if l.Gone {
			first = min(first, l.At)
		}
	}
	return first
}

// layLegacy lays what the legacy ssmbak recorded over the time before the first
// fact of our own, by its rules: of the object versions and delete
// markers whose second is not after T, the one with the newest second counts,
// and of several in one second the one that was stored last.
func (t *Timeline) layLegacy() {
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
		o := &all[i]
		from := ssmbak.Seconds(o.second())
		if from >= until {
			break
		}
		s := Span{From: from, Until: until, Kind: KindPresent, Since: from, Legacy: o, life: noLife}
		if o.Deleted {
			s.Kind = KindAbsent
		} else {
			s.Version = Version{Version: ssmbak.Version{Time: from, Attributes: ssmbak.Attributes{Type: o.Type, Description: o.Description}}, Objects: []ObjectRef{{ID: o.ID, Written: o.LastModified}}}
		}
		c.span(s)
	}
	t.spans = c.spans
}
