package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// firstAnswer is how long a request waits for work before it is answered with the progress.
	firstAnswer = 500 * time.Millisecond
	// unasked is for how long work continues, and kept for how long its result is kept, if no
	// request asks for it. A page asks twice a second, in a hidden tab once a second.
	unasked = 30 * time.Second
	kept    = 5 * time.Second
)

// work may take longer than an answer may: reading the archive, comparing all of it, or
// making a plan.
type work struct {
	title  string
	cancel context.CancelFunc
	idle   *time.Timer   // ends it if no request asks for it
	ended  chan struct{} // closed when result and err are set
	result any
	err    error

	mu    sync.Mutex // guards what follows
	steps []workStep
}

// workStep is a step of work, and how many parameters have completed it. Total is 0 if it is
// not known.
type workStep struct {
	Text        string
	Done, Total int
}

// add counts n parameters that have completed a step.
func (w *work) add(step, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.steps[step]
	if s.Done += n; s.Total > 0 {
		s.Total = max(s.Total, s.Done)
	}
}

// expect sets of how many parameters a step is.
func (w *work) expect(step, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps[step].Total = max(n, w.steps[step].Done)
}

// progress returns the steps.
func (w *work) progress() []workStep {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.steps)
}

func (w *work) over() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// waitError says that work takes longer than an answer may.
type waitError struct{ *work }

func (e *waitError) Error() string { return e.title + " takes longer" }

// start returns the work with a key, which it starts unless it is in progress, or its result
// was not asked for. Work does not end with the request that started it.
func (s *Server) start(ctx context.Context, key, title string, steps []string, do func(context.Context, *work) (any, error)) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.works[key]; w != nil {
		if !w.over() {
			w.idle.Reset(unasked)
		}
		return w
	}
	w := &work{title: title, ended: make(chan struct{})}
	for _, text := range steps {
		w.steps = append(w.steps, workStep{Text: text})
	}
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.idle = time.AfterFunc(unasked, func() { s.forget(key, w) })
	s.works[key] = w
	go func() {
		w.result, w.err = do(ctx, w)
		w.idle.Reset(kept)
		close(w.ended)
	}()
	return w
}

// forget ends work, so that the next request starts it again.
func (s *Server) forget(key string, w *work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works[key] == w {
		delete(s.works, key)
	}
	w.idle.Stop()
	w.cancel()
}

// await returns the result of work, which is a T, see [Server.start]. If that takes longer than
// an answer may, the error is a [*waitError].
func await[T any](ctx context.Context, s *Server, key, title string, steps []string, do func(context.Context, *work) (T, error)) (result T, err error) {
	timer := time.NewTimer(s.firstAnswer)
	defer timer.Stop()
	for {
		w := s.start(ctx, key, title, steps, func(ctx context.Context, w *work) (any, error) { return do(ctx, w) })
		select {
		case <-w.ended:
			s.forget(key, w)
			if errors.Is(w.err, context.Canceled) {
				continue // it was idle until now
			}
			result, _ = w.result.(T)
			return result, w.err
		case <-timer.C:
			return result, &waitError{w}
		case <-ctx.Done():
			return result, ctx.Err()
		}
	}
}

// composed returns the page of a screen whose contents are read from the archive: they do not
// depend on anything but the address and rec, which may be nil. commands do the same, and are
// also those of its error, for which see [await].
func (s *Server) composed(r *http.Request, rec *records, title string, commands []string, compose func(context.Context) (*page, error)) (*page, error) {
	p, err := await(r.Context(), s, fmt.Sprintf("%s %p", r.URL.RequestURI(), rec), title, nil, func(ctx context.Context, _ *work) (*page, error) {
		p, err := compose(ctx)
		if err == nil {
			p.Commands = commands
		}
		return p, err
	})
	return p, withCommands(err, commands...)
}

// working returns work that is in progress or whose result was not asked for, or nil.
func (s *Server) working(key string) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.works[key]
}
