package restore

import (
	"context"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// version returns the number of the version to restore, or 0.
func (r *Restorer) version() int64 {
	if r.o.Version == nil {
		return 0
	}
	return r.o.Version.Number
}

// fillVersion sets the state to restore to the version of the options.
func (r *Restorer) fillVersion(s *subject) {
	c := &s.c
	c.After = ssmbak.State{Name: s.origin, Reason: "the version was not recorded"}
	if s.past == nil {
		return
	}
	if v, ok := s.past.Facts().Version(*r.o.Version); ok {
		c.After, c.AfterObjects = s.past.OfVersion(v)
		c.Existed, c.Covered = true, true
	}
}

// CompareVersions returns the differences between two versions of one life of a parameter,
// from the archive alone, without tags and labels. It reads two values.
func (r *Restorer) CompareVersions(ctx context.Context, line *timeline.Timeline, name ssmbak.Name, from, to timeline.Version) (*Comparison, error) {
	out := &Comparison{From: from.Moment(), To: to.Moment(), Target: ssmbak.NameTarget(name), Versions: [2]int64{from.Number, to.Number}}
	s := &subject{name: name, origin: name, line: line}
	var sides [2]plan.Side
	for i, v := range []timeline.Version{from, to} {
		side := &sides[i]
		side.At = v.Moment()
		if side.State, side.Objects = line.OfVersion(v); len(side.Objects) == 0 {
			continue
		}
		value, err := r.value(ctx, s, r.archive, name, v.Version, side.Objects)
		if err != nil {
			return nil, err
		}
		side.State.Value = value
	}
	if s.problem != nil {
		out.Problems = append(out.Problems, archive.Problem{Name: name, Err: s.problem})
	}
	out.Items = []plan.Item{*plan.Compare(sides[0], sides[1], false)}
	return out, nil
}
