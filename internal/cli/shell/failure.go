package shell

import (
	"errors"
	"fmt"

	"github.com/ssmbak/ssmbak/internal/awsconn"
)

// The exit codes.
const (
	Done        = 0
	Failed      = 1
	Differences = 2 // of ssmbak diff --detailed-exitcode
	Partly      = 3
	Interrupted = 130
	WrongUsage  = 252
)

// Failure is an error for the user: a message, a hint what to type next, which may be
// "", and the exit code. Kind may be "" for that of the exit code.
type Failure struct {
	Message, Hint string
	Code          int
	Kind          Kind
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// Usage returns a [*Failure] for wrong usage.
func Usage(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: WrongUsage}
}

// Judged returns the error of a command that judges, such as status: [Partly] if there are
// problems, and [Failed] if there are none but something could not be seen.
func Judged(problems, unseen int) error {
	switch {
	case problems > 0:
		return KindNeedsAttention.Part("", "%s", Count(problems, "problem needs attention", "problems need attention"))
	case unseen > 0:
		return KindUnseen.Fail("allow what the lines name, or run it with other credentials", "could not see everything: %s", Count(unseen, "check is missing", "checks are missing"))
	}
	return nil
}

// Unchanged returns the [*Failure] for an interrupt before anything was changed.
func Unchanged() error {
	return &Failure{Message: "interrupted", Hint: "nothing was changed", Code: Interrupted}
}

// Explain returns a [Failure] for any error: the one that it wraps, or the explanation
// of an AWS error, or the error's own text.
func Explain(err error) Failure {
	if known, ok := errors.AsType[*Failure](err); ok {
		return *known
	}
	f := Failure{Message: err.Error(), Code: Failed}
	if kind, message, hint := explainAWS(err); kind != "" {
		f.Message, f.Hint, f.Kind = message, hint, kind
		if errors.As(err, new(*awsconn.EndpointError)) || errors.As(err, new(*awsconn.RegionError)) {
			f.Code = WrongUsage
		}
	}
	return f
}

// Reason returns an error's message as one clause.
func Reason(err error) string {
	if message, _, ok := ExplainAWS(err); ok {
		return message
	}
	return err.Error()
}
