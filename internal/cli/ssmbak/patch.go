package ssmbakcli

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/history"
)

// patchedAtOnce is the number of changes that are compared concurrently.
const patchedAtOnce = 64

// patched calls write with each entry in order, after it has compared the states before and
// after the change. It returns the parameters that could not be read. It reads one index,
// with its parts, for each parameter, and two values for each change.
func (a *app) patched(ctx context.Context, s *session, entries iter.Seq[render.LogEntry], write func(render.LogEntry) error) ([]archive.Problem, error) {
	rec, err := s.archive.Reconciled(ctx)
	if err != nil {
		return nil, err
	}
	p := history.New(s.archive, rec, nil)
	var batch []render.LogEntry
	compare := func() error {
		g, gctx := errgroup.WithContext(ctx)
		for i := range batch {
			g.Go(func() error { return p.Patch(gctx, &batch[i]) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for _, e := range batch {
			if err := write(e); err != nil {
				return err
			}
		}
		batch = nil
		return nil
	}
	for e := range entries {
		if batch = append(batch, e); len(batch) < patchedAtOnce {
			continue
		}
		if err := compare(); err != nil {
			return nil, err
		}
	}
	if err := compare(); err != nil {
		return nil, err
	}
	return p.Problems(), nil
}
