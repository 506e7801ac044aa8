package bench

import (
	"testing"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// TestDepth counts requests that follow each other, and such that do not.
func TestDepth(t *testing.T) {
	t.Parallel()
	Run(t, Options{}, func(b *Bed) {
		read := func() {
			_, err := b.Archive.At(b.Context(), testworld.Target(b, "/app/none", false), ssmbak.TimeOf(time.Now()), archive.NoValues)
			b.Must(err)
		}
		one := b.Measure(read)
		if one.Requests == 0 || one.Depth == 0 || one.Took != time.Duration(one.Depth)*Latency {
			t.Errorf("one read: %d requests, depth %d in %v", one.Requests, one.Depth, one.Took)
		}
		two := b.Measure(func() { read(); read() })
		if two.Requests != 2*one.Requests || two.Depth != 2*one.Depth {
			t.Errorf("two reads in turn: %d requests, depth %d, want twice those of %+v", two.Requests, two.Depth, one)
		}
		atOnce := b.Measure(func() {
			done := make(chan struct{})
			go func() { defer close(done); read() }()
			read()
			<-done
		})
		if atOnce.Requests != 2*one.Requests || atOnce.Depth != one.Depth {
			t.Errorf("two reads at once: %d requests, depth %d, want twice the requests of %+v", atOnce.Requests, atOnce.Depth, one)
		}
	})
}
