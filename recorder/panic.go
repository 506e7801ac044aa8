package recorder

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
)

// PanicError means that recording one parameter panicked. Other parameters are not
// affected. It does not contain the value of the panic, which may hold part of a
// parameter's value, unless that is an error of the Go runtime.
type PanicError struct {
	Name  ssmbak.Name
	Cause string
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("recording %s panicked: %s", e.Name, e.Cause)
}

// recovered turns a panic into an error of the parameter whose sync it ended, and logs
// its stack. It must be deferred.
func (r *Recorder) recovered(ctx context.Context, name ssmbak.Name, err *error) {
	value := recover()
	if value == nil {
		return
	}
	cause := fmt.Sprintf("a value of type %T", value)
	if known, ok := value.(runtime.Error); ok {
		cause = known.Error()
	}
	r.log.ErrorContext(ctx, "panic", "name", string(name), "cause", cause, "stack", string(debug.Stack()))
	*err = &PanicError{Name: name, Cause: cause}
}

// group is an [errgroup.Group] for one parameter, in which a panic is an error.
type group struct {
	*errgroup.Group
	r    *Recorder
	name ssmbak.Name
}

// group returns a group, and a context that is canceled by its first error.
func (r *Recorder) group(ctx context.Context, name ssmbak.Name) (group, context.Context) {
	g, gctx := errgroup.WithContext(ctx)
	return group{g, r, name}, gctx
}

// Go calls f with ctx in a goroutine.
func (g group) Go(ctx context.Context, f func(ctx context.Context) error) {
	g.Group.Go(func() (err error) {
		defer g.r.recovered(ctx, g.name, &err)
		return f(ctx)
	})
}
