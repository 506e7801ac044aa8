package recorder

import (
	"context"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/timeline"
)

// signExcluded signs the indexes of excluded names, which are not recorded, unless an earlier
// listing did. All others are signed when they are recorded: as long as not all of them are
// signed, no signed reconcile cache says that they are unchanged. If time runs out, the next
// listing signs them.
func (run *reconcile) signExcluded(ctx context.Context, l listings, last archive.Reconciled) {
	if run.o.DryRun || !run.r.archive.Signs() {
		return
	}
	var names []ssmbak.Name
	for name, etag := range l.indexes {
		if last.Signed.IsZero() && etag != "" && pattern.Any(run.exclude, name) {
			names = append(names, name)
		}
	}
	done := 0
	run.each(ctx, names, func(ctx context.Context, name ssmbak.Name) {
		x, err := run.r.archive.Index(ctx, name)
		if err == nil {
			_, err = run.r.archive.Update(ctx, x, func(f timeline.Facts) timeline.Facts { return f })
		}
		run.mu.Lock()
		defer run.mu.Unlock()
		if err == nil {
			done++
			return
		}
		run.r.log.WarnContext(ctx, "the index of an excluded parameter is not signed", "name", string(name), "error", err.Error())
	})
	run.signed = done == len(names)
}
