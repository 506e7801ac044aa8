package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
)

// syncAll syncs names until run.stop, in rounds after which the work is saved.
func (run *reconcile) syncAll(ctx context.Context, names []ssmbak.Name) error {
	for len(names) > 0 && ctx.Err() == nil && (run.stop.IsZero() || time.Now().Before(run.stop)) {
		before := run.fresh
		run.fresh = nil
		n := run.syncRound(ctx, names[:min(round, len(names))])
		names, run.tried = names[n:], run.tried+n
		save := run.isWorthSaving()
		run.updateCache(ctx, before, save)
		if save || run.ended != nil {
			run.save(ctx)
		}
		if run.ended != nil {
			return run.ended
		}
	}
	before := run.fresh
	run.fresh = nil
	run.updateCache(ctx, before, true)
	run.save(ctx)
	return nil
}

// isWorthSaving reports whether enough was done since the cache and the progress were saved.
func (run *reconcile) isWorthSaving() bool {
	entries := len(run.proofs.Entries) + len(run.listing.Todo) + len(run.listing.Found)
	return time.Since(run.saved) >= saveEvery && run.tried*saveShare >= entries
}

// syncRound syncs names concurrently and returns the number of those that it began, for
// about saveEvery. run.stop cancels syncs in progress, to leave time for saving. Credentials
// that end cancel them, too, since every further request would fail, and set run.ended.
func (run *reconcile) syncRound(ctx context.Context, names []ssmbak.Name) (n int) {
	ctx, cancel := run.limited(ctx)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(run.r.o.Parallel)
	for began := time.Now(); n < len(names) && time.Since(began) < saveEvery && ctx.Err() == nil; n++ {
		name := names[n]
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			o, err := run.syncOne(ctx, name)
			missed := false
			if errors.Is(err, paramstore.ErrCredentials) {
				run.mu.Lock()
				defer run.mu.Unlock()
				run.ended = err
				cancel()
				return nil
			}
			if err != nil && !run.o.DryRun && ctx.Err() == nil {
				missed = run.recordFailed(ctx, name, err)
			}
			if err != nil && ctx.Err() != nil {
				return nil
			}
			run.mu.Lock()
			defer run.mu.Unlock()
			run.attempted(name, o, err, missed)
			run.report.count(name, o, err)
			if err == nil && run.all && !run.o.DryRun && !o.cached {
				run.fresh = append(run.fresh, synced{name, time.Now(), o})
			}
			run.progress()
			return nil
		})
	}
	_ = g.Wait() // failures are in the report
	return n
}

// recordFailed records what listings prove of a parameter that could not be synced, and
// reports whether it was live without the archive having its version.
func (run *reconcile) recordFailed(ctx context.Context, name ssmbak.Name, cause error) (missed bool) {
	if d, live := run.listed[name]; live {
		return !run.r.recordFailed(ctx, name, &d, run.began, cause)
	}
	run.r.recordFailed(ctx, name, nil, run.began, cause)
	return false
}

func (run *reconcile) progress() {
	if run.o.Progress != nil {
		run.o.Progress(run.report.Checked, run.same+len(run.todo))
	}
}

// readsValues reports whether the recorded values are read. Everything has too many.
func (run *reconcile) readsValues() bool { return run.o.Deep && !run.all }

// syncOne syncs one parameter. In a dry run it only determines what a sync would
// record.
func (run *reconcile) syncOne(ctx context.Context, name ssmbak.Name) (outcome, error) {
	if !run.o.DryRun {
		// A reconcile of everything checks current objects later, in updateCache.
		s := syncRequest{retry: true, check: !run.all, deep: run.readsValues(), recordAbsent: true}
		if d, live := run.listed[name]; live {
			s.listed, s.began = &d, run.began
		}
		if err := run.unrestored[name]; err != nil {
			return outcome{}, err
		}
		if index, same := run.r.isUnchanged(ctx, name, run.unchanged[name]); same {
			return outcome{index: index, cached: true}, run.restoreFacts(ctx, name, index)
		}
		o, err := run.r.sync(ctx, name, s)
		if isHidden(err) { // it was hidden after the listing, or is the target itself
			if err = run.restore(ctx, name); err == nil {
				o, err = run.r.sync(ctx, name, s)
			}
		}
		if err == nil {
			err = run.restoreFacts(ctx, name, o.index)
		}
		return o, err
	}
	index, err := run.r.archive.Index(ctx, name)
	if isHidden(err) {
		return outcome{}, nil // only its index can be restored, not compared
	}
	if err != nil {
		return outcome{}, err
	}
	rd, err := run.r.read(ctx, name, readOptions{})
	if err != nil {
		return outcome{}, fmt.Errorf("read %s: %w", name, err)
	}
	t := run.r.timeline(name, index.Facts)
	var o outcome
	if rd.gone {
		_, _, absent := t.Newest()
		o.deleted = !absent
		return o, nil
	}
	for _, v := range rd.versions {
		known, ok := index.Facts.Version(refOf(v))
		switch {
		case !ok:
			o.recorded++
		case len(known.Objects) == 0:
			o.unreadable++
		case run.readsValues():
			damaged, err := run.r.archive.IsDamaged(ctx, name, known.Version, known.Objects)
			if err != nil {
				return outcome{}, err
			}
			o.wrote = o.wrote || damaged
		}
	}
	if rd, err = run.r.confirmLabels(ctx, t, name, rd); err != nil {
		return outcome{}, err
	}
	news, _ := rd.attributes(t)
	o.wrote = o.wrote || o.recorded > 0 || !news.Empty()
	return o, nil
}
