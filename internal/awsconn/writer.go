package awsconn

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/middleware"
)

// WriteOptions tune the client that writes. The zero value works.
type WriteOptions struct {
	// MaxRate bounds the requests per second of all operations together, those
	// that are tried again included, so that others can use the rest of the
	// account's rate. 0 is no bound.
	MaxRate float64
}

// Writer returns a client for the calls that change Parameter Store, many of
// them at once. It finds the rate that the account allows for each operation
// and uses all of it. A call that is throttled is tried until it is served or
// its ctx ends, so none fails for throttling; every other error is tried as
// often as [Options.MaxAttempts] says.
//
// Each client finds the rates, and keeps to MaxRate, for itself.
func (c *Conn) Writer(o WriteOptions) *ssm.Client {
	w := &writer{paces: make(map[string]*pace)}
	if o.MaxRate > 0 {
		w.bound = &slots{turn: make(chan struct{}, 1), rate: o.MaxRate}
	}
	standard := retry.NewStandard(c.options.standard, func(s *retry.StandardOptions) {
		w.tries = s.MaxAttempts
		others := s.Backoff
		if others == nil {
			others = retry.NewExponentialJitterBackoff(s.MaxBackoff)
		}
		s.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			if throttled(err) {
				return 0, nil // the pace is the wait
			}
			return others.BackoffDelay(attempt, err)
		})
	})
	if n := c.config.RetryMaxAttempts; n > 0 {
		w.tries = n // AWS_MAX_ATTEMPTS counts for the other clients too
	}
	w.retryable = standard.IsErrorRetryable
	return ssm.NewFromConfig(c.config, func(s *ssm.Options) {
		// The tries are counted by attempts, which tells throttling from other
		// errors, as the bound of the SDK does not.
		s.RetryMaxAttempts = 0
		s.Retryer = retry.AddWithMaxAttempts(standard, 0)
		s.APIOptions = append(s.APIOptions, w.attempts)
	})
}

// writer is what the calls of one client share.
type writer struct {
	bound     *slots // of all operations together; nil if there is none
	tries     int    // of errors other than throttling
	retryable func(error) bool

	mu    sync.Mutex
	paces map[string]*pace // by operation
}

func (w *writer) pace(op string) *pace {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.paces[op]
	if p == nil {
		p = newPace()
		w.paces[op] = p
	}
	return p
}

// attempts puts a step around each attempt of a call: right after the SDK's
// retries, before the signature, which must not grow old while it waits.
//
// It is no [aws.RetryerV2], which is made for this, because that one is not told
// of the attempts after the first where AWS_NEW_RETRIES_2026 is set.
func (w *writer) attempts(stack *middleware.Stack) error {
	failures := 0 // of this call; its attempts come one after the other
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("ssmbak:Pace", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (out middleware.FinalizeOutput, metadata middleware.Metadata, err error) {
		p := w.pace(awsmiddleware.GetOperationName(ctx))
		held, err := p.take(ctx)
		if err == nil && w.bound != nil {
			_, err = w.bound.take(ctx)
		}
		if err != nil {
			return out, metadata, &aws.RequestCanceledError{Err: err}
		}
		sent := time.Now()
		out, metadata, err = next.HandleFinalize(ctx, in)
		p.answered(sent, held, throttled(err))
		if err != nil && !throttled(err) {
			if failures++; failures >= w.tries && w.retryable(err) {
				err = &spentError{&retry.MaxAttemptsError{Attempt: failures, Err: err}}
			}
		}
		return out, metadata, err
	}), (*retry.Attempt)(nil).ID(), middleware.After)
}

func throttled(err error) bool {
	return err != nil && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// spentError ends the tries of a call: the SDK asks an error for this method.
type spentError struct{ *retry.MaxAttemptsError }

func (*spentError) RetryableError() bool { return false }
