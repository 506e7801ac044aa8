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

// Comparison is the changes between two times, both in milliseconds of UTC.
type Comparison struct {
	From, To ssmbak.Time
	Target   ssmbak.Target
	// One says that the target was one parameter, not a path.
	One bool
	// Versions are the numbers of the two versions that are compared, zero for a
	// comparison of two times.
	Versions [2]int64
	// Items has one item for each parameter of the target that existed, or may have
	// existed, at one of the times, by name. Before is its state at From, and After its
	// state at To. A parameter with [plan.ActionReplace] was deleted and recreated in
	// between.
	Items []plan.Item
	// Problems are the parameters whose index or a required value is damaged or could not
	// be read, by name. Their items are skipped.
	Problems []archive.Problem
	// SkippedOwn and Excluded are as in a [Plan].
	SkippedOwn []ssmbak.Name
	Excluded   int
	// Complete and Since are as in a [Plan].
	Complete, Since ssmbak.Time
	// TooEarly says that nothing of the target was recorded yet at either time.
	TooEarly bool
	// Unproved is as in a [Plan].
	Unproved archive.Unproved
	// Unchecked is as in a [Plan].
	Unchecked bool
}

// Count returns the number of items with the action.
func (c *Comparison) Count(a plan.Action) int { return plan.Count(c.Items, a) }

// Changes returns the number of items that differ.
func (c *Comparison) Changes() int { return plan.Changes(c.Items) }

// Compare returns the changes in the target between two times, from the archive alone. It
// uses the options Own, Only, Exclude and AssumeLastKnown; with the last one, unknown
// states are replaced by the last known ones.
//
// In addition to reading the archive, it reads two values for each parameter whose
// versions differ.
//
// An error means that there is no comparison; problems of single parameters are in
// Problems.
func (r *Restorer) Compare(ctx context.Context, target ssmbak.Target, from, to ssmbak.Time) (*Comparison, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	recorded, err := r.archive.Timelines(ctx, target, from, to)
	if err != nil {
		return nil, err
	}
	return r.CompareTimelines(ctx, recorded, target, from, to, archive.AllValues)
}

// CompareTimelines is like [Restorer.Compare] with timelines that the caller has read from
// the archive: some of those of the target, with the parts that contain both times, or
// with all parts. With [archive.NoValues] it reads no values, and two versions differ even
// if their values are equal.
func (r *Restorer) CompareTimelines(ctx context.Context, recorded archive.Timelines, target ssmbak.Target, from, to ssmbak.Time, values archive.Values) (*Comparison, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	out := &Comparison{
		From: from, To: to, Target: target, One: recorded.One, Complete: recorded.Complete, Since: recorded.Since, TooEarly: true, Unchecked: recorded.Unchecked,
	}
	out.Unproved = r.filterUnproved(recorded.Unproved(target, min(from, to), max(from, to)), recorded.One)
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
	var skipped plan.Plan
	subjects = r.exclude(&skipped, subjects, recorded.One, nil)
	out.SkippedOwn, out.Excluded = skipped.SkippedOwn, skipped.Excluded
	items := make([]*plan.Item, len(subjects))
	index := make(map[*subject]int, len(subjects))
	for i, s := range subjects {
		index[s] = i
	}
	err := each(ctx, reads, subjects, func(ctx context.Context, s *subject) (err error) {
		i := index[s]
		items[i], err = r.compareOne(ctx, s, from, to, values)
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
			out.Items = append(out.Items, plan.Item{Name: p.Name, Action: plan.ActionSkip, After: ssmbak.State{Name: p.Name}, Reason: "its record cannot be read: " + p.Err.Error()})
		}
	}
	slices.SortFunc(out.Items, func(a, b plan.Item) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Problems, func(a, b archive.Problem) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// compareOne compares one parameter. It returns nil if that existed at neither time.
func (r *Restorer) compareOne(ctx context.Context, s *subject, from, to ssmbak.Time, values archive.Values) (*plan.Item, error) {
	sides := []*plan.Side{{At: from}, {At: to}}
	unknown := ""
	for _, side := range sides {
		side.State, side.Objects = s.line.At(side.At)
		unrecorded := !side.State.Deleted && side.State.Version.Time == 0
		s.c.Existed = s.c.Existed || !unrecorded
		if side.State.Certainty == ssmbak.Unknown && (unrecorded || !r.o.AssumeLastKnown) {
			unknown = cmp.Or(unknown, "at "+side.At.String()+": "+side.State.Reason)
		}
	}
	before, after := sides[0], sides[1]
	if unknown != "" {
		return &plan.Item{Name: s.name, After: after.State, AfterObjects: after.Objects, Action: plan.ActionSkip, Reason: unknown}, nil
	}
	if values != archive.NoValues && (before.State.Deleted || after.State.Deleted || !before.State.Version.Same(after.State.Version)) {
		for _, side := range sides {
			if len(side.Objects) == 0 || side.State.Deleted {
				continue
			}
			v, err := r.value(ctx, s, r.archive, s.name, side.State.Version, side.Objects)
			if err != nil {
				return nil, err
			}
			side.State.Value = v
		}
	}
	return plan.Compare(*before, *after, absentBetween(s.line, from, to)), nil
}

// absentBetween reports whether the parameter did not exist at some time between the two.
func absentBetween(line *timeline.Timeline, from, to ssmbak.Time) bool {
	return slices.ContainsFunc(line.Spans(), func(s timeline.Span) bool {
		return s.Kind == timeline.KindAbsent && s.From > min(from, to) && s.Until <= max(from, to)
	})
}
