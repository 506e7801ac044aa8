package shell

import (
	"errors"
	"fmt"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// Exit codes.
const (
	Done        = 0
	Failed      = 1
	Differences = 2 // of ssmbak diff --detailed-exitcode
	Partly      = 3
	Interrupted = 130
	WrongUsage  = 252
)

// Failure is an error as a person reads it: what is wrong, what to type about it,
// "" if nothing is, and the exit code.
type Failure struct {
	Message, Hint string
	Code          int
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// Usage returns a [*Failure] of the caller's.
func Usage(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: WrongUsage}
}

// Fail returns a [*Failure] of the work.
func Fail(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: Failed}
}

// Part returns a [*Failure] of work of which some was done.
func Part(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: Partly}
}

// Unchanged is the [*Failure] of an interrupt before anything was changed.
func Unchanged() error {
	return &Failure{Message: "interrupted", Hint: "nothing was changed", Code: Interrupted}
}

// Explain puts any error into a [Failure]: one that it wraps, else what AWS said in
// plain words, else its own text.
func Explain(err error) Failure {
	var known *Failure
	if errors.As(err, &known) {
		return *known
	}
	f := Failure{Message: err.Error(), Code: Failed}
	if message, hint, ok := ExplainAWS(err); ok {
		f.Message, f.Hint = message, hint
		if errors.As(err, new(*awsconn.EndpointError)) || errors.As(err, new(*awsconn.RegionError)) {
			f.Code = WrongUsage
		}
	}
	return f
}

// Reason puts an error into one clause.
func Reason(err error) string {
	if message, _, ok := ExplainAWS(err); ok {
		return message
	}
	return err.Error()
}
