package restore

import (
	"cmp"
	"context"
	"errors"
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

// ownPath is the path of the parameters that contain the name of ssmbak's bucket, or that
// of the legacy ssmbak.
const ownPath = "/newvoll/ssmbak/"

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
	// unread says that live tags or labels were not read, and untested that the plan
	// changes tags that were not read.
	unread, untested bool
	// settled is set if line was not read, because the last recorded state is the one to
	// restore, and is that of this version. Without [Restorer.settle] it may not be live.
	settled timeline.Ref
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

// subjects returns the recorded and live parameters of the target, by name, and whether
// the target is exactly one parameter. live are the parameters below the path, nil if
// they were not read yet.
func (r *Restorer) subjects(
	ctx context.Context, f *finder, recorded archive.Timelines, settled []archive.Settled, live map[ssmbak.Name]paramstore.Description,
) (all []*subject, one bool, err error) {
	target := f.target
	covers := target.Below
	if exact, possible := target.Name(); possible {
		if live, one, err = r.resolveTarget(ctx, f, recorded, len(settled) > 0, live); err != nil {
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
	for _, x := range settled {
		of(x.Name).settled = x.Newest
	}
	maps.DeleteFunc(byName, func(name ssmbak.Name, _ *subject) bool { return !covers(name) })
	return sorted(byName), one, nil
}

func sorted(byName map[ssmbak.Name]*subject) []*subject {
	return slices.SortedFunc(maps.Values(byName), func(a, b *subject) int { return cmp.Compare(a.name, b.name) })
}

// resolveTarget determines whether a target that may be a parameter or a path is the
// parameter, and returns its live parameters. below are the live parameters below the
// path, nil if they were not read yet. settled says that there are some below the path that
// recorded does not have.
func (r *Restorer) resolveTarget(
	ctx context.Context, f *finder, recorded archive.Timelines, settled bool, below map[ssmbak.Name]paramstore.Description,
) (live map[ssmbak.Name]paramstore.Description, one bool, err error) {
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
	recordedBelow := !recorded.One && (settled || len(recorded.All)+len(recorded.Problems) > 0)
	switch {
	case !target.Resolve(named, len(below) > 0 || recordedBelow):
		return below, false, nil
	case exists:
		return map[ssmbak.Name]paramstore.Description{exact: d}, true, nil
	}
	return nil, true, nil
}

// origins returns the names of the parameters whose states are restored.
func origins(subjects []*subject) []ssmbak.Name {
	names := make([]ssmbak.Name, len(subjects))
	for i, s := range subjects {
		names[i] = s.origin
	}
	return names
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
