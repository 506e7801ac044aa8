package paramstore

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Revocable returns a context for a sequence of writes that is canceled when revoke
// ends, unless one of the writes may have had an effect. Writes waiting for their
// turn, or for a retry after throttling, then fail with [context.Canceled] and have
// no effect. Once a write may have had an effect, that write and all later ones with
// the context continue until ctx ends.
//
// begun reports whether a write may have had an effect. The caller must call release
// when the work has ended.
func Revocable(ctx, revoke context.Context) (work context.Context, begun func() bool, release func()) {
	r := &revocable{}
	work, r.cancel = context.WithCancel(ctx)
	stop := context.AfterFunc(revoke, r.revoke)
	return context.WithValue(work, revocableKey{}, r), r.hasBegun, func() { stop(); r.cancel() }
}

type revocableKey struct{}

// revocable is the state of one piece of work.
type revocable struct {
	cancel context.CancelFunc

	mu      sync.Mutex
	revoked bool
	sending int  // requests in progress
	begun   bool // a request may have had an effect
}

func (r *revocable) hasBegun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

func (r *revocable) revoke() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revoked = true
	r.cancelIdle()
}

// cancelIdle cancels revoked work if no request is in progress or had an effect.
func (r *revocable) cancelIdle() {
	if r.revoked && r.sending == 0 && !r.begun {
		r.cancel()
	}
}

// send reports whether a request may be sent.
func (r *revocable) send() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.revoked && !r.begun {
		return false
	}
	r.sending++
	return true
}

func (r *revocable) answered(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sending--
	r.begun = r.begun || !harmless(err)
	r.cancelIdle()
}

// harmless reports whether a request certainly had no effect: the service rejected
// it, for instance by throttling.
func harmless(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusBadRequest && answer.HTTPStatusCode() < http.StatusInternalServerError
}

// revocably is a client option for write requests. It adds middleware that runs for
// each attempt, after everything that the attempt may have to wait for.
func revocably(o *ssm.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("ssmbak:Revocable", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (middleware.FinalizeOutput, middleware.Metadata, error) {
			r, _ := ctx.Value(revocableKey{}).(*revocable)
			if r == nil {
				return next.HandleFinalize(ctx, in)
			}
			if !r.send() {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, context.Canceled
			}
			out, metadata, err := next.HandleFinalize(ctx, in)
			r.answered(err)
			return out, metadata, err
		}), middleware.After)
	})
}
