package restore

import (
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
)

// unproved returns the parameters of a plan that are not certain between two times.
// subjects are those of the plan. Parameters that the last listing could not compare are certain if the archive
// and Parameter Store agree about them now.
func (r *Restorer) unproved(recorded archive.Timelines, target ssmbak.Target, from, to ssmbak.Time, subjects []*subject) archive.Unproved {
	u := r.filterUnproved(recorded.Unproved(target, from, to), recorded.One)
	byOrigin := make(map[ssmbak.Name]*subject, len(subjects))
	for _, s := range subjects {
		byOrigin[s.origin] = s
	}
	u.Missed = slices.DeleteFunc(u.Missed, func(m archive.Missed) bool {
		s := byOrigin[m.Name]
		if s == nil || s.past == nil {
			return false
		}
		state, _ := s.past.At(from)
		return state.Deleted || state.Version.Time != 0 || state.Certainty != ssmbak.Unknown
	})
	u.Unsure = slices.DeleteFunc(u.Unsure, func(name ssmbak.Name) bool {
		s := byOrigin[name]
		return s != nil && r.o.From == nil && s.origin == s.name && s.problem == nil && s.unsaved == nil && s.isRecorded()
	})
	return u
}

// filterUnproved removes the parameters that the options exclude.
func (r *Restorer) filterUnproved(u archive.Unproved, one bool) archive.Unproved {
	out := func(name ssmbak.Name) bool { return !r.o.Includes(name) || !one && !r.o.Own && own(name) }
	u.Missed = slices.DeleteFunc(u.Missed, func(m archive.Missed) bool { return out(m.Name) })
	u.Unsure = slices.DeleteFunc(u.Unsure, out)
	return u
}
