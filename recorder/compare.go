package recorder

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// comparison is what the listings of a reconcile show.
type comparison struct {
	todo    []ssmbak.Name          // those that are not proved to be the same, by name
	same    int                    // how many others there are
	tags    map[ssmbak.Name]string // of those that have any, as digests
	tagsErr error                  // why tags are not known
	proofs  archive.Cache
	exclude []string // patterns of names that are passed by
	// listed is what the listing shows of those of todo that are live.
	listed map[ssmbak.Name]paramstore.Description
}

// listings are what one pass over each listing showed.
type listings struct {
	live    map[ssmbak.Name]timeline.Ref
	shown   map[ssmbak.Name]paramstore.Description // of live ones
	indexes map[ssmbak.Name]string                 // ETags
	tops    map[ssmbak.Name]time.Time              // of current value objects
}

// compare lists live parameters and the archive, side by side, and finds out
// what has to be looked at.
func (run *reconcile) compare(ctx context.Context, target ssmbak.Target) error {
	l := listings{
		live: make(map[ssmbak.Name]timeline.Ref), shown: make(map[ssmbak.Name]paramstore.Description),
		indexes: make(map[ssmbak.Name]string), tops: make(map[ssmbak.Name]time.Time),
	}
	var last archive.Reconciled
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for d, err := range run.r.live.Describe(gctx, target) {
			if err != nil {
				return err
			}
			ref := timeline.Ref{Number: d.Version.Number, Time: d.Version.Time}
			if ref.Time >= l.live[d.Name].Time {
				l.live[d.Name], l.shown[d.Name] = ref, d
			}
		}
		return nil
	})
	g.Go(func() error {
		for x, err := range run.r.archive.Indexes(gctx, target) {
			if err != nil {
				return err
			}
			l.indexes[x.Name] = x.ETag
		}
		return nil
	})
	g.Go(func() (err error) {
		last, err = run.r.archive.Reconciled(gctx)
		return err
	})
	g.Go(func() (err error) {
		run.proofs, err = run.r.archive.Cache(gctx)
		return err
	})
	if run.all {
		g.Go(func() error {
			for x, err := range run.r.archive.CurrentValues(gctx, target) {
				if err != nil {
					return err
				}
				l.tops[x.Name] = x.Modified
			}
			return nil
		})
		g.Go(func() error {
			run.tags, run.tagsErr = run.r.allTags(gctx)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if run.exclude = run.r.o.Exclude; run.exclude == nil {
		run.exclude = last.Excluded
	}
	// What an earlier listing could not record is looked at by its name.
	for _, m := range last.Missed {
		if _, indexed := l.indexes[m.Name]; !indexed && target.Below(m.Name) {
			l.indexes[m.Name] = ""
		}
	}
	run.leaveOut(l)
	if err := run.exact(ctx, target, l); err != nil {
		return err
	}
	for name := range l.indexes {
		if _, live := l.live[name]; !live {
			run.add(name, l)
		}
	}
	for name := range l.live {
		run.add(name, l)
	}
	slices.Sort(run.todo)
	run.listed = make(map[ssmbak.Name]paramstore.Description, min(len(run.todo), len(l.shown)))
	for _, name := range run.todo {
		if d, live := l.shown[name]; live {
			run.listed[name] = d
		}
	}
	return nil
}

// leaveOut takes the excluded names from what was listed. One that the target
// names is no part of that.
func (run *reconcile) leaveOut(l listings) {
	excluded := make(map[ssmbak.Name]bool)
	out := func(name ssmbak.Name) bool {
		if pattern.Any(run.exclude, name) {
			excluded[name] = true
		}
		return excluded[name]
	}
	maps.DeleteFunc(l.live, func(name ssmbak.Name, _ timeline.Ref) bool { return out(name) })
	maps.DeleteFunc(l.indexes, func(name ssmbak.Name, _ string) bool { return out(name) })
	run.report.Excluded = len(excluded)
}

// add counts a name as the same, or as one to look at.
func (run *reconcile) add(name ssmbak.Name, l listings) {
	p, proved := run.proofs.Entries[name]
	if proved && run.all && !run.o.Deep && p.ETag == l.indexes[name] && p.Newest == l.live[name] && p.Top.Equal(l.tops[name]) &&
		(run.tagsErr != nil || p.Tags == run.tags[name]) {
		run.same++
		return
	}
	run.todo = append(run.todo, name)
}

// exact adds the parameter that the target may name besides the path.
func (run *reconcile) exact(ctx context.Context, target ssmbak.Target, l listings) error {
	name, possible := target.Name()
	if !possible {
		return nil
	}
	d, err := run.r.live.DescribeOne(ctx, name)
	switch {
	case err == nil:
		l.live[name], l.shown[name] = timeline.Ref{Number: d.Version.Number, Time: d.Version.Time}, d
		return nil
	case !errors.Is(err, paramstore.ErrNotFound):
		return err
	}
	index, err := run.r.archive.Index(ctx, name)
	if err == nil && index.Exists {
		l.indexes[name] = index.ETag()
	}
	return err
}

// allTags returns digests of the tags of all parameters that have any.
func (r *Recorder) allTags(ctx context.Context) (map[ssmbak.Name]string, error) {
	tags := make(map[ssmbak.Name]string)
	for t, err := range r.live.Tagged(ctx) {
		if err != nil {
			return nil, err
		}
		if d := digest(t.Tags); d != "" {
			tags[t.Name] = d
		}
	}
	return tags, nil
}
