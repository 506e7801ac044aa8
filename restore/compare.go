package restore

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

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
	// Items has one item for each parameter of the target that changed or may have
	// changed, by name; those of [Restorer.CompareTimelines] and of a comparison of
	// versions include parameters that did not. Before is its state at From, and After
	// its state at To. A parameter with [plan.ActionReplace] was deleted and recreated in
	// between.
	Items []plan.Item
	// Unchanged is the number of other recorded parameters of the target: each had the
	// same state at both times, or existed at neither.
	Unchanged int
	// Absent says that the target is one parameter, which existed at neither time.
	Absent bool
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
// It does not read the indexes that [archive.Walk] skips, and reads two values for
// each parameter whose versions differ. It keeps what changed and the names in memory.
//
// An error means that there is no comparison; problems of single parameters are in
// Problems.
func (r *Restorer) Compare(ctx context.Context, target ssmbak.Target, from, to ssmbak.Time) (*Comparison, error) {
	var items []plan.Item
	c, err := r.CompareEach(ctx, target, from, to, func(item plan.Item) error {
		items = append(items, item)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.Items = items
	return c, nil
}

// CompareEach is [Restorer.Compare] for a target of any size: it calls each with the items, in
// the order of their names, instead of returning them, and keeps only the names in memory. An
// error of each ends the comparison and is returned. A pattern that matches no name is an
// error after the last item.
func (r *Restorer) CompareEach(ctx context.Context, target ssmbak.Target, from, to ssmbak.Time, each func(plan.Item) error) (*Comparison, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	c := r.comparing(target, from, to, archive.AllValues)
	var walked archive.Walked
	problems := 0 // that have items
	unreadable := func(before ssmbak.Name) error {
		for ; problems < len(walked.Problems) && (before == "" || walked.Problems[problems].Name < before); problems++ {
			if item := c.unreadable(walked.One, walked.Problems[problems]); item != nil {
				if err := each(*item); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for found, err := range archive.Walk(ctx, r.archive, target, archive.Period{From: min(from, to), To: max(from, to)}, true, &walked, c.compare) {
		if err != nil {
			return nil, err
		}
		if err := unreadable(found.name); err != nil {
			return nil, err
		}
		if problems < len(walked.Problems) && walked.Problems[problems].Name == found.name {
			continue // its index was read, but not a part of it: it is unreadable
		}
		if item := c.add(walked.One, found); item != nil {
			if err := each(*item); err != nil {
				return nil, err
			}
		}
	}
	c.out.One, c.out.Complete, c.out.Since, c.out.Unchecked = walked.One, walked.Complete, walked.Since, walked.Unchecked
	if err := unreadable(""); err != nil {
		return nil, err
	}
	c.unchanged(walked.One, walked.Unchanged)
	if err := c.finish(slices.Concat(walked.Names, walked.Unchanged), walked.Problems, walked.Unproved); err != nil {
		return nil, err
	}
	return c.out, nil
}

// CompareTimelines is like [Restorer.Compare] with timelines that the caller has read from
// the archive: some of those of the target, with the parts that contain both times, or
// with all parts. Items includes parameters that existed and did not change. With
// [archive.NoValues] it reads no values, and two versions differ even if their values are
// equal.
func (r *Restorer) CompareTimelines(ctx context.Context, recorded archive.Timelines, target ssmbak.Target, from, to ssmbak.Time, values archive.Values) (*Comparison, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	c := r.comparing(target, from, to, values)
	c.all = true
	c.out.One, c.out.Complete, c.out.Since, c.out.Unchecked = recorded.One, recorded.Complete, recorded.Since, recorded.Unchecked
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reads)
	all := make([]compared, len(recorded.All))
	for i, line := range recorded.All {
		g.Go(func() (err error) {
			all[i], err = c.compare(gctx, recorded.One, line)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	unreadable := make(map[ssmbak.Name]bool) // their indexes may have been read, but not a part of one
	for _, p := range recorded.Problems {
		unreadable[p.Name] = true
	}
	for _, found := range all {
		if unreadable[found.name] {
			continue
		}
		if item := c.add(recorded.One, found); item != nil {
			c.out.Items = append(c.out.Items, *item)
		}
	}
	for _, p := range recorded.Problems {
		if item := c.unreadable(recorded.One, p); item != nil {
			c.out.Items = append(c.out.Items, *item)
		}
	}
	slices.SortFunc(c.out.Items, func(a, b plan.Item) int { return cmp.Compare(a.Name, b.Name) })
	if err := c.finish(recorded.Names, recorded.Problems, recorded.Unproved(target, min(from, to), max(from, to))); err != nil {
		return nil, err
	}
	return c.out, nil
}

// comparing is a comparison while it is made.
type comparing struct {
	r      *Restorer
	values archive.Values
	all    bool // show items without a difference
	mu     sync.Mutex
	out    *Comparison
}

func (r *Restorer) comparing(target ssmbak.Target, from, to ssmbak.Time, values archive.Values) *comparing {
	return &comparing{r: r, values: values, out: &Comparison{From: from, To: to, Target: target, TooEarly: true}}
}

// compared is one parameter of a comparison.
type compared struct {
	name     ssmbak.Name
	excluded bool
	item     *plan.Item // nil if it existed at neither time
	existed  bool
	problem  error
}

// compare compares one parameter. It may be called concurrently.
func (c *comparing) compare(ctx context.Context, one bool, line *timeline.Timeline) (found compared, err error) {
	s := &subject{name: line.Name(), origin: line.Name(), line: line}
	found = compared{name: s.name, excluded: c.excluded(one, s)}
	if found.excluded {
		return found, nil
	}
	found.item, err = c.r.compareOne(ctx, s, c.out.From, c.out.To, c.values)
	found.existed, found.problem = s.c.Existed, s.problem
	return found, err
}

// add adds one parameter, and returns its item if that is shown.
func (c *comparing) add(one bool, found compared) *plan.Item {
	if found.excluded {
		return nil
	}
	c.out.TooEarly = c.out.TooEarly && !found.existed
	if found.problem != nil {
		c.out.Problems = append(c.out.Problems, archive.Problem{Name: found.name, Err: found.problem})
	}
	c.out.Absent = one && found.item == nil
	if found.item != nil && (c.all || found.item.MayDiffer()) {
		return found.item
	}
	c.out.Unchanged++
	return nil
}

// unreadable adds a parameter that could not be read, and returns its item, nil if the options
// exclude it.
func (c *comparing) unreadable(one bool, p archive.Problem) *plan.Item {
	if !one && !c.r.o.Own && own(p.Name) || !c.r.o.Includes(p.Name) {
		return nil
	}
	c.out.TooEarly = false
	c.out.Problems = append(c.out.Problems, p)
	return &plan.Item{Name: p.Name, Action: plan.ActionSkip, After: ssmbak.State{Name: p.Name}, Reason: "its record cannot be read: " + p.Err.Error()}
}

// unchanged adds parameters that did not change.
func (c *comparing) unchanged(one bool, names []ssmbak.Name) {
	for _, name := range names {
		if !c.excluded(one, &subject{name: name, origin: name}) {
			c.out.Unchanged++
			c.out.TooEarly = false
		}
	}
}

// excluded reports whether the options exclude a parameter, and counts it in that case.
func (c *comparing) excluded(one bool, s *subject) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	skipped := plan.Plan{SkippedOwn: c.out.SkippedOwn, Excluded: c.out.Excluded}
	left := c.r.exclude(&skipped, []*subject{s}, one, nil)
	c.out.SkippedOwn, c.out.Excluded = skipped.SkippedOwn, skipped.Excluded
	return len(left) == 0
}

// finish completes the comparison. names are those that could be read, and problems those
// that could not. It returns an error if a pattern matches no name.
func (c *comparing) finish(names []ssmbak.Name, problems []archive.Problem, u archive.Unproved) error {
	r, out := c.r, c.out
	for _, p := range problems {
		names = append(names, p.Name)
	}
	if err := r.o.CheckNames(names); err != nil {
		return err
	}
	out.Unproved = r.filterUnproved(u, out.One)
	slices.Sort(out.SkippedOwn)
	slices.SortFunc(out.Problems, func(a, b archive.Problem) int { return cmp.Compare(a.Name, b.Name) })
	return nil
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
