package paramstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/middleware"

	"github.com/ssmbak/ssmbak/internal/awsclock"
)

// paced returns a client like the given one that finds the rate that the account
// allows for each operation, and keeps to it. A throttled call is retried until it
// succeeds or its ctx ends. TooManyUpdates is retried for [BusyPatience], and any
// other error as the given client would retry it. If the given client does not
// retry at all, throttled calls are not retried either.
//
// maxRate limits the requests per second of all operations together, including
// retries; 0 means unlimited. Clients do not share rates. waiting is
// [Options.Waiting]. Each response is compared with clock.
func paced(client *ssm.Client, maxRate float64, waiting func(parameter, message string), clock *awsclock.Clock) *ssm.Client {
	options := client.Options()
	p := &pacer{
		paces: make(map[string]*pace), inner: options.Retryer, tries: options.Retryer.MaxAttempts(),
		busy: busy{waiting: waiting, spells: make(map[string]spell)}, clock: clock,
	}
	if maxRate > 0 {
		p.bound = &slots{turn: make(chan struct{}, 1), rate: maxRate}
	}
	return ssm.New(options, func(o *ssm.Options) {
		// attempts counts retries itself, because the SDK's limit does not
		// distinguish throttling from other errors.
		o.RetryMaxAttempts = 0
		o.Retryer = p
		o.APIOptions = append(o.APIOptions, p.attempts)
	})
}

// pacer is the state shared by all calls of a client, and the client's retryer.
type pacer struct {
	bound *slots // for all operations together; nil means unlimited
	inner aws.Retryer
	tries int // for errors other than throttling; 0 means unlimited
	busy  busy
	clock *awsclock.Clock

	mu    sync.Mutex
	paces map[string]*pace // by operation
}

func (p *pacer) pace(op string) *pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.paces[op]
	if c == nil {
		c = newPace()
		p.paces[op] = c
	}
	return c
}

// attempts adds middleware that runs for each attempt of a call: after the SDK's
// retry step, and before the request is signed, so that the signature does not
// expire while the attempt waits.
//
// The attempt tokens of [aws.RetryerV2] are meant for this, but if
// AWS_NEW_RETRIES_2026 is set, the SDK requests them for the first attempt only.
func (p *pacer) attempts(stack *middleware.Stack) error {
	// The state of one call, whose attempts are sequential.
	failures, reached := 0, false
	parameter, said := "", false
	err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ssmbak:Parameter", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		parameter = parameterOf(in.Parameters)
		return next.HandleInitialize(ctx, in)
	}), middleware.After)
	if err != nil {
		return err
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("ssmbak:Pace", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (out middleware.FinalizeOutput, metadata middleware.Metadata, err error) {
		c := p.pace(awsmiddleware.GetOperationName(ctx))
		held, err := c.take(ctx)
		if err == nil && p.bound != nil {
			_, err = p.bound.take(ctx)
		}
		if err != nil {
			return out, metadata, &aws.RequestCanceledError{Err: err}
		}
		// No check after an attempt that may have taken effect: it would see it.
		if check, ok := ctx.Value(checkKey{}).(func(context.Context) error); ok && check != nil && !reached {
			if err := check(BeforeSending(ctx, nil)); err != nil {
				return out, metadata, &NotSentError{err}
			}
		}
		sent := time.Now()
		out, metadata, err = next.HandleFinalize(ctx, in)
		p.clock.Note(metadata)
		c.answered(sent, held, throttled(err))
		reached = reached || !throttled(err)
		message, busy := busyWith(err)
		if parameter != "" && !busy {
			p.busy.over(parameter)
		}
		switch {
		case err == nil || throttled(err):
		case busy:
			failures++
			waited := p.busy.since(parameter)
			if waited >= busyUnsaid && waited < BusyPatience && !said {
				said = true
				p.busy.say(parameter, message)
			}
			if waited >= BusyPatience {
				err = &spentError{&retry.MaxAttemptsError{Attempt: failures, Err: err}}
			}
		default:
			if failures++; p.tries > 0 && failures >= p.tries && p.inner.IsErrorRetryable(err) {
				err = &spentError{&retry.MaxAttemptsError{Attempt: failures, Err: err}}
			}
		}
		return out, metadata, err
	}), (*retry.Attempt)(nil).ID(), middleware.After)
}

type checkKey struct{}

// BeforeSending returns a context in which each call runs check right before its
// request is sent, after waiting for its turn. If check fails, the call returns a
// [*NotSentError]. A throttled request is checked again before it is retried. A
// request that may have taken effect, because its response was lost, is not. The
// context passed to check does not check its calls.
func BeforeSending(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, checkKey{}, check)
}

// NotSentError means that a request had no effect because the check of
// [BeforeSending] failed: it was never sent, or every attempt was throttled.
type NotSentError struct{ Err error }

func (e *NotSentError) Error() string { return "not sent: " + e.Err.Error() }

// Unwrap returns the error of the check.
func (e *NotSentError) Unwrap() error { return e.Err }

// spentError ends the retries of a call.
type spentError struct{ *retry.MaxAttemptsError }

func throttled(err error) bool {
	var unsent *NotSentError
	return err != nil && !errors.As(err, &unsent) && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// IsErrorRetryable implements [aws.Retryer].
func (p *pacer) IsErrorRetryable(err error) bool {
	var spent *spentError
	var unsent *NotSentError
	_, busy := busyWith(err)
	return !errors.As(err, &spent) && !errors.As(err, &unsent) && p.tries != 1 && (throttled(err) || busy || p.inner.IsErrorRetryable(err))
}

// MaxAttempts returns 0, unlimited: attempts counts for itself.
func (p *pacer) MaxAttempts() int { return 0 }

// RetryDelay returns 0 after throttling, because the pace delays the next attempt.
func (p *pacer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if throttled(err) {
		return 0, nil
	}
	return p.inner.RetryDelay(attempt, err)
}

// GetRetryToken does not charge throttling to the SDK's retry quota.
func (p *pacer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if throttled(err) {
		return release, nil
	}
	return p.inner.GetRetryToken(ctx, err)
}

// GetInitialToken returns a token without waiting, bypassing the rate limit of the
// SDK's adaptive mode, which is shared by all operations.
func (p *pacer) GetInitialToken() func(error) error { return release }

// GetAttemptToken returns a token without waiting, as [pacer.GetInitialToken] does.
func (p *pacer) GetAttemptToken(context.Context) (func(error) error, error) { return release, nil }

func release(error) error { return nil }

var _ aws.RetryerV2 = (*pacer)(nil)
