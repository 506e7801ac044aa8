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
)

// paced returns a client like the given one that finds the rate that the account
// allows for each operation and keeps to it. A call that is throttled is tried
// until it is served or its ctx ends, so none fails for throttling. TooManyUpdates
// is tried for [BusyPatience], every other error as often, and after such waits, as
// the given client does. One that tries nothing again does not do so after
// throttling either.
//
// maxRate bounds the requests per second of all operations together, those that
// are tried again included; 0 is no bound. Each client finds the rates, and keeps
// to maxRate, for itself. waiting is [Options.Waiting].
func paced(client *ssm.Client, maxRate float64, waiting func(parameter, message string)) *ssm.Client {
	options := client.Options()
	p := &pacer{
		paces: make(map[string]*pace), inner: options.Retryer, tries: options.Retryer.MaxAttempts(),
		busy: busy{waiting: waiting, spells: make(map[string]spell)},
	}
	if maxRate > 0 {
		p.bound = &slots{turn: make(chan struct{}, 1), rate: maxRate}
	}
	return ssm.New(options, func(o *ssm.Options) {
		// The tries are counted by attempts, which tells throttling from other
		// errors, as the bound of the SDK does not.
		o.RetryMaxAttempts = 0
		o.Retryer = p
		o.APIOptions = append(o.APIOptions, p.attempts)
	})
}

// pacer is what the calls of one client share, and its retryer.
type pacer struct {
	bound *slots // of all operations together; nil if there is none
	inner aws.Retryer
	tries int // of errors other than throttling; 0 is no bound
	busy  busy

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

// attempts puts a step around each attempt of a call: right after the SDK's
// retries, before the signature, which must not grow old while it waits.
//
// The attempt tokens of [aws.RetryerV2] are made for this, but that is not told of
// the attempts after the first where AWS_NEW_RETRIES_2026 is set.
func (p *pacer) attempts(stack *middleware.Stack) error {
	// Of this call; its attempts come one after the other.
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
		// After an attempt that may have taken effect, a check would see that.
		if check, ok := ctx.Value(checkKey{}).(func(context.Context) error); ok && check != nil && !reached {
			if err := check(BeforeSending(ctx, nil)); err != nil {
				return out, metadata, &NotSentError{err}
			}
		}
		sent := time.Now()
		out, metadata, err = next.HandleFinalize(ctx, in)
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

// BeforeSending returns a context in which each call calls check right before its
// request is sent, after it has waited for its turn. An error of check ends the
// call with a [*NotSentError]. A request that was throttled is checked again before
// it is sent again; one that may have taken effect, because its answer was lost, is
// not. check gets a context of its own, in which calls are not checked.
func BeforeSending(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, checkKey{}, check)
}

// NotSentError says that a request was not sent, or was throttled each time that
// it was, so that it changed nothing: the check of [BeforeSending] failed.
type NotSentError struct{ Err error }

func (e *NotSentError) Error() string { return "not sent: " + e.Err.Error() }

// Unwrap returns the error of the check.
func (e *NotSentError) Unwrap() error { return e.Err }

// spentError ends the tries of a call.
type spentError struct{ *retry.MaxAttemptsError }

func throttled(err error) bool {
	var unsent *NotSentError
	return err != nil && !errors.As(err, &unsent) && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// IsErrorRetryable reports whether a call is tried again.
func (p *pacer) IsErrorRetryable(err error) bool {
	var spent *spentError
	var unsent *NotSentError
	_, busy := busyWith(err)
	return !errors.As(err, &spent) && !errors.As(err, &unsent) && p.tries != 1 && (throttled(err) || busy || p.inner.IsErrorRetryable(err))
}

// MaxAttempts is no bound: attempts are counted apart.
func (p *pacer) MaxAttempts() int { return 0 }

// RetryDelay is none after throttling, where the pace is the wait.
func (p *pacer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if throttled(err) {
		return 0, nil
	}
	return p.inner.RetryDelay(attempt, err)
}

// GetRetryToken takes nothing from the SDK's budget of retries for throttling.
func (p *pacer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if throttled(err) {
		return release, nil
	}
	return p.inner.GetRetryToken(ctx, err)
}

// GetInitialToken and GetAttemptToken pass by the rate of the SDK's adaptive mode,
// which is one for all operations.
func (p *pacer) GetInitialToken() func(error) error { return release }

// GetAttemptToken: see [pacer.GetInitialToken].
func (p *pacer) GetAttemptToken(context.Context) (func(error) error, error) { return release, nil }

func release(error) error { return nil }

var _ aws.RetryerV2 = (*pacer)(nil)
