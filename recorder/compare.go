package recorder

import (
	"context"
	"errors"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// comparison is the result of comparing the listings of a reconcile.
type comparison struct {
	todo    []ssmbak.Name          // parameters to sync, sorted
	same    int                    // number of unchanged parameters
	again   []ssmbak.Name          // unchanged parameters whose values were unavailable
	tags    map[ssmbak.Name]string // digests of non-empty tags
	tagsErr error                  // why tags are unknown
	proofs  archive.Cache
	exclude []string
	// unchanged are the ETags of the indexes of those in todo that the listings, tags
	// included, show unchanged, so that only a deep reconcile reads them.
	unchanged map[ssmbak.Name]string
	// listed describes the live parameters in todo.
	listed map[ssmbak.Name]paramstore.Description
	// due are the names with an index that are read whatever the cache says.
	due map[ssmbak.Name]bool
	// unrestored are the hidden indexes that could not be restored, and why.
	unrestored map[ssmbak.Name]error
	registered bool // every name that has an index, or had one, is in the register
	signed     bool // every index is signed, once each of todo is recorded
}

// listings holds one pass over each listing.
type listings struct {
	live     map[ssmbak.Name]timeline.Ref
	shown    map[ssmbak.Name]paramstore.Description // of live
	indexes  map[ssmbak.Name]string                 // ETags
	modified map[ssmbak.Name]time.Time              // of current value objects
	entries  map[ssmbak.Name]bool                   // of the register: whether it is hidden
	hidden   []ssmbak.Name                          // known to have had an index, but in no listing of them
}

// compare lists live parameters and the archive concurrently and determines which
// parameters to sync.
func (run *reconcile) compare(ctx context.Context, target ssmbak.Target) error {
	last, err := run.r.archive.Reconciled(ctx)
	if err != nil {
		return err
	}
	l := listings{
		live: make(map[ssmbak.Name]timeline.Ref), shown: make(map[ssmbak.Name]paramstore.Description),
		indexes: make(map[ssmbak.Name]string), modified: make(map[ssmbak.Name]time.Time),
		entries: make(map[ssmbak.Name]bool),
	}
	run.due, run.unchanged = make(map[ssmbak.Name]bool), make(map[ssmbak.Name]string)
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
	g.Go(func() error { return run.listHidden(gctx, target, &l, last) })
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
				l.modified[x.Name] = x.Modified
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
	run.last = last.Last
	run.exclude = run.excluded(last)
	run.restoreHidden(ctx, &l)
	run.signExcluded(ctx, l, last)
	// Parameters that an earlier listing showed but could not record.
	for _, m := range last.Missed {
		if _, indexed := l.indexes[m.Name]; !indexed && target.Below(m.Name) {
			l.indexes[m.Name] = ""
		}
	}
	run.dropExcluded(l)
	if err := run.addExact(ctx, target, l); err != nil {
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
	run.leastRecent(run.todo)
	run.listed = make(map[ssmbak.Name]paramstore.Description, min(len(run.todo), len(l.shown)))
	for _, name := range run.todo {
		if d, live := l.shown[name]; live {
			run.listed[name] = d
		}
	}
	return nil
}

// dropExcluded removes excluded names from the listings. It runs before addExact:
// a target that names one parameter overrides the exclusion.
func (run *reconcile) dropExcluded(l listings) {
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

// add counts a parameter as unchanged or adds it to todo.
func (run *reconcile) add(name ssmbak.Name, l listings) {
	due := run.all && run.isDue(name)
	unchanged := func(p archive.CacheEntry) bool {
		return run.all && !due && p.ETag == l.indexes[name] && p.Newest == l.live[name] && p.Top.Equal(l.modified[name]) &&
			(run.tagsErr != nil || p.Tags == run.tags[name])
	}
	if due && l.indexes[name] != "" {
		run.due[name] = true
	}
	if p, proved := run.proofs.Entries[name]; proved && unchanged(p) {
		if !run.o.Deep {
			run.same++
			return
		}
		if run.tagsErr == nil {
			run.unchanged[name] = p.ETag
		}
	}
	if p := run.listing.Found[name].Entry; p != nil && !run.o.Deep && unchanged(*p) {
		run.same++
		run.again = append(run.again, name)
		return
	}
	run.todo = append(run.todo, name)
}

// addExact adds the parameter that has the target's own name, if there is one.
func (run *reconcile) addExact(ctx context.Context, target ssmbak.Target, l listings) error {
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
	switch {
	case isHidden(err): // its sync restores it
		l.indexes[name] = ""
		return nil
	case err == nil && index.Exists:
		l.indexes[name] = index.ETag()
	}
	return err
}

// allTags returns digests of the tags of all tagged parameters.
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
