package archive

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// ahead bounds the results that wait for an earlier one, per worker, so that the memory of
// [inOrder] does not depend on the number of items.
const ahead = 4

// inOrder yields the result of work for each item, in the order of the items. A fixed number
// of workers run concurrently: their stacks grow once, not for each item. Each call of work
// may keep the share of one document, see [bucket.Hold]. An error is the last thing that
// inOrder yields; it ends items and work by their contexts.
func inOrder[S, T any](
	ctx context.Context, workers int, items func(context.Context) iter.Seq2[S, error], work func(context.Context, S) (T, error),
) iter.Seq2[T, error] {
	type job struct {
		item   S
		result chan T
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		g, gctx := errgroup.WithContext(ctx)
		jobs, results := make(chan job), make(chan chan T, ahead*workers)
		worker := func() error {
			for j := range jobs {
				held, release := bucket.Hold(gctx)
				result, err := work(held, j.item)
				release()
				if err != nil {
					return err
				}
				j.result <- result
			}
			return nil
		}
		g.Go(func() error {
			defer close(results)
			defer close(jobs)
			n := 0
			for item, err := range items(gctx) {
				if err != nil {
					return err
				}
				if n++; n <= workers {
					g.Go(worker)
				}
				j := job{item, make(chan T, 1)}
				select {
				case results <- j.result:
				case <-gctx.Done():
					return gctx.Err()
				}
				select {
				case jobs <- j:
				case <-gctx.Done():
					return gctx.Err()
				}
			}
			return nil
		})
		for result := range results {
			select {
			case r := <-result:
				if !yield(r, nil) {
					cancel()
					_ = g.Wait() // of what was canceled
					return
				}
				continue
			case <-gctx.Done():
			}
			break
		}
		if err := g.Wait(); err != nil {
			var none T
			yield(none, err)
		}
	}
}
