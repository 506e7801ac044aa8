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
	"github.com/ssmbak/ssmbak/timeline"
)

// reads bounds the values that are read from the archive at once.
const reads = 64

// ownPaths hold the parameters in which ssmbak and the original note the name
// of the bucket.
var ownPaths = []string{"/ssmbak/", "/newvoll/ssmbak/"}

// subject is one parameter while a plan is made.
type subject struct {
	name    ssmbak.Name
	line    *timeline.Timeline // nil if the archive knows nothing of it
	problem error              // why the archive could not be read
	live    *paramstore.Description
	unsaved error // why the live state could not be recorded
	c       circumstances
	// refs and liveRefs are the copies of the wanted and of the live value.
	refs, liveRefs []timeline.ObjectRef
}

// Plan says what a restore of the target to the moment would do: what happened
// in or before that millisecond has happened. It writes nothing to Parameter
// Store. Live parameters that the archive has not recorded as they are now are
// recorded by the [Syncer] first.
//
// The plan costs what reading the archive costs, one listing of the live
// parameters, one read of tags for each parameter that is to be written, and
// one read of a value for each side of a comparison where versions differ.
// Nothing is decrypted by Parameter Store.
//
// An error means that there is no plan at all; what concerns single parameters
// stands in their items.
func (r *Restorer) Plan(ctx context.Context, target ssmbak.Target, at ssmbak.Time) (*Plan, error) {
	var recorded archive.Timelines
	var complete archive.Reconciled
	var below map[ssmbak.Name]paramstore.Description
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		recorded, err = r.archive.Timelines(gctx, target)
		return err
	})
	g.Go(func() (err error) {
		complete, err = r.archive.Reconciled(gctx)
		return err
	})
	if _, possible := target.Name(); !possible || target.Recursive() {
		g.Go(func() (err error) {
			below, err = r.below(gctx, target)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	plan := &Plan{At: at, Target: target, Complete: recorded.Complete, Since: recorded.Since}
	subjects, one, err := r.subjects(ctx, target, recorded, below)
	if err != nil {
		return nil, err
	}
	if !r.o.Own && !one {
		subjects = slices.DeleteFunc(subjects, func(s *subject) bool {
			if !own(s.name) {
				return false
			}
			plan.LeftOut = append(plan.LeftOut, s.name)
			return true
		})
	}
	if err := each(ctx, r.o.Parallel, subjects, func(ctx context.Context, s *subject) error { return r.settle(ctx, s, complete) }); err != nil {
		return nil, err
	}
	now := ssmbak.TimeOf(time.Now())
	for _, s := range subjects {
		s.circumstances(at, now, complete)
	}
	if err := each(ctx, reads, subjects, r.values); err != nil {
		return nil, err
	}
	if err := each(ctx, r.o.Parallel, subjects, r.tags); err != nil {
		return nil, err
	}
	for _, s := range subjects {
		item := compute(s.c, r.o)
		if s.live == nil && s.unsaved != nil && item.Action == Create {
			item.Notices = append(item.Notices, "that it is gone could not be recorded: "+s.unsaved.Error())
		}
		if s.problem != nil {
			plan.Problems = append(plan.Problems, archive.Problem{Name: s.name, Err: s.problem})
		}
		// What was not there then and is not there now is no part of a path.
		if one || item.Action != None || item.Live != nil || s.c.existed {
			plan.Items = append(plan.Items, item)
		}
	}
	return plan, nil
}

func own(name ssmbak.Name) bool {
	return slices.ContainsFunc(ownPaths, func(path string) bool { return strings.HasPrefix(string(name), path) })
}

// subjects returns the parameters that the target means, recorded or live, by
// name, and whether it means exactly one. What is known live counts for that
// like what is recorded. live are the parameters below the path, nil if they
// were not listed yet.
func (r *Restorer) subjects(ctx context.Context, target ssmbak.Target, recorded archive.Timelines, live map[ssmbak.Name]paramstore.Description) (all []*subject, one bool, err error) {
	means := target.Below
	if exact, possible := target.Name(); possible {
		if live, one, err = r.choose(ctx, target, recorded, live); err != nil {
			return nil, false, err
		}
		if one {
			means = func(n ssmbak.Name) bool { return n == exact }
		}
	}
	byName := make(map[ssmbak.Name]*subject)
	of := func(name ssmbak.Name) *subject {
		if byName[name] == nil {
			byName[name] = &subject{name: name}
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
	all = slices.SortedFunc(maps.Values(byName), func(a, b *subject) int { return cmp.Compare(a.name, b.name) })
	return all, one, nil
}

// choose decides whether a target that may be one parameter or a path is the
// parameter, and returns what is live of what it means. below are the live
// parameters below the path, nil if they were not listed yet.
func (r *Restorer) choose(ctx context.Context, target ssmbak.Target, recorded archive.Timelines, below map[ssmbak.Name]paramstore.Description) (live map[ssmbak.Name]paramstore.Description, one bool, err error) {
	exact, _ := target.Name()
	d, err := r.live.DescribeOne(ctx, exact)
	alive := err == nil
	if err != nil && !errors.Is(err, paramstore.ErrNotFound) {
		return nil, false, err
	}
	named := alive || recorded.One
	if below == nil && !named {
		if below, err = r.below(ctx, target); err != nil {
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

// below lists the live parameters below the target's path.
func (r *Restorer) below(ctx context.Context, target ssmbak.Target) (map[ssmbak.Name]paramstore.Description, error) {
	live := make(map[ssmbak.Name]paramstore.Description)
	for d, err := range r.live.Describe(ctx, target) {
		if err != nil {
			return nil, err
		}
		// A name that is changed while it is listed may come twice.
		if known, twice := live[d.Name]; !twice || known.Version.Time < d.Version.Time {
			live[d.Name] = d
		}
	}
	return live, nil
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
	x, err := r.archive.Index(ctx, s.name)
	if err != nil {
		return err
	}
	s.line = nil
	if !x.Facts.Empty() {
		s.line = timeline.New(s.name, x.Facts, r.archive.Horizon(x, complete))
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

// settled reports whether the archive's last state is what is live.
func (s *subject) settled() bool {
	if s.line == nil {
		return false
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

// circumstances fills in all that is known of the parameter without its values.
func (s *subject) circumstances(at, now ssmbak.Time, complete archive.Reconciled) {
	s.c = circumstances{now: now, wanted: ssmbak.State{Name: s.name, Reason: "nothing was recorded of it"}}
	c := &s.c
	var last ssmbak.State
	if s.problem != nil {
		c.wanted.Reason = "its record cannot be read: " + s.problem.Error()
	} else if s.line != nil {
		c.wanted, s.refs = s.line.At(at)
		last, _ = s.line.At(ssmbak.MaxTime - 1)
		c.existed, c.covered = history(s.line.Facts(), at)
		c.covered = c.covered || !complete.First.IsZero() && at >= ssmbak.TimeOf(complete.First)
	}
	if s.live == nil {
		return
	}
	c.live = &Live{Version: s.live.Version}
	c.unheld = "its live version is not in the archive"
	if s.unsaved != nil {
		c.unheld += ": " + s.unsaved.Error()
	}
	if s.line == nil {
		return
	}
	recorded, ok := s.line.Facts().Version(s.ref())
	if !ok {
		return
	}
	// Attributes are compared as histories give them, on both sides.
	c.live.Version, s.liveRefs, c.unheld = recorded.Domain(), recorded.Objects, ""
	if len(recorded.Objects) == 0 {
		c.unheld = "its live value is not in the archive: " + cmp.Or(recorded.Unreadable, "it was not recorded")
	}
	if same(last.Version, c.live.Version) {
		c.live.Tags, c.live.TagsKnown = last.Tags, last.TagsKnown
		if last.LabelsKnown {
			c.labels = last.Labels
		}
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
	for _, t := range f.Traces {
		existed = existed || ssmbak.Seconds(t.Second) <= at
	}
	for _, o := range f.Originals {
		second := o.Second
		if o.Deleted {
			second = o.LastModified.Second()
		}
		existed = existed || ssmbak.Seconds(second) <= at
	}
	for _, l := range f.Looks {
		absent = absent || l.Gone && l.Seen <= at
	}
	return existed, absent
}

// values reads the values that the parameter's action depends on.
func (r *Restorer) values(ctx context.Context, s *subject) error {
	wanted, live := s.c.needs(r.o)
	if wanted {
		if err := r.wantedValue(ctx, s); err != nil || !s.c.wanted.HasValue {
			return err // without it there is nothing to compare with
		}
	}
	if live && len(s.liveRefs) > 0 {
		v, reason, err := r.value(ctx, s, s.liveRefs)
		if err != nil {
			return err
		}
		if reason != "" {
			s.c.unheld = "its live value is not in the archive: " + reason
			return nil
		}
		s.c.live.Value, s.c.live.HasValue = v, true
	}
	return nil
}

// wantedValue reads the value of the wanted state, if it has one.
func (r *Restorer) wantedValue(ctx context.Context, s *subject) error {
	w := &s.c.wanted
	if len(s.refs) == 0 || w.Deleted {
		return nil
	}
	v, reason, err := r.value(ctx, s, s.refs)
	w.Value, w.HasValue, w.NoValue = v, err == nil && reason == "", reason
	return err
}

// value reads one value from the archive, or why it cannot be had.
func (r *Restorer) value(ctx context.Context, s *subject, refs []timeline.ObjectRef) (v ssmbak.Value, reason string, err error) {
	v, err = r.archive.Value(ctx, s.name, refs)
	switch {
	case err == nil:
		return v, "", nil
	case errors.Is(err, archive.ErrExpired):
		return v, archive.ErrExpired.Error(), nil
	case archive.Lost(err):
		s.problem = err
		return v, "the value object is damaged", nil
	}
	return v, "", err
}

// tags reads the live tags of a parameter that will be written, or whose last
// recorded tags are not known. Tags that the archive does not hold are recorded
// before they can be lost.
func (r *Restorer) tags(ctx context.Context, s *subject) error {
	c := &s.c
	if c.live == nil {
		return nil
	}
	item := compute(*c, r.o)
	compares := item.Action == None && c.wanted.TagsKnown && !c.live.TagsKnown
	if !item.Action.writes() && !compares {
		return nil
	}
	tags, err := r.live.Tags(ctx, s.name)
	if errors.Is(err, paramstore.ErrNotFound) {
		return nil // it was deleted since, which Apply will see
	}
	if err != nil {
		return err
	}
	held := c.live.TagsKnown && maps.Equal(tags, c.live.Tags)
	live := *c.live
	live.Tags, live.TagsKnown = tags, true
	c.live = &live
	if held || !compute(*c, r.o).Action.writes() {
		return nil
	}
	c.untagged = "its tags are not in the archive"
	if r.sync == nil {
		return nil
	}
	if err := r.sync.Sync(ctx, s.name); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
		c.untagged += ": " + err.Error()
		return nil
	}
	c.untagged = ""
	return nil
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
