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

// Comparison is what changed between two moments.
type Comparison struct {
	From, To ssmbak.Time
	Target   ssmbak.Target
	// Items has one item for each parameter of the target that was there at one
	// of the moments, or of which that is not known, by name. Before is what it was
	// at From, and After what it was at To. A Replace was deleted and created
	// again in between.
	Items []plan.Item
	// Problems are the parameters whose record, or a value that was needed, could
	// not be read whole, by name. Their items are Unknown.
	Problems []archive.Problem
	// LeftOut and Excluded are as in a [Plan].
	LeftOut  []ssmbak.Name
	Excluded int
	// Complete and Since are as in a [Plan].
	Complete, Since ssmbak.Time
	// TooEarly says that nothing of the target was recorded yet at either moment.
	TooEarly bool
	// Unproved is as in a [Plan].
	Unproved archive.Unproved
}

// Count returns how many items have the action.
func (c *Comparison) Count(a plan.Action) int { return plan.Count(c.Items, a) }

// Changes counts the items that differ.
func (c *Comparison) Changes() int {
	return c.Count(plan.ActionCreate) + c.Count(plan.ActionUpdate) + c.Count(plan.ActionReplace) + c.Count(plan.ActionDelete)
}

// Compare says what changed in the target from one moment to another, from the
// archive alone. Of the options, Own, Only, Exclude and AssumeLastKnown count:
// with the last of them what is unknown is compared by its last known state.
//
// It costs what reading the archive costs, and two reads of a value for each
// parameter whose version is not the same at both moments.
//
// An error means that there is no answer at all; what concerns single
// parameters stands in Problems.
func (r *Restorer) Compare(ctx context.Context, target ssmbak.Target, from, to ssmbak.Time) (*Comparison, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	recorded, err := r.archive.Timelines(ctx, target)
	if err != nil {
		return nil, err
	}
	out := &Comparison{From: from, To: to, Target: target, Complete: recorded.Complete, Since: recorded.Since, TooEarly: true}
	out.Unproved = r.chosenOf(recorded.Unproved(target, min(from, to), max(from, to)), recorded.One)
	var subjects []*subject
	for i, name := range recorded.Names {
		subjects = append(subjects, &subject{name: name, origin: name, line: recorded.All[i]})
	}
	names := slices.Clone(recorded.Names)
	for _, p := range recorded.Problems {
		names = append(names, p.Name)
	}
	if err := r.o.CheckNames(names); err != nil {
		return nil, err
	}
	var left plan.Plan
	subjects = r.leaveOut(&left, subjects, recorded.One, nil)
	out.LeftOut, out.Excluded = left.LeftOut, left.Excluded
	items := make([]*plan.Item, len(subjects))
	index := make(map[*subject]int, len(subjects))
	for i, s := range subjects {
		index[s] = i
	}
	err = each(ctx, reads, subjects, func(ctx context.Context, s *subject) (err error) {
		i := index[s]
		items[i], err = r.between(ctx, s, from, to)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, s := range subjects {
		out.TooEarly = out.TooEarly && !s.c.Existed
		if s.problem != nil {
			out.Problems = append(out.Problems, archive.Problem{Name: s.name, Err: s.problem})
		}
		if items[i] != nil {
			out.Items = append(out.Items, *items[i])
		}
	}
	for _, p := range recorded.Problems {
		if (recorded.One || r.o.Own || !own(p.Name)) && r.o.Includes(p.Name) {
			out.TooEarly = false
			out.Problems = append(out.Problems, p)
			out.Items = append(out.Items, plan.Item{Name: p.Name, Action: plan.ActionUnknown, After: ssmbak.State{Name: p.Name}, Reason: "its record cannot be read: " + p.Err.Error()})
		}
	}
	slices.SortFunc(out.Items, func(a, b plan.Item) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Problems, func(a, b archive.Problem) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// between compares one parameter, nil if it was there at neither moment.
func (r *Restorer) between(ctx context.Context, s *subject, from, to ssmbak.Time) (*plan.Item, error) {
	sides := []*plan.Side{{At: from}, {At: to}}
	unknown := ""
	for _, side := range sides {
		side.State, side.Objects = s.line.At(side.At)
		nothing := !side.State.Deleted && side.State.Version.Time == 0
		s.c.Existed = s.c.Existed || !nothing
		if side.State.Certainty == ssmbak.Unknown && (nothing || !r.o.AssumeLastKnown) {
			unknown = cmp.Or(unknown, "at "+side.At.String()+": "+side.State.Reason)
		}
	}
	before, after := sides[0], sides[1]
	if unknown != "" {
		return &plan.Item{Name: s.name, After: after.State, AfterObjects: after.Objects, Action: plan.ActionUnknown, Reason: unknown}, nil
	}
	if before.State.Deleted || after.State.Deleted || !before.State.Version.Same(after.State.Version) {
		for _, side := range sides {
			if len(side.Objects) == 0 || side.State.Deleted {
				continue
			}
			v, why, err := r.value(ctx, s, s.name, side.Objects)
			if err != nil {
				return nil, err
			}
			side.State.Value = fetched(v, why)
		}
	}
	return plan.Compare(*before, *after, interrupted(s.line, from, to)), nil
}

// interrupted reports whether the parameter was not there at some moment between the
// two.
func interrupted(line *timeline.Timeline, from, to ssmbak.Time) bool {
	return slices.ContainsFunc(line.Spans(), func(s timeline.Span) bool {
		return s.Kind == timeline.KindAbsent && s.From > min(from, to) && s.Until <= max(from, to)
	})
}
