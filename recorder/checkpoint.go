package recorder

import "context"

// checkpoint writes a checkpoint of the archive after a complete listing, if one is due. A
// failure is not one of the reconcile: the next one tries again.
func (run *reconcile) checkpoint(ctx context.Context) {
	if !run.r.o.Checkpoints || !run.report.Complete {
		return
	}
	ctx, cancel := run.limited(ctx)
	defer cancel()
	wrote, err := run.r.archive.Checkpoint(ctx)
	switch {
	case err != nil:
		run.r.log.WarnContext(ctx, "cannot write a checkpoint: the next reconcile tries again", "error", err.Error())
	case wrote:
		run.r.log.InfoContext(ctx, "wrote a checkpoint")
	}
}
