package restore

import (
	"cmp"
	"context"
	"slices"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// Comparison is what changed between two moments.
type Comparison struct {
	From, To ssmbak.Time
	Target   ssmbak.Target
	// Items has one item for each parameter of the target that was there at one
	// of the moments, or of which that is not known, by name. Live is what it was
	// at From, and Wanted what it was at To. A Replace was deleted and created
	// again in between.
	Items []Item
	// Problems are the parameters whose record, or a value that was needed, could
	// not be read whole, by name. Their items are Unknown.
	Problems []archive.Problem
	// LeftOut and Excluded are as in a [Plan].
	LeftOut  []ssmbak.Name
	Excluded int
	// Complete and Since are as in a [Plan].
	Complete, Since ssmbak.Time
	// Before says that nothing of the target was recorded yet at either moment.
	Before bool
	// Unproved is as in a [Plan].
	Unproved archive.Unproved
}

// Count returns how many items have the action.
func (c *Comparison) Count(a Action) int { return count(c.Items, a) }

// Changes counts the items that differ.
func (c *Comparison) Changes() int {
	return c.Count(Create) + c.Count(Update) + c.Count(Replace) + c.Count(Delete)
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
	if err := r.o.checkPatterns(); err != nil {
		return nil, err
	}
	recorded, err := r.archive.Timelines(ctx, target)
	if err != nil {
		return nil, err
	}
	out := &Comparison{From: from, To: to, Target: target, Complete: recorded.Complete, Since: recorded.Since, Before: true}
	out.Unproved = r.chosenOf(recorded.Unproved(target, min(from, to), max(from, to)), recorded.One)
	var subjects []*subject
	for i, name := range recorded.Names {
		subjects = append(subjects, &subject{name: name, origin: name, line: recorded.All[i]})
	}
	names := slices.Clone(recorded.Names)
	for _, p := range recorded.Problems {
		names = append(names, p.Name)
	}
	if err := r.o.checkChosen(names); err != nil {
		return nil, err
	}
	var plan Plan
	subjects = r.leaveOut(&plan, subjects, recorded.One, nil)
	out.LeftOut, out.Excluded = plan.LeftOut, plan.Excluded
	items := make([]*Item, len(subjects))
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
		out.Before = out.Before && !s.c.existed
		if s.problem != nil {
			out.Problems = append(out.Problems, archive.Problem{Name: s.name, Err: s.problem})
		}
		if items[i] != nil {
			out.Items = append(out.Items, *items[i])
		}
	}
	for _, p := range recorded.Problems {
		if (recorded.One || r.o.Own || !own(p.Name)) && r.o.chosen(p.Name) {
			out.Before = false
			out.Problems = append(out.Problems, p)
			out.Items = append(out.Items, Item{Name: p.Name, Action: Unknown, Wanted: ssmbak.State{Name: p.Name}, Reason: "its record cannot be read: " + p.Err.Error()})
		}
	}
	slices.SortFunc(out.Items, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Problems, func(a, b archive.Problem) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// between compares one parameter, nil if it was there at neither moment.
func (r *Restorer) between(ctx context.Context, s *subject, from, to ssmbak.Time) (*Item, error) {
	was, wasRefs := s.line.At(from)
	is, isRefs := s.line.At(to)
	item := &Item{Name: s.name, Wanted: is, WantedObjects: isRefs, Action: Unknown}
	unknown := ""
	for _, state := range []struct {
		ssmbak.State
		at ssmbak.Time
	}{{was, from}, {is, to}} {
		nothing := !state.Deleted && state.Version.Time == 0
		s.c.existed = s.c.existed || !nothing
		if state.Certainty == ssmbak.Unknown && (nothing || !r.o.AssumeLastKnown) {
			unknown = cmp.Or(unknown, "at "+state.at.String()+": "+state.Reason)
		}
	}
	if item.Reason = unknown; unknown != "" {
		return item, nil
	}
	same := !was.Deleted && !is.Deleted && was.Version.Time == is.Version.Time && was.Version.Number == is.Version.Number
	if !same {
		for _, side := range []struct {
			state *ssmbak.State
			refs  []timeline.ObjectRef
		}{{&was, wasRefs}, {&is, isRefs}} {
			if len(side.refs) == 0 || side.state.Deleted {
				continue
			}
			v, why, err := r.value(ctx, s, s.name, side.refs)
			if err != nil {
				return nil, err
			}
			side.state.Value = fetched(v, why)
		}
	}
	item.Wanted = is
	if !was.Deleted {
		item.Live = &Live{
			Version: was.Version, Objects: wasRefs, Value: was.Value, Tags: was.Tags, Labels: was.Labels,
		}
	}
	switch {
	case was.Deleted && is.Deleted:
		return nil, nil
	case was.Deleted:
		item.Action = Create
		item.Differences = appeared(is)
	case is.Deleted:
		item.Action = Delete
		item.Differences = listed(*item.Live)
	case same:
		item.Differences = attributesBetween(was, is)
		item.Action = Update
	default:
		item.Differences = append(versionsBetween(item.Live, is), attributesBetween(was, is)...)
		item.Action = Update
		if interrupted(s.line, from, to) {
			item.Action, item.Reason = Replace, "deleted and created again"
		}
	}
	if item.Action == Update && len(item.Differences) == 0 {
		item.Action, item.Reason = None, "nothing differs"
	}
	noteAttributes(item, was, is, from, to)
	return item, nil
}

// interrupted reports whether the parameter was not there at some moment between the
// two.
func interrupted(line *timeline.Timeline, from, to ssmbak.Time) bool {
	return slices.ContainsFunc(line.Spans(), func(s timeline.Span) bool {
		return s.Kind == timeline.Absent && s.From > min(from, to) && s.Until <= max(from, to)
	})
}

// appeared lists everything that a state has.
func appeared(is ssmbak.State) []Difference {
	return append(versionsBetween(nil, is), attributesBetween(ssmbak.State{Tags: ssmbak.Know[map[string]string](nil, ssmbak.Proved), Labels: ssmbak.Know[map[string]int64](nil, ssmbak.Proved)}, is)...)
}

// versionsBetween lists the attributes of a version that differ, was being nil
// for nothing.
func versionsBetween(was *Live, is ssmbak.State) []Difference {
	v := is.Version
	out := compare(write{Value: is.Value.V, Attributes: defaulted(v.Attributes)}, was, v.Policies)
	if !is.Value.IsKnown() {
		for i := range out {
			out[i].NoWanted = out[i].NoWanted || out[i].Value
		}
	}
	return out
}

// attributesBetween lists the tags and labels that differ, where both are known or
// last known.
func attributesBetween(was, is ssmbak.State) (out []Difference) {
	if was.Tags.IsKnown() && is.Tags.IsKnown() {
		out = compareTags(is.Tags.V, was.Tags.V)
	}
	if was.Labels.IsKnown() && is.Labels.IsKnown() {
		for _, label := range union(is.Labels.V, was.Labels.V) {
			if a, b := was.Labels.V[label], is.Labels.V[label]; a != b {
				out = append(out, Difference{Attribute: ssmbak.LabelAttribute(label), Live: number(a), Wanted: number(b), NoLive: a == 0, NoWanted: b == 0})
			}
		}
	}
	return out
}

// noteAttributes says which tags and labels were compared by the last known ones,
// and which could not be compared since they are unknown at one of the moments.
func noteAttributes(item *Item, was, is ssmbak.State, from, to ssmbak.Time) {
	noteLastKnown(item, was, is)
	if was.Deleted || is.Deleted {
		return
	}
	for _, a := range []struct {
		what    string
		was, is bool
	}{{"tags", was.Tags.IsKnown(), is.Tags.IsKnown()}, {"labels", was.Labels.IsKnown(), is.Labels.IsKnown()}} {
		switch {
		case a.was && !a.is:
			item.Notices = append(item.Notices, "its "+a.what+" are unknown at "+to.String())
		case a.is && !a.was && len(item.Differences) > 0:
			item.Notices = append(item.Notices, "its "+a.what+" are unknown at "+from.String())
		}
	}
}
