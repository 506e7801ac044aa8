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

// comparison is the result of comparing the listings of a reconcile.
type comparison struct {
	todo    []ssmbak.Name          // parameters to sync, sorted
	same    int                    // number of unchanged parameters
	tags    map[ssmbak.Name]string // digests of non-empty tags
	tagsErr error                  // why tags are unknown
	proofs  archive.Cache
	exclude []string
	// listed describes the live parameters in todo.
	listed map[ssmbak.Name]paramstore.Description
	// known are the object versions that the cache knows of indexes that were replaced
	// since, and "" for names that are read whatever the cache says.
	known map[ssmbak.Name]string
}

// listings holds one pass over each listing.
type listings struct {
	live     map[ssmbak.Name]timeline.Ref
	shown    map[ssmbak.Name]paramstore.Description // of live
	indexes  map[ssmbak.Name]string                 // ETags
	modified map[ssmbak.Name]time.Time              // of current value objects
}

// compare lists live parameters and the archive concurrently and determines which
// parameters to sync.
func (run *reconcile) compare(ctx context.Context, target ssmbak.Target) error {
	l := listings{
		live: make(map[ssmbak.Name]timeline.Ref), shown: make(map[ssmbak.Name]paramstore.Description),
		indexes: make(map[ssmbak.Name]string), modified: make(map[ssmbak.Name]time.Time),
	}
	run.known = make(map[ssmbak.Name]string)
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
	if run.exclude = run.r.o.Exclude; run.exclude == nil {
		run.exclude = last.Excluded
	}
	run.last = last.Last
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
	slices.Sort(run.todo)
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
	p, proved := run.proofs.Entries[name]
	switch {
	case run.all && run.due(name):
		proved = false
		if l.indexes[name] != "" {
			run.known[name] = ""
		}
	case p.ID != "" && p.ETag != l.indexes[name]:
		run.known[name] = p.ID
	}
	if proved && run.all && !run.o.Deep && p.ETag == l.indexes[name] && p.Newest == l.live[name] && p.Top.Equal(l.modified[name]) &&
		(run.tagsErr != nil || p.Tags == run.tags[name]) {
		run.same++
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
	if err == nil && index.Exists {
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
