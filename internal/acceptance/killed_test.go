//go:build aws

package acceptance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

// dying is the HTTP client of a process that is killed after request k took effect.
type dying struct {
	next aws.HTTPClient
	k    int64
	kill context.CancelFunc
	n    atomic.Int64
}

func (d *dying) Do(r *http.Request) (*http.Response, error) {
	n := d.n.Add(1)
	if n < d.k {
		return d.next.Do(r)
	}
	if n == d.k {
		if response, err := d.next.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		d.kill()
	}
	return nil, errors.New("killed")
}

// TestKilled kills the run of each fact after each of its requests, and checks that the next
// run removes what is left.
func TestKilled(t *testing.T) {
	t.Parallel()
	emulationsOnly(t)
	for _, f := range facts() {
		if f.lacks[onEmulator] != "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			step := int64(1)
			switch {
			case f.alone: // thousands of equal requests
				step = 997
			case f.stack && !extent.Long(): // hundreds
				step = 7
			}
			for k, last := int64(1), false; !last; k += step {
				synctest.Test(t, func(t *testing.T) { last = killed(t, &f, k) })
			}
		})
	}
}

// killed kills the run after request k, and reports whether it has fewer requests.
func killed(t *testing.T, f *fact, k int64) (last bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	e := newEmulated(ctx, t, f, unlimited)
	dead, kill := context.WithCancel(ctx)
	defer kill()
	d := &dying{next: e.aws.Client(), k: k, kill: kill}
	if p, err := e.place(dead, d); err == nil {
		_, _ = p.settle(dead, f) // it is killed
		_ = p.remove(dead)       // also within the removal
	}
	next, err := e.place(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.remove(ctx); err != nil {
		t.Errorf("killed after request %d: %v", k, err)
	}
	if left := e.leftovers(ctx, t); len(left) > 0 {
		t.Errorf("killed after request %d, and not removed: %q", k, left)
	}
	return d.n.Load() < k
}
