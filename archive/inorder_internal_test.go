package archive

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// numbers yields 0 to n-1, and notes how many it has yielded.
func numbers(n int, yielded *atomic.Int64) func(context.Context) iter.Seq2[int, error] {
	return func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				yielded.Add(1)
				if !yield(i, nil) {
					return
				}
			}
		}
	}
}

// TestInOrder checks that results keep the order of their items, that the first does not
// wait for the others, and that a slow one bounds those that are ahead of it.
func TestInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var yielded atomic.Int64
		began, next := time.Now(), 0
		for i, err := range inOrder(t.Context(), 4, numbers(1000, &yielded), func(_ context.Context, i int) (int, error) {
			time.Sleep(time.Duration(1+i*7%10) * time.Millisecond)
			if i == 500 {
				time.Sleep(time.Hour)
			}
			return i, nil
		}) {
			if err != nil || i != next {
				t.Fatalf("%d, %v, want %d", i, err, next)
			}
			if next++; next == 1 && time.Since(began) > 10*time.Millisecond {
				t.Errorf("the first result comes after %v", time.Since(began))
			}
			if ahead := int(yielded.Load()) - next; ahead > 5*4+2 {
				t.Fatalf("%d items are ahead of the one that is yielded", ahead)
			}
		}
		if next != 1000 {
			t.Errorf("%d results, want 1000", next)
		}
	})
}

// TestInOrderEnds checks that an error, an early end and a canceled context end all workers.
func TestInOrderEnds(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		items, work int // which fails
		stop        int
		cancel      bool
		want        error
	}{
		"an item fails":  {items: 50, work: -1, stop: -1, want: broken},
		"work fails":     {items: -1, work: 50, stop: -1, want: broken},
		"an early end":   {items: -1, work: -1, stop: 50},
		"a canceled run": {items: -1, work: -1, stop: -1, cancel: true, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				items := func(context.Context) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for i := 0; ; i++ {
							if i == test.items {
								yield(0, broken)
								return
							}
							if !yield(i, nil) {
								return
							}
						}
					}
				}
				var last error
				n := 0
				for i, err := range inOrder(ctx, 4, items, func(ctx context.Context, i int) (int, error) {
					if i == test.work {
						return 0, broken
					}
					select {
					case <-time.After(time.Millisecond):
						return i, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				}) {
					if last = err; err == nil && i != n {
						t.Fatalf("%d, want %d", i, n)
					}
					if n++; n == test.stop {
						break
					}
					if test.cancel && n == 50 {
						cancel()
					}
				}
				if !errors.Is(last, test.want) {
					t.Errorf("it ended with %v, want %v", last, test.want)
				}
			})
		})
	}
}
