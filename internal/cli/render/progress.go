package render

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Progress shows the progress of work. It is safe for concurrent use.
type Progress interface {
	// Start sets the time from which rate and remaining time are measured. By default
	// it is the creation of the Progress.
	Start()
	Set(done, total int)
	// Write writes lines above the bar, or to the terminal if there is no bar.
	io.Writer
	// Close removes the bar. It may be called more than once.
	Close()
}

// patience is the duration of work before a bar appears.
const patience = time.Second

// NewProgress returns a Progress that shows a bar on a terminal for work that takes
// more than a second, and shows nothing if w is not a terminal. The bar remains until
// Close is called, even while interrupted work completes.
func NewProgress(w io.Writer, terminal bool, what string) Progress {
	if !terminal {
		return silent{w}
	}
	return &bar{w: w, what: what, began: time.Now()}
}

type silent struct{ io.Writer }

func (silent) Start()       {}
func (silent) Set(int, int) {}
func (silent) Close()       {}

// bar is a line with count, rate and remaining time.
type bar struct {
	w    io.Writer
	what string

	mu     sync.Mutex
	began  time.Time
	pool   *mpb.Progress
	bar    *mpb.Bar
	closed bool
}

func (b *bar) Start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began = time.Now()
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
		// No context: adding a bar to a pool whose context has ended panics.
		b.pool = mpb.New(mpb.WithOutput(b.w), mpb.WithAutoRefresh())
		b.bar = b.pool.AddBar(int64(total), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(b.what+" "), decor.CountersNoUnit("%d of %d")),
			mpb.AppendDecorators(decor.AverageSpeed(0, "%.0f/s ", decor.WCSyncSpace), decor.AverageETA(decor.ET_STYLE_GO)),
		)
		b.bar.DecoratorAverageAdjust(b.began)
	}
	b.bar.SetTotal(int64(total), false)
	b.bar.SetCurrent(int64(done))
}

func (b *bar) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil || b.closed {
		return b.w.Write(p)
	}
	return b.pool.Write(p)
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
