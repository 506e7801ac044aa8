package recorder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// updateCache checks the current object of each parameter that was just synced,
// fixes it if necessary, and adds unchanged parameters to the reconcile cache, so
// that the next reconcile need not read them, and saves it if save is true. An interrupted
// run still saves the cache. A failure to save it costs the next reconcile time and nothing
// else.
func (run *reconcile) updateCache(ctx context.Context, fresh []synced, save bool) {
	if run.o.DryRun || !run.all {
		return
	}
	if len(fresh) > 0 {
		youngest := slices.MaxFunc(fresh, func(a, b synced) int { return a.at.Compare(b.at) })
		wait(ctx, time.Until(youngest.at.Add(quiet)))
	}
	var g errgroup.Group
	g.SetLimit(run.r.o.Parallel)
	for _, s := range fresh {
		g.Go(func() error {
			p, wrote, err := run.r.cacheEntry(ctx, s, time.Now())
			run.mu.Lock()
			defer run.mu.Unlock()
			if wrote && !s.wrote {
				run.report.Recorded = append(run.report.Recorded, s.name)
			}
			if err != nil && ctx.Err() == nil {
				run.report.Failed = append(run.report.Failed, Failed{s.name, err})
				run.attempted(s.name, s.outcome, err, false)
			}
			// If the Tagging API disagrees with the archive, one of them is stale.
			if p == nil || run.tags != nil && p.Tags != run.tags[s.name] {
				return nil
			}
			if s.unreadable == 0 {
				run.proofs.Entries[s.name] = *p
			} else if found, known := run.listing.Found[s.name]; known {
				found.Entry = p
				run.listing.Found[s.name] = found
			}
			return nil
		})
	}
	_ = g.Wait() // failures are in the report
	if save && len(run.todo)+len(run.again) > 0 {
		run.saveCache(ctx)
	}
}

// saveCache saves the reconcile cache, also of an interrupted run.
func (run *reconcile) saveCache(ctx context.Context) {
	run.saved, run.tried = time.Now(), 0
	save, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserve)
	defer cancel()
	var err error
	if run.proofs, err = run.r.archive.SaveCache(save, run.proofs); err != nil {
		run.r.log.WarnContext(ctx, "cannot save the reconcile cache: the next reconcile reads these parameters again", "error", err.Error())
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// cacheEntry returns the cache entry of a parameter that was synced at least quiet
// ago, or nil if it may not be cached: its index must describe the live state
// completely except for unavailable values, and the key's current object must match the
// index. If the object does
// not match, cacheEntry fixes it and leaves caching to the next reconcile. wrote reports
// whether that wrote the live value again.
func (r *Recorder) cacheEntry(ctx context.Context, s synced, now time.Time) (p *archive.CacheEntry, wrote bool, err error) {
	t := r.timeline(s.name, s.index.Facts)
	newest, present, absent := t.Newest()
	if !s.index.Exists || s.index.ETag() == "" || !present && !absent {
		return nil, false, nil
	}
	top, err := r.archive.Current(ctx, s.name)
	if err != nil {
		return nil, false, err
	}
	p = &archive.CacheEntry{ETag: s.index.ETag(), ID: s.index.ObjectVersion()}
	if absent && (top.ID == "" || top.Marker) {
		return p, false, nil
	}
	if absent || len(newest.Objects) > 0 && !slices.ContainsFunc(newest.Objects, func(o timeline.ObjectRef) bool { return o.ID == top.ID }) {
		o, err := r.sync(ctx, s.name, syncRequest{check: true})
		return nil, o.wrote && o.present, err
	}
	state, _ := t.At(ssmbak.TimeOf(now))
	p.Newest, p.Tags = newest.Ref(), digest(state.Tags.V)
	if !top.Marker { // listings of current values contain no markers
		p.Top = top.Modified
	}
	last, _ := t.At(ssmbak.MaxTime - 1)
	p.Unlabelled = last.Tags.IsProved() && last.Labels.IsProved() && len(last.Labels.V) == 0
	if !state.Tags.IsProved() || !state.Labels.IsProved() {
		return nil, false, nil
	}
	return p, false, nil
}

// digest returns a hash of tags, or "" if there are none.
func digest(tags map[string]string) string {
	if len(tags) == 0 {
		return ""
	}
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		fmt.Fprintf(h, "%d:%s=%d:%s,", len(key), key, len(tags[key]), tags[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
