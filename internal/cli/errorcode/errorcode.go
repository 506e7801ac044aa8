// Package errorcode assigns the codes of docs/output.md to the errors of the library, for
// both programs.
package errorcode

import (
	"errors"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/pattern"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/recorder"
)

// rule is the code of one type of error, or of one sentinel.
type rule struct {
	is   func(error) bool
	kind shell.Kind
}

// rules are in the order in which they apply: of an error that wraps another one, the outer
// type decides, except for those that only say where the inner one occurred.
var rules = []rule{
	{typed[*ssmbak.NameError], shell.KindWrongUsage},
	{typed[*ssmbak.TimeError], shell.KindWrongUsage},
	{typed[*pattern.Error], shell.KindWrongUsage},
	{typed[*plan.DestinationError], shell.KindWrongUsage},
	{typed[*plan.UnmatchedError], shell.KindNoMatch},
	{typed[*plan.FileError], shell.KindInvalidPlanFile},

	{typed[*archive.MismatchError], shell.KindWrongAccount},
	{typed[*archive.NotVersionedError], shell.KindNotVersioned},
	{typed[*archive.FormatError], shell.KindNewerFormat},
	{typed[*archive.HiddenError], shell.KindHidden},
	{typed[*archive.MissingIndexError], shell.KindMissingIndex},
	{typed[*archive.NotReplicatedError], shell.KindNotReplicated},
	{typed[*archive.DamagedError], shell.KindDamaged},
	{typed[*archive.MarkExistsError], shell.KindMarkExists},
	{typed[*archive.DrillInProgressError], shell.KindDrillInProgress},
	{typed[*archive.TooLargeError], shell.KindTooLarge},
	{typed[*archive.BudgetError], shell.KindTooLarge},
	{typed[*archive.TooManyMissedError], shell.KindTooMany},
	{typed[*archive.SignatureError], shell.KindNotSigned},
	{typed[*archive.SignError], shell.KindSigningFailed},
	{typed[*archive.ClockError], shell.KindClockSkewed},
	{is(archive.ErrNoBucket), shell.KindNoBucket},
	{is(archive.ErrExpired), shell.KindUnavailable},
	{is(archive.ErrNothing), shell.KindNotFound},
	{is(archive.ErrNoMark), shell.KindNotFound},
	{is(archive.ErrNoRestore), shell.KindNotFound},
	{is(archive.ErrNoTest), shell.KindNotFound},

	{typed[*recorder.ContradictionError], shell.KindContradicted},
	{typed[*recorder.PanicError], shell.KindInternalError},

	{typed[*paramstore.UnreadableError], shell.KindUnavailable},
	{typed[*paramstore.RefusedError], shell.KindRefused},
	{typed[*paramstore.BusyError], shell.KindBusy},
	{is(paramstore.ErrCredentials), shell.KindExpiredCredentials},
	{is(paramstore.ErrNotFound), shell.KindNotFound},
	{is(paramstore.ErrExists), shell.KindExists},
	{is(paramstore.ErrChanged), shell.KindBusy},
}

// Of returns the code of an error of the library or of AWS, and "" for any other.
func Of(err error) shell.Kind {
	if kind := shell.Explain(err).Kind; kind != "" {
		return kind
	}
	for _, r := range rules {
		if r.is(err) {
			return r.kind
		}
	}
	return ""
}

func typed[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func is(sentinel error) func(error) bool {
	return func(err error) bool { return errors.Is(err, sentinel) }
}
