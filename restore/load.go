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
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// reads bounds the values that are read from the archive at once.
const reads = 64

// ownPath holds the parameters in which ssmbak and the original note the name of
// the bucket.
const ownPath = "/newvoll/ssmbak/"

// few is how many parameters a plan may be for so that the tags and labels of
// every one are read live. Those of more cost more requests than an account
// gives in a minute.
const few = 100

// subject is one parameter while a plan is made.
type subject struct {
	name ssmbak.Name        // of the parameter that is written
	line *timeline.Timeline // nil if the archive knows nothing of it
	// origin is the parameter whose state is restored, and past what is known
	// of it where it is another one than name.
	origin  ssmbak.Name
	past    *timeline.Timeline
	problem error // why the archive could not be read
	live    *paramstore.Description
	unsaved error // why the live state could not be recorded
	c       plan.Case
	// trusted says that live tags or labels were not read.
	trusted bool
}

// Plan says what a restore of the target to the moment would do: what happened
// in or before that millisecond has happened. It writes nothing to Parameter
// Store. Live parameters that the archive has not recorded as they are now are
// recorded by the [Syncer] first.
//
// The plan costs what reading the archive costs, one DescribeParameters for each 50
// recorded parameters, or for each 50 parameters of the account where live ones may
// matter that the archive does not know (see [Options.FindNew]), one read of tags and one of the history for each parameter that is
// to be written, and one read of a value for each side of a comparison where
// versions differ. Nothing is decrypted by Parameter Store.
//
// An error means that there is no plan at all; what concerns single parameters
// stands in their items. It is a [*pattern.Error], an [*plan.UnmatchedError] or a
// [*plan.DestinationError] where the options are wrong.
func (r *Restorer) Plan(ctx context.Context, target ssmbak.Target, at ssmbak.Time) (*Plan, error) {
	if err := r.o.CheckPatterns(); err != nil {
		return nil, err
	}
	if r.o.To != "" {
		return r.planBeside(ctx, target, at)
	}
	// What the listings proved is read before the indexes, which hold at least
	// that then.
	complete, err := r.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	f := &finder{live: r.live, target: target, all: r.o.Exact || r.o.FindNew || !knowsAll(complete, at)}
	var recorded archive.Timelines
	var below map[ssmbak.Name]paramstore.Description
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		recorded, err = r.archive.Timelines(gctx, target)
		return err
	})
	_, possible := target.Name()
	path := !possible || target.Recursive()
	if path && f.all {
		g.Go(func() (err error) {
			below, err = f.below(gctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	f.know(recorded, complete.Unrecorded())
	if path && !f.all {
		if below, err = f.below(ctx); err != nil {
			return nil, err
		}
	}
	out := &Plan{Plan: plan.Plan{At: at, Target: target, Complete: recorded.Complete, Since: recorded.Since}}
	subjects, one, err := r.subjects(ctx, f, recorded, below)
	if err != nil {
		return nil, err
	}
	unmatched := r.o.CheckNames(origins(subjects))
	if unmatched != nil && path && !f.all {
		// A pattern may match a live parameter that the archive does not know.
		f.all = true
		if below, err = f.below(ctx); err != nil {
			return nil, err
		}
		if subjects, one, err = r.subjects(ctx, f, recorded, below); err != nil {
			return nil, err
		}
		unmatched = r.o.CheckNames(origins(subjects))
	}
	if unmatched != nil {
		return nil, unmatched
	}
	subjects = r.leaveOut(&out.Plan, subjects, one, complete.Excluded)
	err = r.finish(ctx, out, subjects, complete, one, func(_ context.Context, s *subject) error {
		s.past = s.line
		r.want(s, at, complete)
		return nil
	})
	out.Unproved = r.unproved(recorded, target, at, subjects)
	return out, err
}

// leaveOut takes away what the options do not mean, and what matches one of the
// patterns of which the recorder records nothing.
func (r *Restorer) leaveOut(out *plan.Plan, subjects []*subject, one bool, unrecorded []string) []*subject {
	return slices.DeleteFunc(subjects, func(s *subject) bool {
		switch {
		case !one && !r.o.Own && (own(s.name) || own(s.origin)):
			out.LeftOut = append(out.LeftOut, s.name)
			return true
		case !r.o.Includes(s.origin):
			out.Excluded++
			return true
		case !one && (pattern.Any(unrecorded, s.name) || pattern.Any(unrecorded, s.origin)):
			out.Unrecorded = append(out.Unrecorded, s.name)
			return true
		}
		return false
	})
}

// finish makes the items of a plan. want fills in what a parameter is to be,
// after what is live of it was recorded. one says that the plan is for one
// parameter, which is part of it whatever it was and is.
func (r *Restorer) finish(ctx context.Context, out *Plan, subjects []*subject, complete archive.Reconciled, one bool, want func(context.Context, *subject) error) error {
	if err := each(ctx, r.o.Parallel, subjects, func(ctx context.Context, s *subject) error { return r.settle(ctx, s, complete) }); err != nil {
		return err
	}
	now := ssmbak.TimeOf(time.Now())
	for _, s := range subjects {
		s.c = plan.Case{Name: s.name, Now: now}
		s.see()
	}
	if err := each(ctx, reads, subjects, want); err != nil {
		return err
	}
	if err := each(ctx, reads, subjects, r.values); err != nil {
		return err
	}
	// For the way back what was recorded last is no proof: the events of the
	// restore itself may still be on their way.
	all := len(subjects) <= few || out.Undoes != ""
	if err := each(ctx, r.o.Parallel, subjects, func(ctx context.Context, s *subject) error { return r.attributes(ctx, s, all) }); err != nil {
		return err
	}
	for _, s := range subjects {
		item := plan.Decide(s.c, r.o.Options)
		if s.live == nil && s.unsaved != nil && item.Action == plan.ActionCreate {
			item.Notices = append(item.Notices, "that it is gone could not be recorded: "+s.unsaved.Error())
		}
		if item.Action == plan.ActionCreate {
			if free := s.free(r.o.Recreation); free > now {
				item.NotBefore = free
				if r.o.Recreation >= time.Second { // less is no wait that anybody would notice
					item.Warnings = append(item.Warnings, fmt.Sprintf("it was deleted just now: AWS asks to wait until %s", free))
				}
			}
		}
		if s.problem != nil {
			out.Problems = append(out.Problems, archive.Problem{Name: s.name, Err: s.problem})
		}
		if s.trusted && item.Action == plan.ActionNone {
			out.Trusted++
		}
		if item.Unlisted() {
			out.Unlisted++
		}
		// What was not there then and is not there now is no part of a path.
		if one || item.Action != plan.ActionNone || item.Before != nil || s.c.Existed {
			out.Items = append(out.Items, item)
		}
	}
	return nil
}

// free returns the moment from which on the name may be created, zero if it was
// not deleted lately.
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

// subjects returns the parameters that the target means, recorded or live, by
// name, and whether it means exactly one. What is known live counts for that
// like what is recorded. live are the parameters below the path, nil if they
// were not looked for yet.
func (r *Restorer) subjects(ctx context.Context, f *finder, recorded archive.Timelines, live map[ssmbak.Name]paramstore.Description) (all []*subject, one bool, err error) {
	target := f.target
	means := target.Below
	if exact, possible := target.Name(); possible {
		if live, one, err = r.choose(ctx, f, recorded, live); err != nil {
			return nil, false, err
		}
		if one {
			means = func(n ssmbak.Name) bool { return n == exact }
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
	maps.DeleteFunc(byName, func(name ssmbak.Name, _ *subject) bool { return !means(name) })
	return sorted(byName), one, nil
}

func sorted(byName map[ssmbak.Name]*subject) []*subject {
	return slices.SortedFunc(maps.Values(byName), func(a, b *subject) int { return cmp.Compare(a.name, b.name) })
}

// choose decides whether a target that may be one parameter or a path is the
// parameter, and returns what is live of what it means. below are the live
// parameters below the path, nil if they were not looked for yet.
func (r *Restorer) choose(ctx context.Context, f *finder, recorded archive.Timelines, below map[ssmbak.Name]paramstore.Description) (live map[ssmbak.Name]paramstore.Description, one bool, err error) {
	target := f.target
	exact, _ := target.Name()
	d, err := r.live.DescribeOne(ctx, exact)
	alive := err == nil
	if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
		return nil, false, err
	}
	named := alive || recorded.One
	if below == nil && !named {
		if below, err = f.below(ctx); err != nil {
			return nil, false, err
		}
	}
	recordedBelow := !recorded.One && len(recorded.All)+len(recorded.Problems) > 0
	switch {
	case !target.Resolve(named, len(below) > 0 || recordedBelow):
		return below, false, nil
	case alive:
		return map[ssmbak.Name]paramstore.Description{exact: d}, true, nil
	}
	return nil, true, nil
}

// settle brings archive and live state of a parameter together: where the one
// does not end with the other, the parameter is recorded and read again. An
// error that concerns this parameter alone is kept in it.
func (r *Restorer) settle(ctx context.Context, s *subject, complete archive.Reconciled) error {
	if s.problem != nil || s.settled() {
		return nil
	}
	if r.sync == nil {
		s.unsaved = errors.New("nothing can be recorded here")
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
	if err := r.recall(ctx, s, complete); err != nil {
		return err
	}
	if s.settled() {
		return nil
	}
	// The listing was older than the archive, or the parameter was changed
	// since.
	d, err := r.live.DescribeOne(ctx, s.name)
	switch {
	case err == nil:
		s.live = &d
	case errors.Is(err, paramstore.ErrNotFound):
		s.live = nil
	default:
		return err
	}
	if !s.settled() {
		s.unsaved = errors.New("it is being changed now")
	}
	return nil
}

// recall reads what the archive knows of a parameter.
func (r *Restorer) recall(ctx context.Context, s *subject, complete archive.Reconciled) error {
	x, err := r.archive.Index(ctx, s.name)
	if err != nil {
		return err
	}
	s.line = nil
	if !x.Facts.Empty() {
		s.line = timeline.New(s.name, x.Facts, r.archive.Coverage(x, complete))
	}
	return nil
}

// settled reports whether the archive's last state is what is live.
func (s *subject) settled() bool {
	if s.line == nil {
		return s.live == nil
	}
	newest, present, absent := s.line.Newest()
	if s.live == nil {
		return absent
	}
	return present && newest.Ref() == s.ref()
}

func (s *subject) ref() timeline.Ref {
	return timeline.Ref{Number: s.live.Version.Number, Time: s.live.Version.Time}
}

// want fills in what the parameter was at the moment.
func (r *Restorer) want(s *subject, at ssmbak.Time, complete archive.Reconciled) {
	c := &s.c
	Removed := complete.Covers(s.origin, at)
	switch {
	case s.problem != nil:
		c.After = ssmbak.State{Name: s.origin, Reason: "its record cannot be read: " + s.problem.Error()}
	case s.past != nil:
		c.After, c.AfterObjects = s.past.At(at)
		c.Existed, c.Covered = history(s.past.Facts(), at)
	case s.origin != s.name:
		// Nothing is to be restored there; whether anything ever was to be matters
		// only where that would be deleted.
		c.After = ssmbak.State{Name: s.origin, Deleted: true, Certainty: ssmbak.LastKnown}
		c.Covered = !r.o.Exact
	default:
		c.After = ssmbak.State{Name: s.origin, Reason: "nothing was recorded of it"}
	}
	c.Covered = c.Covered || Removed
}

// see fills in what is live of the parameter without its value.
func (s *subject) see() {
	if s.live == nil {
		return
	}
	c := &s.c
	c.Before = &plan.Parameter{Version: s.live.Version}
	c.Unheld = "its live version is not in the archive"
	if s.unsaved != nil {
		c.Unheld += ": " + s.unsaved.Error()
	}
	if s.line == nil {
		return
	}
	recorded, ok := s.line.Facts().Version(s.ref())
	if !ok {
		return
	}
	// Attributes are compared as histories give them, on both sides.
	c.Before.Version, c.Before.Objects, c.Unheld = recorded.Version, recorded.Objects, ""
	if len(recorded.Objects) == 0 {
		c.Unheld = "its live value is not in the archive: " + cmp.Or(recorded.Unreadable, "it was not recorded")
	}
	if last, _ := s.line.At(ssmbak.MaxTime - 1); last.Version.Same(c.Before.Version) {
		c.Before.Tags, c.Before.Labels = proved(last.Tags), proved(last.Labels)
	}
}

// history says whether the facts hold anything of the parameter at or before
// the moment, and whether somebody looked by then and found nothing.
func history(f timeline.Facts, at ssmbak.Time) (existed, absent bool) {
	for _, v := range f.Versions {
		existed = existed || v.Time <= at
	}
	for _, d := range f.Deletions {
		existed = existed || ssmbak.Seconds(d.Second) <= at
	}
	for _, t := range f.MissedChanges {
		existed = existed || ssmbak.Seconds(t.Second) <= at
	}
	for _, o := range f.Legacy {
		second := o.Second
		if o.Deleted {
			second = o.LastModified.Second()
		}
		existed = existed || ssmbak.Seconds(second) <= at
	}
	for _, l := range f.Observations {
		absent = absent || l.Gone && l.At <= at
	}
	return existed, absent
}

// values reads the values that the parameter's action depends on.
func (r *Restorer) values(ctx context.Context, s *subject) error {
	wanted, live := s.c.Needs(r.o.Options)
	if wanted {
		if err := r.wantedValue(ctx, s); err != nil || !s.c.After.Value.IsKnown() {
			return err // without it there is nothing to compare with
		}
	}
	if live && len(s.c.Before.Objects) > 0 {
		v, reason, err := r.value(ctx, s, s.name, s.c.Before.Objects)
		if err != nil {
			return err
		}
		if reason != "" {
			s.c.Unheld = "its live value is not in the archive: " + reason
			return nil
		}
		s.c.Before.Value = ssmbak.Know(v, ssmbak.Proved)
	}
	return nil
}

// wantedValue reads the value of the wanted state, if it has one.
func (r *Restorer) wantedValue(ctx context.Context, s *subject) error {
	w := &s.c.After
	if len(s.c.AfterObjects) == 0 || w.Deleted {
		return nil
	}
	v, reason, err := r.value(ctx, s, s.origin, s.c.AfterObjects)
	if err != nil {
		return err
	}
	w.Value = fetched(v, reason)
	return nil
}

// fetched is a value that was read from the archive, or why it cannot be had.
func fetched(v ssmbak.Value, reason string) ssmbak.Known[ssmbak.Value] {
	if reason != "" {
		return ssmbak.Known[ssmbak.Value]{Reason: reason}
	}
	return ssmbak.Know(v, ssmbak.Proved)
}

// proved returns what is proved, and takes anything less for unknown.
func proved[T any](k ssmbak.Known[T]) ssmbak.Known[T] {
	if !k.IsProved() {
		return ssmbak.Known[T]{}
	}
	return k
}

// value reads one value from the archive, or why it cannot be had.
func (r *Restorer) value(ctx context.Context, s *subject, of ssmbak.Name, refs []timeline.ObjectRef) (v ssmbak.Value, reason string, err error) {
	v, err = r.archive.Value(ctx, of, refs)
	switch {
	case err == nil:
		return v, "", nil
	case errors.Is(err, archive.ErrExpired):
		return v, archive.ErrExpired.Error(), nil
	case archive.Unavailable(err):
		s.problem = err
		return v, "the value object is damaged", nil
	}
	return v, "", err
}

// attributes reads the live tags and labels of a parameter that will be
// written, and, where all are compared or the recorded ones leave a doubt, of
// one that is as it should be otherwise. What the archive does not hold of them
// is recorded before it can be lost.
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
	s.trusted = w.Tags.IsKnown() && !tags || w.Labels.IsKnown() && !labels
	held, err := r.attributesLive(ctx, s, tags, labels)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil // it was deleted since, which Apply will see
	}
	if err != nil {
		return err
	}
	if writes := plan.Decide(*c, r.o.Options).Action.Writes(); writes && !(tags && labels) {
		// What is live of the other is needed for the way back.
		alsoHeld, err := r.attributesLive(ctx, s, !tags, !labels)
		if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
			return err
		}
		held = held && alsoHeld
	} else if !writes {
		return nil
	}
	if held {
		return nil
	}
	c.Untagged = "its tags and labels are not in the archive"
	if r.sync == nil {
		return nil
	}
	if err := r.sync.Sync(ctx, s.name); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
		c.Untagged += ": " + err.Error()
		return nil
	}
	c.Untagged = ""
	return nil
}

// attributesLive reads tags and labels from Parameter Store, and reports whether
// they are what was recorded last.
func (r *Restorer) attributesLive(ctx context.Context, s *subject, tags, labels bool) (held bool, err error) {
	live := *s.c.Before
	held = true
	if tags {
		now, err := r.live.Tags(ctx, s.name)
		if err != nil {
			return false, err
		}
		held = live.Tags.IsKnown() && maps.Equal(now, live.Tags.V)
		live.Tags = ssmbak.Know(now, ssmbak.Proved)
	}
	if labels {
		h, err := r.live.History(ctx, s.name)
		if err != nil {
			return false, err
		}
		now := h.Labels()
		held = held && live.Labels.IsKnown() && maps.Equal(now, live.Labels.V)
		live.Labels, live.Kept = ssmbak.Know(now, ssmbak.Proved), nil
		for _, v := range h.Versions {
			live.Kept = append(live.Kept, timeline.Ref{Number: v.Number, Time: v.Time})
		}
	}
	s.c.Before = &live
	return held, nil
}

// each calls f for every subject, at most limit at once, and returns the first
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
