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

// prove looks what lies on top of the keys of parameters that were just synced,
// mends it, and notes what is proved by that, so that the next reconcile need
// not look at them again. A run that is stopped still writes down what it
// proved; one that cannot write it down has only lost time.
func (run *reconcile) prove(ctx context.Context, fresh []synced, last bool) error {
	if run.o.DryRun || !run.all {
		return nil
	}
	if len(fresh) > 0 {
		youngest := slices.MaxFunc(fresh, func(a, b synced) int { return a.at.Compare(b.at) })
		wait(ctx, time.Until(youngest.at.Add(quiet)))
	}
	var g errgroup.Group
	g.SetLimit(run.r.o.Parallel)
	for _, s := range fresh {
		g.Go(func() error {
			p, ok, err := run.r.proofOf(ctx, s, time.Now())
			if err != nil && ctx.Err() == nil {
				run.mu.Lock()
				defer run.mu.Unlock()
				run.report.Failed = append(run.report.Failed, Failed{s.name, err})
			}
			// Where the tagging API says something else than what is recorded, one
			// of them is behind.
			if !ok || run.tagsErr == nil && p.Tags != run.tags[s.name] {
				return nil
			}
			run.mu.Lock()
			defer run.mu.Unlock()
			run.proofs.Entries[s.name] = p
			return nil
		})
	}
	_ = g.Wait() // failures stand in the report
	if len(run.todo) == 0 || !last && time.Since(run.saved) < saveEvery {
		return nil
	}
	run.saved = time.Now()
	save, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserve)
	defer cancel()
	var err error
	if run.proofs, err = run.r.archive.SaveCache(save, run.proofs); err != nil {
		run.r.log.WarnContext(ctx, "what was proved could not be written down: the next reconcile proves it again", "error", err.Error())
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// proofOf returns what is proved of a parameter that was synced a while ago, and
// whether anything is: its index says how it is now, all of it, and what is
// current under its key follows from that. What lies there is mended if it
// does not; then the next reconcile proves it.
func (r *Recorder) proofOf(ctx context.Context, s synced, now time.Time) (p archive.CacheEntry, ok bool, err error) {
	t := r.timeline(s.name, s.index.Facts)
	newest, present, absent := t.Newest()
	if !s.index.Exists || s.unreadable > 0 || s.index.ETag() == "" || !present && !absent {
		return p, false, nil
	}
	top, err := r.archive.Current(ctx, s.name)
	if err != nil {
		return p, false, err
	}
	p.ETag = s.index.ETag()
	if absent {
		if top.ID == "" || top.Marker {
			return p, true, nil
		}
		_, err := r.sync(ctx, s.name, sight{check: true})
		return p, false, err
	}
	if !slices.ContainsFunc(newest.Objects, func(o timeline.ObjectRef) bool { return o.ID == top.ID }) {
		_, err := r.sync(ctx, s.name, sight{check: true})
		return p, false, err
	}
	state, _ := t.At(ssmbak.TimeOf(now))
	p.Newest, p.Top, p.Tags = newest.Ref(), top.Modified, digest(state.Tags.V)
	return p, state.Tags.IsProved() && state.Labels.IsProved(), nil
}

// digest stands for tags in a proof, "" for none.
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
