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

// Revocable returns a context for the writes of one piece of work that is called
// off when revoke ends, as long as none of it was sent: requests that wait for a
// rate, or to be tried again after they were throttled, end with
// [context.Canceled] and were never sent. Once a write may have had an effect, it
// and all later ones with the context go on until ctx ends.
//
// begun reports whether a write may have had an effect. release frees what the
// context holds; it must be called when the work has ended.
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
	sending int  // requests under way
	begun   bool // a request had an effect, or may have had one
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

// cancelIdle ends revoked work of which nothing is under way and nothing was done.
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

// harmless reports whether a request surely changed nothing: the service answered
// that it refuses it, as it does where it throttles.
func harmless(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusBadRequest && answer.HTTPStatusCode() < http.StatusInternalServerError
}

// revocably is an option of the requests that write: it puts a step around each
// attempt, after all that the attempt may have to wait for.
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
