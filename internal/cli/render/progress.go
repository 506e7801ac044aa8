package render

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Progress shows how far a piece of work has come. Set may be called from many
// goroutines; Close ends the display and may be called more than once.
type Progress interface {
	Set(done, total int)
	Close()
}

// patience is how long work may take before its progress is shown.
const patience = time.Second

// NewProgress returns a Progress that shows a bar on a terminal for work that
// takes more than a second, and nothing where w is no terminal.
func NewProgress(ctx context.Context, w io.Writer, terminal bool, what string) Progress {
	if !terminal {
		return silent{}
	}
	return &bar{ctx: ctx, w: w, what: what, began: time.Now()}
}

type silent struct{}

func (silent) Set(int, int) {}
func (silent) Close()       {}

// bar is a line with count, rate and the time that is left.
type bar struct {
	ctx   context.Context
	w     io.Writer
	what  string
	began time.Time

	mu     sync.Mutex
	pool   *mpb.Progress
	bar    *mpb.Bar
	closed bool
}

func (b *bar) Set(done, total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if b.bar == nil {
		if time.Since(b.began) < patience {
			return
		}
		b.pool = mpb.NewWithContext(b.ctx, mpb.WithOutput(b.w), mpb.WithAutoRefresh())
		b.bar = b.pool.AddBar(int64(total), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(b.what+" "), decor.CountersNoUnit("%d of %d")),
			mpb.AppendDecorators(decor.AverageSpeed(0, "%.0f/s ", decor.WCSyncSpace), decor.AverageETA(decor.ET_STYLE_GO)),
		)
		b.bar.DecoratorAverageAdjust(b.began)
	}
	b.bar.SetTotal(int64(total), false)
	b.bar.SetCurrent(int64(done))
}

func (b *bar) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	if b.bar != nil {
		b.bar.Abort(true)
		b.pool.Wait()
	}
}
