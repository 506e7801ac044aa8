package awsconn

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// WriteOptions tune the client that writes. The zero value works.
type WriteOptions struct {
	// MaxRate bounds the requests per second of all operations together, those
	// that are tried again included, so that others can use the rest of the
	// account's rate. 0 is no bound.
	MaxRate float64
	// Waiting is called when the writes of a parameter have been refused with
	// TooManyUpdates for two seconds, with what AWS says, "" for nothing: they are
	// tried for [BusyPatience] in all. It is called once for each write that waits,
	// one call at a time; nothing is said if it is nil.
	Waiting func(parameter, message string)
}

// BusyPatience is how long writes of a parameter that are refused with
// TooManyUpdates are tried. There are two kinds: one without a message where
// writes of a parameter meet, which passes at once, and one that lasts, for days
// at times, where a parameter is created after its deletion: "Failed to create
// the parameter since stale tags associated to the name detected".
// https://github.com/airbnb/streamalert/issues/682
// https://github.com/awslabs/aws-orbit-workbench/issues/1170
const BusyPatience = 10 * time.Minute

// busyUnsaid is for how long nothing is said of it.
const busyUnsaid = 2 * time.Second

// Writer returns a client for the calls that change Parameter Store, many of
// them at once. It finds the rate that the account allows for each operation
// and uses all of it. A call that is throttled is tried until it is served or
// its ctx ends, so none fails for throttling; TooManyUpdates is tried for
// [BusyPatience], every other error as often as [Options.MaxAttempts] says.
//
// Each client finds the rates, and keeps to MaxRate, for itself.
func (c *Conn) Writer(o WriteOptions) *ssm.Client {
	w := &writer{paces: make(map[string]*pace), waiting: o.Waiting, busy: make(map[string]spell)}
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

	waiting func(parameter, message string)

	mu    sync.Mutex
	paces map[string]*pace // by operation
	busy  map[string]spell // by parameter
}

// spell is a time in which all writes of a parameter are refused with
// TooManyUpdates.
type spell struct{ first, last time.Time }

// busyFor returns for how long the writes of a parameter have been refused with
// TooManyUpdates, this answer being the latest. What begins after another one
// gave up is tried once.
func (w *writer) busyFor(parameter string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, s := time.Now(), w.busy[parameter]
	if now.Sub(s.last) > BusyPatience {
		s.first = now
	}
	s.last = now
	w.busy[parameter] = s
	return now.Sub(s.first)
}

func (w *writer) notBusy(parameter string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, parameter)
}

// say says that a parameter is waited for.
func (w *writer) say(parameter, message string) {
	if w.waiting == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting(parameter, message)
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
		message, busy := busyWith(err)
		if !busy {
			w.notBusy(parameter)
		}
		switch {
		case err == nil || throttled(err):
		case busy:
			failures++
			waited := w.busyFor(parameter)
			if waited >= busyUnsaid && waited < BusyPatience && !said {
				said = true
				w.say(parameter, message)
			}
			if waited >= BusyPatience {
				err = &spentError{&retry.MaxAttemptsError{Attempt: failures, Err: err}}
			}
		default:
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

// busyWith returns what AWS says with a TooManyUpdates.
func busyWith(err error) (message string, ok bool) {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "TooManyUpdates" {
		return "", false
	}
	return api.ErrorMessage(), true
}

// parameterOf returns the name of the parameter that a call writes, "" if it
// names several.
func parameterOf(input any) string {
	switch in := input.(type) {
	case *ssm.PutParameterInput:
		return aws.ToString(in.Name)
	case *ssm.LabelParameterVersionInput:
		return aws.ToString(in.Name)
	case *ssm.UnlabelParameterVersionInput:
		return aws.ToString(in.Name)
	case *ssm.AddTagsToResourceInput:
		return aws.ToString(in.ResourceId)
	case *ssm.RemoveTagsFromResourceInput:
		return aws.ToString(in.ResourceId)
	}
	return ""
}

// spentError ends the tries of a call: the SDK asks an error for this method.
type spentError struct{ *retry.MaxAttemptsError }

func (*spentError) RetryableError() bool { return false }
