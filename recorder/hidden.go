package recorder

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/pattern"
)

// listHidden adds to the listings the register of names and, as long as that is not
// complete, the indexes that have a delete marker.
func (run *reconcile) listHidden(ctx context.Context, target ssmbak.Target, l *listings, last archive.Reconciled) error {
	for e, err := range run.r.archive.Register(ctx, target) {
		if err != nil {
			return err
		}
		l.entries[e.Name] = e.Hidden
	}
	if !last.Names.IsZero() {
		return nil
	}
	for name, err := range run.r.archive.HiddenIndexes(ctx, target) {
		if err != nil {
			return err
		}
		l.hidden = append(l.hidden, name)
	}
	return nil
}

// restoreHidden restores the indexes of the names that are in the register, or under a
// delete marker, but in no listing of indexes, and completes the register. It adds the
// names to the listing of indexes, so that they are synced. Excluded names are restored
// too.
func (run *reconcile) restoreHidden(ctx context.Context, l *listings) {
	for name := range l.entries {
		if _, indexed := l.indexes[name]; !indexed {
			l.hidden = append(l.hidden, name)
		}
	}
	slices.Sort(l.hidden)
	l.hidden = slices.Compact(l.hidden)
	run.unrestored = make(map[ssmbak.Name]error)
	run.each(ctx, l.hidden, func(ctx context.Context, name ssmbak.Name) {
		if err := run.restore(ctx, name); err != nil {
			run.mu.Lock()
			defer run.mu.Unlock()
			run.unrestored[name] = err
			if pattern.Any(run.exclude, name) { // it is not synced
				run.report.Failed = append(run.report.Failed, Failed{name, err})
			}
		}
	})
	for _, name := range l.hidden {
		if _, indexed := l.indexes[name]; !indexed {
			l.indexes[name] = ""
		}
	}
	run.register(ctx, l)
}

// restore restores a hidden index. In a dry run it only determines whether it is hidden.
func (run *reconcile) restore(ctx context.Context, name ssmbak.Name) error {
	var restored bool
	var err error
	if run.o.DryRun {
		_, err = run.r.archive.Index(ctx, name)
		if restored = isHidden(err); restored {
			err = nil
		}
	} else {
		restored, err = run.r.archive.RestoreIndex(ctx, name)
	}
	if !restored {
		return err
	}
	run.r.log.WarnContext(ctx, "restored a hidden index", "name", string(name), "dry_run", run.o.DryRun)
	run.mu.Lock()
	defer run.mu.Unlock()
	run.report.Restored = append(run.report.Restored, name)
	return nil
}

// isHidden reports whether err says that an index has a delete marker.
func isHidden(err error) bool {
	var missing *archive.MissingIndexError
	return errors.As(err, &missing) && missing.Hidden
}

// register writes the entries that the register lacks or has under a delete marker. An
// entry that could not be written is in the report, and only means that the register is not
// complete. If time runs out, the next reconcile continues.
func (run *reconcile) register(ctx context.Context, l *listings) {
	var names []ssmbak.Name
	for name, etag := range l.indexes {
		// A name without an index is registered before its index is written.
		hidden, registered := l.entries[name]
		if (!registered || hidden) && (etag != "" || l.isHidden(name)) {
			names = append(names, name)
		}
	}
	if run.o.DryRun {
		return
	}
	slices.Sort(names)
	done := 0
	run.each(ctx, names, func(ctx context.Context, name ssmbak.Name) {
		wrote, err := run.r.archive.RegisterName(ctx, name)
		run.mu.Lock()
		defer run.mu.Unlock()
		if err == nil {
			done++
		}
		switch {
		case err != nil && ctx.Err() != nil:
		case err != nil:
			run.report.Unregistered = append(run.report.Unregistered, Failed{name, err})
			run.r.log.WarnContext(ctx, "cannot register the name: readers do not find it if its index is hidden", "name", string(name), "error", err.Error())
		case wrote && l.entries[name]:
			run.report.Reregistered = append(run.report.Reregistered, name)
			run.r.log.WarnContext(ctx, "restored a hidden entry of the register", "name", string(name))
		case wrote:
			run.report.Registered++
		}
	})
	run.registered = done == len(names)
}

// isHidden reports whether a name is among the sorted hidden ones.
func (l *listings) isHidden(name ssmbak.Name) bool {
	_, found := slices.BinarySearch(l.hidden, name)
	return found
}

// each calls f for names concurrently, with a context that ends at run.stop.
func (run *reconcile) each(ctx context.Context, names []ssmbak.Name, f func(context.Context, ssmbak.Name)) {
	ctx, cancel := run.limited(ctx)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(run.r.o.Parallel)
	for _, name := range names {
		g.Go(func() error {
			f(ctx, name)
			return nil
		})
	}
	_ = g.Wait() // failures are in the report
}
