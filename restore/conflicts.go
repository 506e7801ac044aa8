package restore

import (
	"cmp"
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// history is every recorded change of a parameter, oldest first, with the timeline that
// has the versions in all parts.
type history struct {
	subject *subject
	line    *timeline.Timeline // nil if nothing can be read
	changes []ssmbak.Change
}

// readHistory reads all changes of a parameter, with those of the last minute.
func (r *Restorer) readHistory(ctx context.Context, s *subject, complete archive.Reconciled) (history, error) {
	h := history{subject: s}
	x, err := r.archive.KnownIndex(ctx, s.name, complete)
	if err == nil && x.Facts.Empty() && s.line != nil {
		err = &archive.MissingIndexError{Name: s.name} // it was there when the parameter was first read
	}
	if archive.Unreadable(err) {
		s.problem = err
		return h, nil
	}
	if err != nil {
		return h, err
	}
	line, problem, err := r.archive.Timeline(ctx, x, complete)
	if err != nil {
		return h, err
	}
	if problem != nil {
		s.problem = problem
	}
	h.line, h.changes = line, line.Changes()
	return h, nil
}

// isVersion reports whether a change made a version.
func isVersion(c ssmbak.Change) bool {
	return c.Operation == ssmbak.OpCreate || c.Operation == ssmbak.OpUpdate
}

// others returns the changes that may have happened after from, up to and including to,
// and that [plan.Options.Principals] do not include.
func (r *Restorer) others(ctx context.Context, h history, from, to ssmbak.Time) (all []plan.Conflict, err error) {
	for i, c := range h.changes {
		if !c.Within(from+1, to) || c.By != "" && r.o.IncludesPrincipal(c.By) {
			continue
		}
		units, reason := []plan.Unit{plan.UnitExistence}, "another principal changed it in between"
		if c.By == "" {
			reason = "an unknown principal changed it in between"
		}
		switch c.Operation {
		case ssmbak.OpCreate, ssmbak.OpDelete:
		case ssmbak.OpUpdate:
			unit, err := r.changedUnit(ctx, h, i)
			if err != nil {
				return nil, err
			}
			units = []plan.Unit{unit}
		case ssmbak.OpTag, ssmbak.OpLabel:
			units = attributeUnits(c)
		case ssmbak.OpGap:
			units, reason = []plan.Unit{plan.UnitValue}, "a change in between was missed: "+c.Reason
		}
		for _, unit := range units {
			all = append(all, conflictOf(plan.Conflict{Unit: unit, Reason: reason}, c))
		}
	}
	return all, nil
}

// conflictOf returns the conflict with who made the change and when.
func conflictOf(x plan.Conflict, c ssmbak.Change) plan.Conflict {
	x.By, x.Version, x.From, x.Until = c.By, c.Version.Number, c.From, c.Until
	return x
}

// attributeUnits returns the tags and labels that a change changed, sorted.
func attributeUnits(c ssmbak.Change) (units []plan.Unit) {
	for key := range c.Tags {
		units = append(units, plan.Unit(ssmbak.TagAttribute(key)))
	}
	for label := range c.Labels {
		units = append(units, plan.Unit(ssmbak.LabelAttribute(label)))
	}
	slices.Sort(units)
	return units
}

// changedUnit returns the unit of the version that a change made that is not as in the
// version before, the value if none differs or there is no version before.
func (r *Restorer) changedUnit(ctx context.Context, h history, i int) (plan.Unit, error) {
	before := i - 1
	for before >= 0 && !isVersion(h.changes[before]) {
		before--
	}
	if before < 0 {
		return plan.UnitValue, nil
	}
	old, err := r.recordedVersion(ctx, h, h.changes[before].Version)
	if err != nil {
		return "", err
	}
	made, err := r.recordedVersion(ctx, h, h.changes[i].Version)
	return cmp.Or(plan.Differ(old, made), plan.UnitValue), err
}

// recordedVersion returns a version with its value, as far as the archive has both.
func (r *Restorer) recordedVersion(ctx context.Context, h history, v ssmbak.Version) (plan.Parameter, error) {
	p := plan.Parameter{Version: v}
	recorded, ok := h.line.Facts().Version(timeline.Ref{Number: v.Number, Time: v.Time})
	if !ok || len(recorded.Objects) == 0 {
		return p, nil
	}
	value, err := r.value(ctx, h.subject, r.archive, h.subject.name, v, recorded.Objects)
	p.Objects, p.Value = recorded.Objects, value
	return p, err
}

// attribute adds to each conflict of an item who changed the unit since, and when: the
// last change of it after to.
func (r *Restorer) attribute(ctx context.Context, h history, item *plan.Item, to plan.Side) error {
	var since []ssmbak.Change
	for _, c := range h.changes {
		if c.Within(to.At+1, ssmbak.MaxTime-1) && c.Operation != ssmbak.OpGap {
			since = append(since, c)
		}
	}
	for i := range item.Conflicts {
		x := &item.Conflicts[i]
		var last *ssmbak.Change
		var err error
		switch x.Unit {
		case plan.UnitExistence:
			if len(since) > 0 {
				last = &since[len(since)-1]
			}
		case plan.UnitValue, plan.UnitTier, plan.UnitDescription:
			last, err = r.lastOf(ctx, h, x.Unit, since, to)
		default:
			for j := range since {
				if slices.Contains(attributeUnits(since[j]), x.Unit) {
					last = &since[j]
				}
			}
		}
		if err != nil {
			return err
		}
		if last != nil {
			*x = conflictOf(*x, *last)
		}
	}
	return nil
}

// lastOf returns the last of the changes that made a version with another unit than the
// version before, nil if there is none. to is the state before the changes.
func (r *Restorer) lastOf(ctx context.Context, h history, unit plan.Unit, since []ssmbak.Change, to plan.Side) (*ssmbak.Change, error) {
	var versions []*ssmbak.Change
	for i := range since {
		if isVersion(since[i]) {
			versions = append(versions, &since[i])
		}
	}
	for i, c := range slices.Backward(versions) {
		old := to.State.Version
		if i > 0 {
			old = versions[i-1].Version
		}
		before, err := r.recordedVersion(ctx, h, old)
		if err != nil {
			return nil, err
		}
		after, err := r.recordedVersion(ctx, h, c.Version)
		if err != nil {
			return nil, err
		}
		if !unit.Unchanged(before, after) {
			return c, nil
		}
	}
	return nil, nil
}
