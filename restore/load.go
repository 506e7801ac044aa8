package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// reads is the maximum number of values that are read from the archive concurrently.
const reads = 64

// ownPath is the path of the parameters that contain the name of ssmbak's bucket, or that
// of the legacy ssmbak.
const ownPath = "/newvoll/ssmbak/"

// fewParameters is the maximum number of parameters in a plan that reads the live tags
// and labels of every one. Those of more parameters would require more requests than an
// account is allowed in a minute.
const fewParameters = 100

// subject is one parameter while a plan is made.
type subject struct {
	name ssmbak.Name        // of the parameter that is written
	line *timeline.Timeline // nil if nothing was recorded
	// moments are the times of which the timeline has the states. Without one, the states
	// in parts are unknown.
	moments []ssmbak.Time
	// origin is the parameter whose state is restored, and past its timeline, nil if
	// nothing was recorded.
	origin  ssmbak.Name
	past    *timeline.Timeline
	problem error // why the archive could not be read
	live    *paramstore.Description
	unsaved error // why the live state could not be recorded
	c       plan.Case
	// reversal and item are those of a revert.
	reversal plan.Reversal
	item     plan.Item
	// unread says that live tags or labels were not read.
	unread bool
}

// free returns the earliest time at which the parameter may be created, zero if its last
// recorded state is not a deletion.
func (s *subject) free(recreation time.Duration) ssmbak.Time {
	if s.line == nil {
		return 0
	}
	last := s.line.Span(ssmbak.MaxTime - 1)
	if last.Kind != timeline.KindAbsent || last.From == ssmbak.MinTime {
		return 0
	}
	return last.From.Add(recreation)
}

func own(name ssmbak.Name) bool {
	return strings.HasPrefix(string(name), ownPath)
}

// subjects returns the recorded and live parameters of the target, by name, and whether
// the target is exactly one parameter. live are the parameters below the path, nil if
// they were not read yet.
func (r *Restorer) subjects(ctx context.Context, f *finder, recorded archive.Timelines, live map[ssmbak.Name]paramstore.Description) (all []*subject, one bool, err error) {
	target := f.target
	covers := target.Below
	if exact, possible := target.Name(); possible {
		if live, one, err = r.resolveTarget(ctx, f, recorded, live); err != nil {
			return nil, false, err
		}
		if one {
			covers = func(n ssmbak.Name) bool { return n == exact }
		}
	}
	byName := make(map[ssmbak.Name]*subject)
	of := func(name ssmbak.Name) *subject {
		if byName[name] == nil {
			byName[name] = &subject{name: name, origin: name}
		}
		return byName[name]
	}
	for i, name := range recorded.Names {
		of(name).line = recorded.All[i]
	}
	for _, p := range recorded.Problems {
		of(p.Name).problem = p.Err
	}
	for name, d := range live {
		of(name).live = &d
	}
	maps.DeleteFunc(byName, func(name ssmbak.Name, _ *subject) bool { return !covers(name) })
	return sorted(byName), one, nil
}

func sorted(byName map[ssmbak.Name]*subject) []*subject {
	return slices.SortedFunc(maps.Values(byName), func(a, b *subject) int { return cmp.Compare(a.name, b.name) })
}

// resolveTarget determines whether a target that may be a parameter or a path is the
// parameter, and returns its live parameters. below are the live parameters below the
// path, nil if they were not read yet.
func (r *Restorer) resolveTarget(ctx context.Context, f *finder, recorded archive.Timelines, below map[ssmbak.Name]paramstore.Description) (live map[ssmbak.Name]paramstore.Description, one bool, err error) {
	target := f.target
	exact, _ := target.Name()
	d, err := r.live.DescribeOne(ctx, exact)
	exists := err == nil
	if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
		return nil, false, err
	}
	named := exists || recorded.One
	if below == nil && !named {
		if below, err = f.below(ctx); err != nil {
			return nil, false, err
		}
	}
	recordedBelow := !recorded.One && len(recorded.All)+len(recorded.Problems) > 0
	switch {
	case !target.Resolve(named, len(below) > 0 || recordedBelow):
		return below, false, nil
	case exists:
		return map[ssmbak.Name]paramstore.Description{exact: d}, true, nil
	}
	return nil, true, nil
}

// ensureRecorded records the live state of a parameter that is not the last state in the
// archive, and reads the archive again. If this fails for this parameter alone, the error
// is kept in the subject.
func (r *Restorer) ensureRecorded(ctx context.Context, s *subject, complete archive.Reconciled) error {
	if r.archive == nil || s.problem != nil || s.isRecorded() {
		return nil
	}
	if r.sync == nil {
		s.unsaved = errors.New("recording is not possible here")
		return nil
	}
	if err := r.sync.Sync(ctx, s.name); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
		r.o.Logger.WarnContext(ctx, "a live parameter could not be recorded", "name", s.name, "error", err.Error())
		s.unsaved = err
		return nil
	}
	if err := r.reload(ctx, s, complete); err != nil {
		return err
	}
	if s.isRecorded() {
		return nil
	}
	// The listing was older than the archive, or the parameter has changed since.
	d, err := r.live.DescribeOne(ctx, s.name)
	switch {
	case err == nil:
		s.live = &d
	case errors.Is(err, paramstore.ErrNotFound):
		s.live = nil
	default:
		return err
	}
	if !s.isRecorded() {
		s.unsaved = errors.New("it is being changed now")
	}
	return nil
}

// reload reads the timeline of a parameter, as far as its last state and the one to
// restore need it. An index that is damaged, hidden or of a newer program is a problem of
// the subject.
func (r *Restorer) reload(ctx context.Context, s *subject, complete archive.Reconciled) error {
	if r.archive == nil {
		return nil
	}
	x, err := r.archive.KnownIndex(ctx, s.name, complete)
	if archive.Unreadable(err) {
		s.problem = err
		return nil
	}
	if err != nil {
		return err
	}
	s.line = nil
	if x.Facts.Empty() {
		return nil
	}
	moments := s.moments
	if len(moments) == 0 {
		moments = []ssmbak.Time{0} // no part, instead of all
	}
	line, problem, err := r.archive.Timeline(ctx, x, complete, moments...)
	if err != nil {
		return err
	}
	s.line, s.problem = line, problem
	return nil
}

// isRecorded reports whether the last state in the archive is the live one.
func (s *subject) isRecorded() bool {
	if s.line == nil {
		return s.live == nil
	}
	newest, present, absent := s.line.Newest()
	if s.live == nil {
		return absent
	}
	return present && newest.Ref() == s.ref()
}

// recorded returns a version that the archive has.
func (s *subject) recorded(r timeline.Ref) (timeline.Version, bool) {
	if s.line == nil {
		return timeline.Version{}, false
	}
	return s.line.Facts().Version(r)
}

func (s *subject) ref() timeline.Ref {
	return timeline.Ref{Number: s.live.Version.Number, Time: s.live.Version.Time}
}

// fillAfter sets the state to restore.
func (r *Restorer) fillAfter(s *subject, at ssmbak.Time, complete archive.Reconciled) {
	c := &s.c
	switch {
	case s.problem != nil:
		c.After = ssmbak.State{Name: s.origin, Reason: "its record cannot be read: " + s.problem.Error()}
	case r.o.Version != nil:
		r.fillVersion(s)
	case s.past != nil:
		c.After, c.AfterObjects = s.past.At(at)
		c.Existed, c.Covered = s.past.Facts().KnownBy(at)
	case s.origin != s.name || c.Move != nil:
		// There is no state to restore. Whether there ever was one matters only if the
		// parameter would be deleted.
		c.After = ssmbak.State{Name: s.origin, Deleted: true, Certainty: ssmbak.LastKnown}
		c.Covered = !r.o.Exact
	default:
		c.After = ssmbak.State{Name: s.origin, Reason: "nothing was recorded"}
	}
	c.Covered = c.Covered || complete.Covers(s.origin, at)
}

// fillBefore sets the live parameter, without its value.
func (s *subject) fillBefore() {
	c := &s.c
	if s.live == nil {
		if s.line != nil {
			c.Gone, _ = s.line.At(ssmbak.MaxTime - 1)
		}
		return
	}
	c.Before = &plan.Parameter{Version: s.live.Version}
	c.Unsaved = "its live version is not in the archive"
	if s.unsaved != nil {
		c.Unsaved += ": " + s.unsaved.Error()
	}
	if s.line == nil {
		return
	}
	recorded, ok := s.line.Facts().Version(s.ref())
	if !ok {
		return
	}
	// Both sides have the attributes that GetParameterHistory returns.
	c.Before.Version, c.Before.Objects, c.Unsaved = recorded.Version, recorded.Objects, ""
	if len(recorded.Objects) == 0 {
		c.Unsaved = "its live value is not in the archive: " + cmp.Or(recorded.Unreadable, "it was not recorded")
	}
	if last, _ := s.line.At(ssmbak.MaxTime - 1); last.Version.Same(c.Before.Version) {
		c.Before.Tags, c.Before.Labels = provedOnly(last.Tags), provedOnly(last.Labels)
	}
}

// values reads the values that [plan.Case.Needs] reports.
func (r *Restorer) values(ctx context.Context, s *subject) error {
	after, before := s.c.Needs(r.o.Options)
	if after {
		if err := r.readAfter(ctx, s); err != nil || !s.c.After.Value.IsKnown() {
			return err // without it there is nothing to compare
		}
	}
	if before {
		return r.readBefore(ctx, s)
	}
	return nil
}

// readBefore reads the live value from the archive.
func (r *Restorer) readBefore(ctx context.Context, s *subject) error {
	if len(s.c.Before.Objects) == 0 {
		return nil
	}
	v, err := r.value(ctx, s, r.archive, s.name, s.c.Before.Version, s.c.Before.Objects)
	if err != nil {
		return err
	}
	if !v.IsKnown() {
		s.c.Unsaved = "its live value is not in the archive: " + v.Reason
		return nil
	}
	s.c.Before.Value = v
	return nil
}

// readAfter reads the value of the state to restore, if it has one.
func (r *Restorer) readAfter(ctx context.Context, s *subject) error {
	w := &s.c.After
	if len(s.c.AfterObjects) == 0 || w.Deleted {
		return nil
	}
	from := r.archive
	if s.c.Move != nil {
		from = r.o.From
	}
	v, err := r.value(ctx, s, from, s.origin, w.Version, s.c.AfterObjects)
	if err == nil {
		w.Value = v
	}
	return err
}

// provedOnly returns k if it is proved, and otherwise an unknown one.
func provedOnly[T any](k ssmbak.Known[T]) ssmbak.Known[T] {
	if !k.IsProved() {
		return ssmbak.Known[T]{}
	}
	return k
}

// value reads one value from an archive. If the value is unavailable, the result is
// unknown, and a damaged one is a problem of the subject.
func (r *Restorer) value(
	ctx context.Context, s *subject, from *archive.Archive, of ssmbak.Name, version ssmbak.Version, refs []timeline.ObjectRef,
) (ssmbak.Known[ssmbak.Value], error) {
	v, problem, err := from.KnownValue(ctx, of, version, refs)
	if problem != nil {
		s.problem = problem
	}
	return v, err
}

// attributes reads the live tags and labels of a parameter that will be written, and, with
// all or if the recorded ones are not proved, of one that is otherwise unchanged. It
// records those that the archive does not have before they can be lost.
func (r *Restorer) attributes(ctx context.Context, s *subject, all bool) error {
	c := &s.c
	if c.Before == nil {
		return nil
	}
	action := plan.Decide(*c, r.o.Options).Action
	if !action.Writes() && action != plan.ActionNone {
		return nil
	}
	w := &c.After
	tags := action.Writes() || w.Tags.IsKnown() && (all || !c.Before.Tags.IsKnown())
	labels := action.Writes() || w.Labels.IsKnown() && (all || !c.Before.Labels.IsKnown() || len(w.Labels.V)+len(c.Before.Labels.V) > 0)
	s.unread = w.Tags.IsKnown() && !tags || w.Labels.IsKnown() && !labels
	recorded, err := r.readAttributes(ctx, s, tags, labels)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil // it was deleted since, which Apply detects
	}
	if err != nil {
		return err
	}
	if writes := plan.Decide(*c, r.o.Options).Action.Writes(); writes && !(tags && labels) {
		// An undo needs all of them.
		bothRecorded, err := r.readAttributes(ctx, s, !tags, !labels)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return err
		}
		recorded = recorded && bothRecorded
	} else if !writes {
		return nil
	}
	if recorded {
		return nil
	}
	return r.saveAttributes(ctx, s)
}

// saveAttributes records the live tags and labels.
func (r *Restorer) saveAttributes(ctx context.Context, s *subject) error {
	c := &s.c
	if r.archive == nil {
		return nil
	}
	c.TagsUnsaved = "its tags and labels are not in the archive"
	if r.sync == nil {
		return nil
	}
	if err := r.sync.Sync(ctx, s.name); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
		c.TagsUnsaved += ": " + err.Error()
		return nil
	}
	c.TagsUnsaved = ""
	return nil
}

// readAttributes reads tags and labels from Parameter Store, and reports whether they are
// the last recorded ones.
func (r *Restorer) readAttributes(ctx context.Context, s *subject, tags, labels bool) (recorded bool, err error) {
	live := *s.c.Before
	recorded = true
	if tags {
		now, err := r.live.Tags(ctx, s.name)
		if err != nil {
			return false, err
		}
		recorded = live.Tags.IsKnown() && maps.Equal(now, live.Tags.V)
		live.Tags = ssmbak.Know(now, ssmbak.Proved)
	}
	if labels {
		h, err := r.live.History(ctx, s.name)
		if err != nil {
			return false, err
		}
		now := h.Labels()
		recorded = recorded && live.Labels.IsKnown() && maps.Equal(now, live.Labels.V)
		live.Labels, live.History = ssmbak.Know(now, ssmbak.Proved), nil
		for _, v := range h.Versions {
			live.History = append(live.History, timeline.Ref{Number: v.Number, Time: v.Time})
		}
	}
	s.c.Before = &live
	return recorded, nil
}

// each calls f for every subject, at most limit concurrently, and returns the first
// error.
func each(ctx context.Context, limit int, subjects []*subject, f func(context.Context, *subject) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	for _, s := range subjects {
		g.Go(func() error {
			if gctx.Err() != nil {
				return gctx.Err()
			}
			return f(gctx, s)
		})
	}
	return g.Wait()
}

// origins returns the names of the parameters whose states are restored.
func origins(subjects []*subject) []ssmbak.Name {
	names := make([]ssmbak.Name, len(subjects))
	for i, s := range subjects {
		names[i] = s.origin
	}
	return names
}
